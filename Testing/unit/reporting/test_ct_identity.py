from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread
from support import dicom_slices, enhanced_dicom

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io.volumes import read_volume
from LiverTumorSegLib.reporting.ct_identity import CTIdentity, find_ct_date, identify_ct


@pytest.fixture
def dated(tmp_path):
    """Make a series whose images state dates by their attributes."""

    def dated(**dates):
        dicom_slices.write(dicom_slices.plain(), tmp_path)
        for path in tmp_path.iterdir():
            image = dcmread(path)
            for name in ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate"):
                if name in image:
                    delattr(image, name)
            for name, stated in dates.items():
                setattr(image, name, stated)
            image.save_as(path)
        return read_volume(tmp_path, force=True)

    return dated


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        ({"AcquisitionDate": "20260314", "StudyDate": "20260313"}, "2026-03-14"),
        ({"AcquisitionDate": "", "StudyDate": "2026.03.13"}, "2026-03-13"),
        ({"SeriesDate": "20261399"}, ""),
        ({}, ""),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
def test_the_day_is_that_of_acquisition_or_the_nearest_that_is_stated(dated, dates, found):
    assert find_ct_date(dated(**dates)) == found


@pytest.mark.parametrize(
    ("of_frames", "dates", "found"),
    [
        (["20260315", "20260314235959.5"], {"StudyDate": "20260313"}, "2026-03-14"),
        (["", ""], {"AcquisitionDateTime": "20260314101112+0100", "StudyDate": "20260313"}, "2026-03-14"),
        (["", ""], {"ContentDate": "20261123", "SeriesDate": "20261123", "StudyDate": "20260313"}, "2026-03-13"),
        (["", ""], {"ContentDate": "20261123"}, ""),
    ],
)
def test_the_day_of_an_enhanced_ct_is_not_that_of_its_conversion(tmp_path, of_frames, dates, found):
    one = enhanced_dicom.enhanced(dicom_slices.plain()[:2])
    for name, stated in dates.items():
        setattr(one, name, stated)
    for frame, stated in zip(enhanced_dicom.groups(one), of_frames, strict=True):
        if stated:
            frame.FrameContentSequence[0].FrameAcquisitionDateTime = stated
    volume = read_volume(enhanced_dicom.write(one, tmp_path / "ct.dcm"), force=True)
    assert find_ct_date(volume) == found
    volume.images[0].write_bytes(b"gone")
    assert find_ct_date(volume) == ""


def test_a_ct_without_images_or_whose_images_are_gone_has_no_day(dated, tmp_path):
    volume = dated(AcquisitionDate="20260314")
    assert find_ct_date(Volume(np.zeros((3, 4, 5), np.int16), np.eye(4))) == ""
    assert find_ct_date(replace(volume, images=(tmp_path / "gone.dcm",))) == ""


def test_nothing_is_named_without_a_name(ct):
    assert identify_ct(ct, "", "2026-03-14") is None
    assert identify_ct(ct, "a") == CTIdentity("a")
    assert identify_ct(ct, "a", "2026-03-14").in_words == "a, 2026-03-14"
