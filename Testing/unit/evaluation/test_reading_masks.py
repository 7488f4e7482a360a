import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.reading import to_labels
from LiverTumorSegLib.io.volumes import read_stored


@pytest.fixture
def read(tmp_path):
    """A function that writes voxels with segments of these names and values, and reads their labels."""

    def read(voxels, segments, name="a.seg.nrrd", **options):
        image = sitk.GetImageFromArray(np.array([[voxels]], np.uint8))
        for number, (title, value) in enumerate(segments):
            image.SetMetaData(f"Segment{number}_Name", title)
            image.SetMetaData(f"Segment{number}_LabelValue", str(value))
        sitk.WriteImage(image, str(tmp_path / name))
        found = to_labels(read_stored(tmp_path / name), tmp_path / name, "--values", **options)
        return found.values.ravel().tolist(), found.warnings

    return read


@pytest.mark.parametrize(
    ("voxels", "segments", "labels", "listed"),
    [
        ([0, 1, 2], [("liver", 2), ("tumor", 1)], [0, 2, 1], "tumor 1, liver 2"),
        ([0, 1, 1], [("HCC", 1)], [0, 2, 2], "HCC 1"),
        (
            [0, 3, 4, 5],
            [("tumour a", 4), ("tumour b", 5), ("Liver", 3)],
            [0, 1, 2, 2],
            "Liver 3, tumour a 4, tumour b 5",
        ),
        ([0, 1, 2], [("liver", 2), ("tumor", 1), ("kidney", 3)], [0, 2, 1], "tumor 1, liver 2"),
    ],
)
def test_names_decide_where_they_tell_all_that_is_marked(read, voxels, segments, labels, listed):
    assert read(voxels, segments) == (labels, (f"labels were taken from the names of its segments ({listed}).",))


@pytest.mark.parametrize(
    "segments",
    [
        [],
        [("liver", 1), ("liver lesion", 2)],
        [("Segment_1", 1), ("Segment_2", 2)],
        [("liver", 1), ("Segment_2", 2)],
        [("liver", 1), ("tumor", 2), ("tumor", 3)],  # the last one marks nothing
    ],
)
def test_values_stay_without_a_word_where_no_name_says_otherwise(read, segments):
    assert read([0, 1, 2], segments) == ([0, 1, 2], ())


def test_values_stay_with_a_sentence_where_only_some_names_say_otherwise(read):
    sentence = "its values were taken as labels, though the names of its segments differ (tumor 1, Segment_2 2)."
    assert read([0, 1, 2], [("tumor", 1), ("Segment_2", 2)]) == ([0, 1, 2], (sentence,))


def test_given_values_go_before_names(read):
    assert read([0, 1, 2, 9], [("tumor", 1), ("liver", 2)], values={1: 1, 2: 2}) == ([0, 1, 2, 0], ())


def test_given_values_that_mark_nothing_are_doubted_unless_nothing_is_marked(read):
    sentence = "it is marked somewhere, but nowhere with a value given (liver 5, lesion 7)."
    assert read([0, 1, 2], [], values={5: 1, 7: 2}) == ([0, 0, 0], (sentence,))
    assert read([0, 0, 0], [], values={5: 1, 7: 2}) == ([0, 0, 0], ())


def test_other_values_come_with_the_option_that_names_them(read):
    with pytest.raises(UserError, match=r"a\.mha holds .* \(5\): say which .* with --values, such as --values liver=5"):
        read([0, 5], [], "a.mha")
