import pytest
from support.determinism_cases import ELSEWHERE, HERE, JOBS, comparable, differing, make_inputs
from support.sandbox import Sandbox
from support.warm_processes import LIBRARY

from robustness.stress.campaigns import determinism

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")


@pytest.fixture(scope="module")
def sandboxes():
    both = tuple(Sandbox(*LIBRARY, own_interpreter=True, **place) for place in (HERE, ELSEWHERE))
    yield both
    for one in both:
        one.close()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("inputs") / "made", 0)


@pytest.mark.parametrize(
    "job",
    ["segment", "cohort", "evaluate", "phantom", "preprocess", "export slices", "export bundle", "split", "train"],
)
def test_the_same_input_gives_the_same_bytes_in_another_folder_locale_and_time_zone(job, inputs, tmp_path, sandboxes):
    assert determinism.tried(job, inputs, tmp_path, sandboxes) == ""


@pytest.mark.parametrize("kind", ["time", "folder", "set"])
def test_what_must_not_be_in_a_file_is_noticed(kind, tmp_path, sandboxes, monkeypatch):
    monkeypatch.setitem(JOBS, "careless", (("support.careless:write", kind),))
    (tmp_path / "inputs").mkdir()
    assert determinism.tried("careless", tmp_path / "inputs", tmp_path, sandboxes) == "careless: out.txt differ"


def test_of_what_files_hold_the_seconds_of_a_comparison_alone_are_passed_over():
    assert comparable("out/patients.json", b'{"seconds": 1.5, "dice": 0.5}') == b'{"seconds": 0, "dice": 0.5}'
    one, other, third = (
        b"recipe,seconds,dice\na,%s,%s\n" % cells for cells in ((b"1", b"2"), (b"3", b"2"), (b"1", b"4"))
    )
    name = "out/comparison.csv"
    assert comparable(name, one) == comparable(name, other) != comparable(name, third)
    assert differing({"lesions.csv": one, "same": one}, {"lesions.csv": other, "same": one}) == ["lesions.csv"]
