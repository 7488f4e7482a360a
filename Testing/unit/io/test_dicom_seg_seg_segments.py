import pytest
from pydicom.dataset import Dataset

from LiverTumorSegLib.io.dicom_seg import label_from_name, read_segment_names


def term(code, scheme="SCT", meaning="something"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, scheme, meaning
    return item


def segments(*described):
    """A data set with segments of a label, a type and a region."""
    dataset = Dataset()
    dataset.SegmentSequence = []
    for number, (label, kind, region) in enumerate(described, 1):
        one = Dataset()
        one.SegmentNumber, one.SegmentLabel = number, label
        if kind:
            one.SegmentedPropertyTypeCodeSequence = [kind]
        if region:
            one.AnatomicRegionSequence = [region]
        dataset.SegmentSequence.append(one)
    return dataset


@pytest.mark.parametrize(
    ("label", "kind", "region", "name", "said"),
    [
        ("Liver", None, None, "Liver", 1),
        ("Lesion 12", term("10200004"), None, "Lesion 12", 2),
        ("Segment_1", term("10200004"), None, "Segment_1 (liver)", 1),
        ("", term("T-62000", "SRT"), None, "liver", 1),
        ("Segment_2", term("4147007"), None, "Segment_2 (lesion)", 2),
        ("Segment_2", term("M-80003", "SRT"), term("T-62000", "SRT", "Liver"), "Segment_2 (lesion)", 2),
        ("Segment_2", term("86049000"), term("1", "99X", "Right lobe of liver"), "Segment_2 (lesion)", 2),
        ("Segment_2", term("86049000"), term("64033007", meaning="Kidney"), "Segment_2", None),
        ("Spleen", term("78961009"), None, "Spleen", None),
        ("liver vessels", term("10200004"), None, "liver vessels (liver)", None),
        ("A\x1b[2J", None, None, "A�[2J", None),
    ],
)
def test_the_label_says_what_a_segment_is_and_else_its_coded_type(label, kind, region, name, said):
    assert read_segment_names(segments((label, kind, region))) == {1: name}
    assert label_from_name(name) == said


def test_without_segments_there_are_no_names():
    assert read_segment_names(Dataset()) == {}
