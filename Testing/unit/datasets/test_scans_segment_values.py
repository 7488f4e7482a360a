from pathlib import Path

import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.scans import refuse_unnamed_segments, values_from_names


def test_names_tell_labels_only_where_they_tell_all_that_is_marked():
    values = np.array([[[0, 1, 2]]])
    assert values_from_names(values, {1: "tumour", 2: "liver"}) == (
        {1: 2, 2: 1},
        "labels were taken from the names of its segments (tumour 1, liver 2).",
    )
    assert values_from_names(values, {1: "liver", 2: "tumour"}) == (None, "")
    assert values_from_names(values, {}) == (None, "")
    taken, doubt = values_from_names(values, {1: "tumour", 2: "kidney"})
    assert taken is None
    assert doubt == "its values were taken as labels, though the names of its segments differ (tumour 1, kidney 2)."


def test_many_lesions_are_one_label():
    names = {1: "Liver", 2: "Lesion 1", 3: "Lesion 2", 4: "Segment_4 (lesion)"}
    told, doubt = values_from_names(np.array([[[0, 1, 2, 3, 4]]]), names)
    assert told == {1: 1, 2: 2, 3: 2, 4: 2}
    assert doubt.endswith("(Liver 1, Lesion 1 2, Lesion 2 3, Segment_4 (lesion) 4).")


def test_the_first_of_many_segments_are_listed():
    names = {1: "Liver"} | {number: f"Lesion {number - 1}" for number in range(2, 300)}
    _, doubt = values_from_names(np.arange(300)[None, None], names)
    assert doubt.endswith("(Liver 1, Lesion 1 2, Lesion 2 3, Lesion 3 4, Lesion 4 5 and 294 more).")


def test_where_values_are_but_an_order_a_marked_segment_of_another_structure_is_refused():
    names = {1: "Liver", 2: "Spleen", 3: "Lesion 1"}
    refuse_unnamed_segments(np.array([[[0, 1, 3]]]), names, Path("seg.dcm"), "say which")
    with pytest.raises(UserError, match=r"seg.dcm has segments .* \(Spleen 2\): say which\."):
        refuse_unnamed_segments(np.array([[[0, 1, 2]]]), names, Path("seg.dcm"), "say which")


def test_structures_that_are_known_are_background_or_liver_where_they_say_so():
    values = np.array([[[0, 1, 2, 3, 4, 7, 12]]])
    names = {
        1: "liver", 2: "liver lesion", 3: "liver vessels, in the liver", 4: "hepatic veins", 7: "spleen",
        12: "liver segment II",
    }  # fmt: skip
    taken, doubt = values_from_names(values, names)
    assert taken == {1: 1, 2: 2, 3: 1, 4: 0, 7: 0, 12: 1}
    assert doubt.startswith("labels were taken from the names of its segments (liver 1, liver lesion 2, liver vessels,")
