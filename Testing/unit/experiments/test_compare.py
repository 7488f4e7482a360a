import json

import pytest
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.datasets.splits import Split
from LiverTumorSegLib.experiments import folds as folding
from LiverTumorSegLib.experiments import variants
from LiverTumorSegLib.experiments.compare import chosen_folds, compare, split_for
from LiverTumorSegLib.experiments.run_options import RunOptions

SPLIT = Split(seed=0, folds=(("volume-0",), ("volume-1", "volume-2")))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def two(tmp_path):
    """A recipe, and one that cannot be trained: its rate breaks every network."""
    plan = recipe_with(tmp_path, "schedule.steps=2")
    return variants.given(
        [
            plan,
            recipe_with(
                tmp_path, "schedule.steps=2", "name=broken", "sampling={lesion: 0, liver: 0, other: 0, joined: 1}"
            ),
        ]
    )


def test_one_that_fails_stops_no_other_and_is_named(two, data, tmp_path):
    told = []
    folds = chosen_folds(SPLIT, two.recipes["quick"].data, data, None)
    options = RunOptions(device="cpu", command="compare them", say=told.append)
    found = compare(two, data, tmp_path / "out", folds, options)
    assert list(found.results) == ["quick"]
    assert "No training slice shows what the recipe's sampling asks for" in found.failed["broken"]
    assert [sentence for sentence in told if sentence.startswith("broken: failed. No training slice")]
    found.write(tmp_path / "out")
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (content["command"], list(content["failed"])) == ("compare them", ["broken"])
    assert [one["name"] for one in content["results"]["quick"]] == ["volume-0", "volume-1", "volume-2"]
    page = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8")
    assert "Not in the table: broken. No training slice" in page
    assert "Not under equal conditions, sampling: not the same in quick and broken." in page
    assert (tmp_path / "out" / "comparison.csv").read_text().startswith('"recipe",')


def test_all_recipes_are_measured_on_the_same_patients_and_done_ones_are_skipped(data, tmp_path, monkeypatch):
    plans = [recipe_with(tmp_path, "schedule.steps=1", f"name={name}", "validation=[volume-1]") for name in ("a", "b")]
    folds = chosen_folds(SPLIT, plans[0].data, data, None)
    first = compare(variants.given(plans), data, tmp_path / "out", folds, RunOptions(device="cpu"))
    names = [[one.name for one in each] for each in first.results.values()]
    assert names == [["volume-0", "volume-1", "volume-2"]] * 2
    monkeypatch.setattr("LiverTumorSegLib.experiments.record.fit", None)
    monkeypatch.setattr("LiverTumorSegLib.experiments.trial.measure_patient", None)
    again = compare(variants.given(plans), data, tmp_path / "out", folds, RunOptions(device="cpu"))
    assert again.summary == first.summary


def test_one_fold_can_be_done_alone(data, tmp_path):
    plan = recipe_with(tmp_path, "schedule.steps=1")
    (fold,) = chosen_folds(SPLIT, plan.data, data, 1)
    found = compare(variants.given([plan]), data, tmp_path / "out", [fold], RunOptions(device="cpu"))
    assert [one.name for one in found.results["quick"]] == ["volume-1", "volume-2"]
    with pytest.raises(UserError, match="no fold 2: the split has the folds 0 to 1"):
        chosen_folds(SPLIT, plan.data, data, 2)


def test_without_anybody_to_compare_the_reasons_are_said(data, tmp_path):
    nobody = variants.Variants({}, {"unet3d": "It takes volumes."})
    with pytest.raises(UserError, match=r"Nothing is left to compare\. It takes volumes\."):
        compare(nobody, data, tmp_path / "out", [], RunOptions())


def test_differences_are_from_a_recipe_that_takes_part_and_from_the_best_where_it_fails(two, data, tmp_path):
    folds = chosen_folds(SPLIT, two.recipes["quick"].data, data, 0)
    with pytest.raises(UserError, match="--against other is not among what is compared: give one of quick, broken"):
        compare(two, data, tmp_path / "out", folds, RunOptions(), against="other")
    found = compare(two, data, tmp_path / "out", folds, RunOptions(device="cpu"), against="broken")
    assert found.summary["against"] == "quick"


def test_where_all_fail_there_are_no_tables(two, data, tmp_path):
    broken = variants.Variants({"broken": two.recipes["broken"]})
    folds = folding.folds_of(SPLIT, two.recipes["broken"].data, data)
    found = compare(broken, data, tmp_path / "out", folds, RunOptions(device="cpu"))
    found.write(tmp_path / "out")
    assert found.summary is None
    assert not list((tmp_path / "out").glob("comparison.*"))


def test_the_split_is_drawn_once_and_another_is_refused(data, tmp_path, monkeypatch):
    sources, options = recipe_with(tmp_path).data, {"overwrite": False, "job": Job()}
    drawn = split_for(tmp_path / "out", sources, data, folds=2, seed=3, **options)
    assert sorted(drawn.names) == ["volume-0", "volume-1", "volume-2"]
    with monkeypatch.context() as patch:
        patch.setattr("LiverTumorSegLib.experiments.compare.draw_folds", None)
        assert split_for(tmp_path / "out", sources, data, folds=2, seed=3, **options) == drawn
    with pytest.raises(UserError, match="has 2 folds drawn with the seed 3, not 3 with 3: go on with those"):
        split_for(tmp_path / "out", sources, data, folds=3, seed=3, **options)
    other = split_for(tmp_path / "out", sources, data, folds=3, seed=3, overwrite=True, job=Job())
    assert len(other.folds) == 3


def test_a_split_of_other_patients_is_drawn_anew_or_refused(data, tmp_path):
    sources = recipe_with(tmp_path).data
    Split(seed=3, folds=(("volume-0",), ("volume-1",))).save(tmp_path / "out" / "split.json")
    with pytest.raises(UserError, match="other patients than the data hold, volume-2: give those data, .*--overwrite"):
        split_for(tmp_path / "out", sources, data, folds=2, seed=3, overwrite=False, job=Job())
    again = split_for(tmp_path / "out", sources, data, folds=2, seed=3, overwrite=True, job=Job())
    assert sorted(again.names) == ["volume-0", "volume-1", "volume-2"]
