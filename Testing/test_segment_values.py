import numpy as np
import pytest

from LiverTumorSegLib.datasets.segment_values import by_names, said_by


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("liver", "Liver", "whole liver", "liver_1", "Liver parenchyma", "liver segment 4"), 1),
        (("tumor", "Tumour 2", "liver lesion", "LIVER_TUMORS", "Metastasis", "liver metastases", "HCC", "hcc_1"), 2),
        (("Segment_1", "", "kidney", "delivery", "hccx", "sliver"), None),
        (("liver and tumor", "liver + lesions", "liver with tumour", "liver incl. HCC", "liver & lesion"), None),
        (("liver without lesions", "non-tumor liver", "tumor_free_liver", "liver minus tumor", "no lesion"), None),
        (("liver vessels", "liver_veins", "liver cyst", "hepatic artery of liver"), None),
    ],
)
def test_a_segments_name_tells_its_label_or_nothing(names, label):
    assert {name: said_by(name) for name in names} == dict.fromkeys(names, label)


def test_names_tell_labels_only_where_they_tell_all_that_is_marked():
    values = np.array([[[0, 1, 2]]])
    assert by_names(values, {1: "tumour", 2: "liver"}) == (
        {1: 2, 2: 1},
        "labels were taken from the names of its segments (tumour 1, liver 2).",
    )
    assert by_names(values, {1: "liver", 2: "tumour"}) == (None, "")
    assert by_names(values, {}) == (None, "")
    taken, doubt = by_names(values, {1: "tumour", 2: "spleen"})
    assert taken is None
    assert doubt == "its values were taken as labels, though the names of its segments differ (tumour 1, spleen 2)."
