import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import splits
from LiverTumorSegLib.datasets.splits import Round, Split, draw, load

LOADS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.one_of(st.just(0.0), st.floats(0, 2000)), min_size=12, max_size=40
)
SEEDS = st.integers(0, 1000)


@st.composite
def grouped(draw_from):
    """Loads and groups of names, of which some overlap and some name nobody."""
    loads = draw_from(LOADS)
    names = st.sampled_from([*sorted(loads), "nobody"])
    return loads, draw_from(st.lists(st.lists(names, min_size=1, max_size=3), max_size=3))


def parts_of(split):
    return split.folds or (split.train, split.validation, split.test)


def person_of(loads, groups):
    """Smallest name of everyone's person, by spreading it until nothing changes."""
    person = {name: name for name in loads}
    for _ in loads:
        for group in groups:
            known = [name for name in group if name in person]
            for name in known:
                person[name] = min(person[other] for other in known)
    return person


@settings(max_examples=60, deadline=None)
@given(
    grouped(),
    st.sampled_from([{"folds": 2}, {"folds": 3}, {"validation": 0.2}, {"validation": 0.2, "test": 0.2}]),
    SEEDS,
)
def test_everyone_is_in_one_part_and_a_person_never_in_two(given_patients, how, seed):
    loads, groups = given_patients
    parts = parts_of(draw(loads, seed=seed, groups=groups, **how))
    assert sorted(name for part in parts for name in part) == sorted(loads)
    person = person_of(loads, groups)
    where = {}
    for at, part in enumerate(parts):
        for name in part:
            assert where.setdefault(person[name], at) == at


@settings(max_examples=60, deadline=None)
@given(LOADS, st.integers(2, 5), SEEDS)
def test_folds_differ_by_one_patient_and_by_the_largest_load_at_most(loads, folds, seed):
    parts = draw(loads, folds=folds, seed=seed).folds
    assert len(parts) == folds
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    totals = [sum(loads[name] for name in part) for part in parts]
    assert max(totals) - min(totals) <= max(loads.values()) * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(LOADS, SEEDS)
def test_patients_with_tumour_are_spread_evenly_over_folds(loads, seed):
    counts = [sum(loads[name] > 0 for name in part) for part in draw(loads, folds=3, seed=seed).folds]
    assert max(counts) - min(counts) <= 1


@settings(max_examples=60, deadline=None)
@given(LOADS, SEEDS)
def test_each_part_kept_back_has_its_share_and_the_rank_of_its_loads_is_spread(loads, seed):
    split = draw(loads, validation=0.25, test=0.25, seed=seed)
    count = round(len(loads) / 4)
    assert (len(split.validation), len(split.test)) == (count, count)
    ordered = sorted(loads.values(), reverse=True)
    ranked = sorted((loads[name] for name in split.test), reverse=True)
    for stretch, value in zip(np.array_split(ordered, count), ranked, strict=True):
        assert stretch[-1] <= value <= stretch[0]


@settings(max_examples=40, deadline=None)
@given(grouped(), st.randoms(), st.sampled_from([{"folds": 3}, {"validation": 0.3, "test": 0.1}]))
def test_the_order_given_decides_nothing(given_patients, random, how):
    loads, groups = given_patients
    shuffled = list(loads.items())
    random.shuffle(shuffled)
    other_groups = [group[::-1] for group in groups[::-1]]
    assert draw(loads, seed=3, groups=groups, **how) == draw(dict(shuffled), seed=3, groups=other_groups, **how)


def test_the_seed_decides():
    loads = {f"p{n}": float(n) for n in range(20)}
    assert draw(loads, folds=4, seed=0) == draw(loads, folds=4, seed=0)
    assert len({draw(loads, folds=4, seed=seed).folds for seed in range(5)}) == 5


def test_a_person_counts_with_the_largest_of_its_loads():
    loads = {"a": 100.0, "b": 90.0, "c": 80.0, "c again": 1.0}
    folds = draw(loads, folds=2, seed=1, groups=[("c", "c again")]).folds
    assert sorted(len(set(fold) - {"c again"}) for fold in folds) == [1, 2]
    (with_c,) = (fold for fold in folds if "c" in fold)
    assert "c again" in with_c
    assert not {"a", "b"} <= set(folds[0])
    assert not {"a", "b"} <= set(folds[1])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "has either folds or shares"),
        ({"folds": 2, "validation": 0.2}, "has either folds or shares"),
        ({"folds": 2, "test": 0.2}, "has either folds or shares"),
        ({"folds": 1}, "1 folds cannot be made of 3 patients"),
        ({"folds": 4}, "4 folds cannot be made of 3 patients"),
        ({"validation": 0.0}, "Shares of 0 and 0 cannot be held out"),
        ({"validation": 0.5, "test": 0.5}, "Shares of 0.5 and 0.5 cannot be held out"),
        ({"validation": float("nan")}, "Shares of nan"),
        ({"validation": 0.9}, "3 patients are too few to keep 3 of them back"),
    ],
)
def test_what_cannot_be_split_is_refused(how, words):
    with pytest.raises(UserError, match=words):
        draw({"a": 1.0, "b": 0.0, "c": 3.0}, seed=0, **how)


def test_rounds_validate_each_fold_on_the_others():
    split = Split(seed=0, folds=(("a",), ("b", "c"), ("d",)))
    assert split.rounds == (
        Round(("b", "c", "d"), ("a",)),
        Round(("a", "d"), ("b", "c")),
        Round(("a", "b", "c"), ("d",)),
    )
    only = Split(seed=0, train=("a",), validation=("b",), test=("c",))
    assert only.rounds == (Round(("a",), ("b",), ("c",)),)


@pytest.mark.parametrize("how", [{"folds": 3}, {"validation": 0.3}, {"validation": 0.3, "test": 0.2}])
def test_what_is_saved_is_loaded_and_not_replaced_unasked(tmp_path, how):
    loads = {f"p{n}": float(n) for n in range(10)}
    split, path = draw(loads, seed=5, **how), tmp_path / "split.json"
    split.save(path)
    assert load(path, loads) == split
    content = json.loads(path.read_text())
    assert (content["format"], content["seed"]) == (1, 5)
    assert set(content) - {"format", "seed"} in ({"folds"}, {"train", "validation"}, {"train", "validation", "test"})
    with pytest.raises(UserError, match="exists already"):
        split.save(path)
    split.save(path, overwrite=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"folds": [["a", "b"], ["a"]]}, "a occurs twice"),
        ({"train": ["a"], "validation": ["b"], "test": ["b"]}, "b occurs twice"),
        ({"folds": [["a"], ["x", "y"]]}, "names x and 1 more, who are not in the data"),
        ({"folds": [["a"], []]}, "none may be empty"),
        ({"folds": [["a", "b"]]}, "at least two folds"),
        ({"train": ["a"]}, "train and validation"),
        ({"folds": [["a"], ["b"]], "train": ["c"]}, "either folds, or train and validation"),
        ({"format": 2, "folds": [["a"], ["b"]]}, "format"),
        ({"fold": [["a"], ["b"]]}, "did you mean folds"),
        ("no", "is not a usable split"),
    ],
)
def test_files_that_are_no_split_of_these_patients_are_refused(tmp_path, content, words):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"format": 1, "seed": 0} | content) if isinstance(content, dict) else content)
    with pytest.raises(UserError, match=words) as caught:
        load(path, {"a", "b", "c"})
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_the_choice_can_be_checked_before_any_work():
    splits.check_choice(3, None, 0.0)
    splits.check_choice(None, 0.2, 0.1)
    with pytest.raises(UserError):
        splits.check_choice(3, 0.2, 0.0)
