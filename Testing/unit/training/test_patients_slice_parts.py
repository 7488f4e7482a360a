import numpy as np
import pytest
import torch
from support.training_cases import make_data, make_volumes, patient, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import patients
from LiverTumorSegLib.training.held_out import SliceSplit
from LiverTumorSegLib.training.patients import split_slices


def numbered(name, count, first):
    """A patient each of whose slices holds a number that no other slice of anybody holds."""
    pixels = (torch.arange(count) + first).reshape(-1, 1, 1).expand(-1, 4, 4)
    return patient(np.zeros((count, 4, 4)), pixels, name)


def content(parted):
    return sorted(int(one.pixels[at].unique()) for one in parted for at in range(len(one.numbers)))


COHORT = [numbered("a", 10, 0), numbered("b", 1, 10), numbered("c", 19, 11)]


def test_no_slice_that_is_held_out_occurs_in_training():
    train, held_out = split_slices(COHORT, SliceSplit(slices=0.2, seed=3))
    assert len(content(held_out)) == 6
    assert sorted(content(train) + content(held_out)) == list(range(30))
    assert not set(content(train)) & set(content(held_out))


def test_the_seed_alone_decides_and_who_has_no_slice_is_in_no_part():
    again, other = (content(split_slices(COHORT, SliceSplit(slices=0.2, seed=seed))[1]) for seed in (3, 4))
    assert again == content(split_slices(COHORT, SliceSplit(slices=0.2, seed=3))[1]) != other
    for seed in range(8):
        parts = split_slices(COHORT, SliceSplit(slices=0.2, seed=seed))
        assert sum(one.name == "b" for each in parts for one in each) == 1


def test_slices_for_validation_are_of_those_that_are_not_held_out():
    whole, held_out = split_slices(COHORT, SliceSplit(slices=0.2, seed=3))
    split = SliceSplit(slices=0.2, validation=0.1, seed=3)
    train, validated = split_slices(COHORT, split)
    assert len(content(validated)) == 3
    assert sorted(content(train) + content(validated)) == content(whole)
    assert content(split_slices(COHORT, split.held_out_alone)[1]) == content(held_out)


def test_neighbours_are_of_the_same_part():
    train, held_out = split_slices(COHORT, SliceSplit(slices=0.5, seed=1))
    for parted in (train, held_out):
        own = set(content(parted))
        for one in parted:
            stack = one.stack(one.neighbours(0, 2.0, 5))
            assert {int(value) for value in stack.unique()} <= own


@pytest.mark.parametrize("made", [make_data, make_volumes])
def test_a_recipe_with_a_share_of_slices_reads_both_parts(tmp_path, made):
    root = made(tmp_path)
    data = ["data=[{volumes: LITS}]"] if made is make_volumes else []
    wanted = ("validation=[]", "split={slices: 0.3, seed: 1}", "patients=[volume-0, volume-2]", *data)
    plan = recipe_with(tmp_path, *wanted)
    found = patients.read(plan, root, tmp_path / "cache", say=lambda _: None, job=Job())
    numbers = [{(one.name, int(n)) for one in each for n in one.numbers} for each in (found.train, found.validation)]
    assert [len(each) for each in numbers] == [14, 6]
    assert not numbers[0] & numbers[1]
    assert {name for name, _ in numbers[0] | numbers[1]} == {"volume-0", "volume-2"}
    assert found.held_out == ()


def test_patients_who_are_not_in_the_data_are_named(tmp_path):
    root = make_data(tmp_path)
    plan = recipe_with(tmp_path, "validation=[]", "patients=[volume-7]")
    with pytest.raises(UserError, match="recipe's patients volume-7 are not in the data"):
        patients.read(plan, root, tmp_path / "cache", say=lambda _: None, job=Job())


def test_only_those_who_are_used_are_trained_on_and_validated(tmp_path):
    root = make_data(tmp_path)
    plan = recipe_with(tmp_path, "validation=[volume-2]", "patients=[volume-0, volume-2]")
    found = patients.read(plan, root, tmp_path / "cache", say=lambda _: None, job=Job())
    assert [one.name for one in found.train] == ["volume-0"]
    assert [one.name for one in found.validation] == ["volume-2"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("patients=[volume-0]", "split={file: split.json}"), "patients and the file of a split both say who is used"),
        (
            ("split={slices: 0.2}", "crop=null", "patches={spacing_mm: [2, 2, 2], size: [32, 32, 32]}"),
            "of which no slices can be held out",
        ),
        (("split={slices: 1.5}",), "slices"),
        (("split={slices: 0.6, validation: 0.4}",), "leave nothing to train on"),
        (("split={slices: 0.2}", "test=[volume-0]"), "test and split both say who is measured afterwards"),
    ],
)
def test_splits_that_do_not_fit_are_refused(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        recipe_with(tmp_path, "validation=[]", *changes)


def test_who_is_kept_for_a_test_is_neither_trained_on_nor_validated_nor_read(tmp_path):
    root = make_volumes(tmp_path)
    (root / "LITS" / "volume-1.nii.gz").write_bytes(b"nothing")
    plan = recipe_with(tmp_path, "data=[{volumes: LITS}]", "validation=[volume-2]", "test=[volume-1]")
    found = patients.read(plan, root, tmp_path / "cache", say=lambda _: None, job=Job())
    assert [one.name for one in (*found.train, *found.validation)] == ["volume-0", "volume-2"]
    assert (found.held_out, found.test) == (("volume-2",), ("volume-1",))


def test_nobody_is_validated_on_and_kept_for_the_test(tmp_path):
    with pytest.raises(UserError, match="test and validation both name volume-2"):
        recipe_with(tmp_path, "validation=[volume-2]", "test=[volume-2]")


def test_test_patients_who_are_not_in_the_data_are_named(tmp_path):
    root = make_data(tmp_path)
    plan = recipe_with(tmp_path, "validation=[]", "test=[volume-7]")
    with pytest.raises(UserError, match="recipe's test patients volume-7 are not in the data"):
        patients.read(plan, root, tmp_path / "cache", say=lambda _: None, job=Job())
