import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from PIL import Image
from support.reproduction_cases import unmeasured
from support.training_cases import make_volumes

from LiverTumorSegLib.experiments.reproduction import examples as module
from LiverTumorSegLib.experiments.reproduction.examples import chosen
from LiverTumorSegLib.experiments.reproduction.request import Settings
from LiverTumorSegLib.experiments.reproduction.run import reproduce
from LiverTumorSegLib.experiments.run_options import RunOptions


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder of the data, and of the results of each system: what one test has measured, the next finds there."""
    folder = tmp_path_factory.mktemp("examples")
    make_volumes(folder / "data", range(5))
    return folder


@pytest.fixture
def examples(place, monkeypatch):
    unmeasured(monkeypatch)

    def run(name, protocol):
        settings = Settings(size="quick", changes={"schedule.steps": 3}, rows=["U-Net"])
        options = RunOptions(device="cpu", cache=place / "cache")
        done = reproduce(name, place / "data" / "LITS", place / name, protocol, settings, options)
        (row,) = done.protocols[protocol].rows
        return row.examples

    return run


def test_best_median_and_worst_are_told_apart_and_the_larger_is_worse_of_equals():
    ranked = [(0.0, 5, "small"), (0.9, 9, "good"), (0.0, 50, "large"), (0.4, 9, "fair"), (0.2, 9, "poor")]
    assert [(kind, name) for kind, _, name in chosen(ranked)] == [
        ("best", "good"),
        ("median", "poor"),
        ("worst", "large"),
    ]


def test_of_two_there_is_no_median_and_of_one_no_worst():
    assert [kind for kind, *_ in chosen([(0.5, 1, "a"), (0.2, 1, "b")])] == ["best", "worst"]
    assert [kind for kind, *_ in chosen([(0.5, 1, "a")])] == ["best"]
    assert not list(chosen([]))


def test_slices_are_drawn_with_reference_and_prediction(examples, place):
    found = examples("dhanush", "published")
    assert [one.kind for one in found] == ["best", "median", "worst"]
    assert found[0].dice >= found[1].dice >= found[2].dice
    assert {(one.unit, one.structure) for one in found} == {("slices", "liver")}
    with Image.open(place / "dhanush" / found[0].picture) as picture:
        assert picture.width > 2 * picture.height


def test_patients_are_drawn_by_their_own_dice(examples, place):
    found = examples("ahmad", "sound")
    assert {(one.unit, one.structure, one.of) for one in found} == {("patients", "lesion", found[0].of)}
    assert all((place / "ahmad" / one.picture).is_file() for one in found)


def test_pictures_that_are_there_are_not_drawn_again(examples, place, monkeypatch):
    found = examples("dhanush", "published")
    drawing = module._slice_pictures
    monkeypatch.setattr(module, "_slice_pictures", lambda *_: pytest.fail("drawn again"))
    assert examples("dhanush", "published") == found
    (place / "dhanush" / found[0].picture).unlink()
    monkeypatch.setattr(module, "_slice_pictures", drawing)
    assert examples("dhanush", "published") == found
    assert (place / "dhanush" / found[0].picture).is_file()


def test_nothing_in_the_tables_is_a_place_on_this_machine(examples, place):
    examples("dhanush", "published")
    tables = list((place / "dhanush").glob("reproduction.*"))
    assert tables
    for path in tables:
        assert str(place) not in path.read_text(encoding="utf-8")
