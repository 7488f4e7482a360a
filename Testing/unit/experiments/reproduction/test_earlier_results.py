import json

import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction.earlier_results import read_results
from LiverTumorSegLib.experiments.reproduction.results import JSON, Reproduction

DONE = reproduced("li", [row_result("U-Net", (0.822, None), 0.5, 0.25)])


def keep(folder, done=DONE):
    folder.mkdir(exist_ok=True)
    (folder / JSON).write_text(done.model_dump_json())
    return folder


def fresh(**changes):
    return DONE.model_copy(update={"protocols": {}} | changes)


def test_what_another_protocol_measured_stays(tmp_path):
    found = read_results(keep(tmp_path), fresh(), overwrite=False)
    assert found == DONE
    both = found.with_protocol("sound", DONE.protocols["published"])
    assert list(both.protocols) == ["published", "sound"]
    sound_first = fresh().with_protocol("sound", DONE.protocols["published"])
    assert list(sound_first.with_protocol("published", DONE.protocols["published"]).protocols) == ["published", "sound"]


def test_an_empty_folder_is_begun(tmp_path):
    assert read_results(tmp_path / "none", fresh(), overwrite=False) == fresh()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": "small"}, "has --size quick, not small"),
        ({"data": "other"}, "is on LITS .*, not on other"),
        ({"name": "ahmad"}, "is of li, not of ahmad"),
    ],
)
def test_another_reproduction_is_not_overwritten_unasked(tmp_path, change, said):
    keep(tmp_path)
    with pytest.raises(UserError, match=f"The reproduction in .* {said}: .*--overwrite"):
        read_results(tmp_path, fresh(**change), overwrite=False)
    assert read_results(tmp_path, fresh(**change), overwrite=True) == fresh(**change)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / JSON).write_text("{")
    with pytest.raises(UserError, match="reproduction.json is not what this version writes"):
        read_results(tmp_path, fresh(), overwrite=False)
    assert read_results(tmp_path, fresh(), overwrite=True) == fresh()


def test_it_comes_back_from_its_file_as_it_was(tmp_path):
    assert Reproduction.model_validate_json((keep(tmp_path) / JSON).read_bytes()) == DONE


def of_before(**changes):
    """The same as an earlier version wrote it."""
    content = json.loads(DONE.model_dump_json()) | {"format": 1} | changes
    content["quick"] = content.pop("size") == "quick"
    for row in content["protocols"]["published"]["rows"]:
        del row["steps"], row["comparable"]
    return json.dumps(content)


def test_figures_that_an_earlier_version_measured_in_another_way_are_not_mixed_with_new_ones(tmp_path):
    (tmp_path / JSON).write_text(of_before())
    told = []
    assert read_results(tmp_path, fresh(), overwrite=False, say=told.append) == fresh()
    (sentence,) = told
    assert "reproduction.json were measured in another way by an earlier version and are not taken over" in sentence


def test_another_reproduction_of_an_earlier_version_is_refused_too(tmp_path):
    (tmp_path / JSON).write_text(of_before(name="ahmad"))
    with pytest.raises(UserError, match="reproduction.json is not what this version writes"):
        read_results(tmp_path, fresh(), overwrite=False)
