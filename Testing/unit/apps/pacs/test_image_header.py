import pytest
from pydicom import config
from support.pacs_core_cases import series

from LiverTumorSegLib.apps.pacs import image_header
from LiverTumorSegLib.apps.pacs.image_header import ImageHeader, Refused
from LiverTumorSegLib.apps.pacs.rules import SeriesFacts


@pytest.fixture
def written(tmp_path):
    def written(**values):
        [image] = series(count=1)
        for keyword, value in values.items():
            setattr(image, keyword, value)
        with config.disable_value_validation():
            image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
        return tmp_path / "image.dcm"

    return written


def test_an_image_s_identifiers_are_read(written):
    assert image_header.read(written()) == ImageHeader("1.2.3.1", "1.2.3", "1.2.9")


def test_what_rules_go_by_is_read(written):
    stated = {
        "SpecificCharacterSet": "ISO_IR 100",
        "SeriesDescription": "Vénous",
        "BodyPartExamined": "ABDOMEN",
        "SliceThickness": "2.5",
        "ImageType": ["DERIVED", "PRIMARY", "LOCALIZER"],
    }
    assert image_header.series_facts([written(**stated)] * 7) == SeriesFacts(
        7, "CT", "ABDOMEN", "Vénous", 2.5, is_localiser=True
    )


def test_what_is_not_stated_is_empty(written):
    assert image_header.series_facts([written(SeriesDescription=None)] * 7) == SeriesFacts(7)


@pytest.mark.parametrize("thickness", ["", "thick", "nan", "-1", "1e999"])
@pytest.mark.filterwarnings("ignore")
def test_a_thickness_that_is_none_is_not_stated(written, thickness):
    with config.disable_value_validation():
        path = written(SliceThickness="")
        path.write_bytes(path.read_bytes().replace(b"\x18\x00\x50\x00DS\x00\x00", thick(thickness)))
        assert image_header.series_facts([path] * 7).thickness_mm is None


def thick(value):
    padded = value.encode() + b" " * (len(value) % 2)
    return b"\x18\x00\x50\x00DS" + len(padded).to_bytes(2, "little") + padded


def test_long_values_are_left_in_the_file(written):
    assert image_header.read(written(ImageComments="x" * 10_000, SeriesDescription="y" * 20_000)).series == "1.2.3"


def test_a_file_that_nests_without_end_is_refused(written):
    path = written()
    item = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    content = path.read_bytes()
    at = content.index(b"\x08\x00\x60\x00CS")
    path.write_bytes(content[:at] + item * 20_000 + content[at:])
    with pytest.raises(Refused):
        image_header.read(path)


def test_a_file_that_is_gone_is_no_refusal(tmp_path):
    with pytest.raises(FileNotFoundError):
        image_header.read(tmp_path / "gone.dcm")
