import pytest

from LiverTumorSegLib.core.case_names import CaseName, natural_sort_key, parse_case_name


@pytest.mark.parametrize(
    ("stem", "case", "is_mask"),
    [
        ("volume-3", "volume-3", False),
        ("segmentation-3", "volume-3", True),
        ("test-segmentation-03", "volume-3", True),
        ("test-volume-3", "volume-3", False),
        ("volume-3_pred", "volume-3", True),
        ("liver_12", "liver_12", False),
        ("Patient 7-Seg", "Patient 7", True),
        ("a_label", "a", True),
        ("a-labels", "a", True),
        ("a_mask_prediction", "a", True),
        ("a_segmentation", "a", True),
        ("my-volume-3", "my-volume-3", False),
        ("volume-3b", "volume-3b", False),
        ("mask", "mask", False),
        ("_seg", "_seg", False),
        ("unmask", "unmask", False),
    ],
)
def test_a_name_says_the_case_and_whether_it_is_a_mask(stem, case, is_mask):
    assert parse_case_name(stem) == CaseName(case, is_mask)


def test_numbers_sort_by_what_they_count():
    names = ["volume-10", "volume-2", "b", "volume-2b", "3", "volume-02"]
    assert sorted(names, key=natural_sort_key) == ["3", "b", "volume-02", "volume-2", "volume-2b", "volume-10"]
