import pytest

from LiverTumorSegLib.io.dicom_seg import label_from_name, mentions_liver


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("liver", "Liver", "whole liver", "liver_1", "Liver parenchyma", "liver segment 4"), 1),
        (
            (
                "tumor",
                "Tumour 2",
                "liver lesion",
                "LIVER_TUMORS",
                "Metastasis",
                "liver metastases",
                "HCC",
                "hcc_1",
                "Neoplasm",
                "mass 3",
                "Carcinoma",
                "colorectal liver metastasis",
                "colorectal metastasis 2",
                "peripheral lesion",
            ),
            2,
        ),
        (("Segment_1", "", "kidney", "delivery", "hccx", "sliver", "massive"), None),
        (("liver and tumor", "liver + lesions", "liver with tumour", "liver incl. HCC", "liver & lesion"), None),
        (("liver without lesions", "non-tumor liver", "tumor_free_liver", "liver minus tumor", "no lesion"), None),
        (("Liver excluding tumour", "Liver excl. lesions", "Liver except metastases", "outside the lesion"), None),
        (("Nontumorous liver", "Peritumoral liver", "Liver tumor thrombus"), None),
        (("Kidney tumour", "Spleen lesion", "Lung metastasis", "lymph node metastases"), None),
        (("liver vessels", "liver_veins", "liver cyst", "hepatic artery of liver"), None),
    ],
)
def test_a_segments_name_tells_its_label_or_nothing(names, label):
    assert {name: label_from_name(name) for name in names} == dict.fromkeys(names, label)


def test_a_place_is_of_the_liver_by_its_words():
    assert mentions_liver("Right lobe of liver")
    assert not mentions_liver("Kidney")
