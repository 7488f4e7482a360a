from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting.lesion_numbers import read_numbers
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions
from LiverTumorSegLib.reporting.measuring import MeasuredLabels

SHAPE = (7, 11, 12)
AFFINES = (
    np.diag([-0.8, -0.9, 2.0, 1.0]),
    np.array([[0.0, 0, -2, 3], [0.7, 0, 0, 1], [0.1, -0.9, 0, 4], [0, 0, 0, 1]]),
)


def start(seed, affine):
    random = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:6, 1:10, 2:11] = 1
    labels[random.random(SHAPE) < 0.015] = 2
    return labels, Volume(random.integers(-100, 200, SHAPE).astype(np.int16), affine)


@st.composite
def strokes(draw):
    """Boxes with the labels that they become: liver, lesions and nothing, as a brush or random."""
    low = [draw(st.integers(0, length - 1)) for length in SHAPE]
    high = [draw(st.integers(at + 1, min(length, at + 5))) for at, length in zip(low, SHAPE, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    size = [side.stop - side.start for side in box]
    kind = draw(st.sampled_from(["0", "1", "2", "noise", "all"]))
    if kind == "all":
        box = tuple(slice(0, length) for length in SHAPE)
        return box, np.full(SHAPE, draw(st.integers(0, 2)), np.uint8)
    if kind == "noise":
        return box, np.random.default_rng(draw(st.integers(0, 99))).integers(0, 3, size).astype(np.uint8)
    return box, np.full(size, int(kind), np.uint8)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 50),
    st.sampled_from(AFFINES),
    st.lists(st.lists(strokes(), min_size=1, max_size=2), max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_what_is_measured_again_after_strokes_is_what_the_whole_is_measured_as(seed, affine, turns, liver, judged):
    labels, volume = start(seed, affine)
    chances = np.random.default_rng(seed).random(SHAPE).astype(np.float32) if judged else None
    marks = ("liver", "lesion") if liver else ("lesion",)
    measured = MeasuredLabels(labels, volume, marks, chances)
    for turn in turns:
        before = measured.numbers
        for box, becomes in turn:
            labels[box] = becomes
        measured.change(turn)
        whole = measure_lesions(labels, volume, marks, chances)
        assert without_numbers(measured.table) == without_numbers(whole)
        assert np.array_equal(measured.labels, labels)
        assert np.array_equal(number_lesions(labels, volume, measured.table), measured.numbered)
        held = {number: np.zeros(SHAPE, bool) for number in measured.numbers.there}
        for number, lesion in measured.numbers.there.items():
            held[number][lesion.box] = lesion.values
            assert np.array_equal(held[number], measured.numbered == number + 1)
        if len(turn) == 1:
            again = measure_lesions(labels, volume, marks, chances, numbers=before)
            assert again == measured.table
            assert before.after(measured.numbered).to_text() == measured.numbers.to_text()


def without_numbers(table):
    """A table with its lesions in the order of their voxels; what it says of the anatomy names them by number."""
    lesions = sorted((replace(lesion, number=0) for lesion in table.lesions), key=lambda lesion: lesion.inside_voxel)
    return replace(table, lesions=tuple(lesions), anatomy=len(table.anatomy))


def test_a_lesion_is_measured_again_only_where_it_changed(monkeypatch):
    from LiverTumorSegLib.reporting import measuring

    labels, volume = start(0, AFFINES[0])
    labels[labels == 2] = 1
    labels[3, 3, 3:5] = labels[3, 8, 8] = 2
    measured, taken, deep = MeasuredLabels(labels, volume), [], []
    one, depth = measuring.measure_lesion, measuring.Surface.distance
    monkeypatch.setattr(measuring, "measure_lesion", lambda number, *rest: taken.append(number) or one(number, *rest))
    monkeypatch.setattr(measuring.Surface, "distance", lambda *given: deep.append(1) or depth(*given))
    spot = (slice(3, 4), slice(8, 9), slice(9, 10))
    measured.change([(spot, np.full((1, 1, 1), 2, np.uint8))])
    assert (taken, len(deep)) == ([2], 1)
    measured.change([(spot, np.full((1, 1, 1), 2, np.uint8))])  # nothing else
    corner = (slice(1, 2), slice(1, 2), slice(2, 3))
    measured.change([(corner, np.zeros((1, 1, 1), np.uint8))])  # of the liver: depths alone
    assert (taken, len(deep)) == ([2], 3)


def test_numbers_are_read_back_as_they_were_written():
    labels, volume = start(1, AFFINES[1])
    measured = MeasuredLabels(labels, volume)
    measured.change([((slice(0, 7), slice(0, 5), slice(0, 12)), np.ones((7, 5, 12), np.uint8))])
    text = measured.numbers.to_text()
    read = read_numbers(text, SHAPE)
    assert read.following == measured.numbers.following
    assert list(read.there) == list(measured.numbers.there)
    assert [number for number, _ in read.gone] == [number for number, _ in measured.numbers.gone]
    assert read.to_text() == text
    assert measure_lesions(measured.labels, volume, numbers=read) == measured.table
