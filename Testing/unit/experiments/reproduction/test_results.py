import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction.results import JSON, Reproduction, read_results

DONE = reproduced("li", [row_result("U-Net", (0.822,), 0.5)])


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


def test_rows_stand_in_the_papers_order_whatever_their_names_add(tmp_path):
    rows = [row_result(name, (0.822,), 0.5) for name in ("DALU-Net", "AU-Net, from random weights", "another")]
    told = DONE.protocols["published"].model_copy(update={"rows": tuple(rows)})
    found = DONE.with_protocol("published", told, ["U-Net", "AU-Net", "DALU-Net"]).protocols["published"].rows
    assert [row.name for row in found] == ["U-Net", "AU-Net, from random weights", "DALU-Net", "another"]
