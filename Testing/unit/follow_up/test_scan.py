from dataclasses import replace
from datetime import date

import numpy as np
import pydicom
import pytest
from support import dicom_slices
from support.follow_up_cases import earlier

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.scan import Scan, check_series, days_between, read_dates


def taken(*days, patients=("", "")):
    return [
        replace(earlier(), name=f"ct-{n}", taken=day, patient=patient)
        for n, (day, patient) in enumerate(zip(days, patients, strict=True))
    ]


def test_dates_are_taken_for_each_ct_or_none():
    assert read_dates(["2026-03-31", "2026-05-01"], 2) == (date(2026, 3, 31), date(2026, 5, 1))
    assert read_dates([], 2) == (None, None)
    with pytest.raises(UserError, match="There are 2 CTs and 1 dates"):
        read_dates(["2026-03-31"], 2)
    with pytest.raises(UserError, match="“31.3.2026” is not a date"):
        read_dates(["31.3.2026", "2026-05-01"], 2)


def test_days_are_counted_where_both_are_known_and_differ():
    assert days_between(*taken(date(2026, 1, 1), date(2026, 2, 1))) == 31
    assert days_between(*taken(date(2026, 1, 1), None)) is None
    assert days_between(*taken(date(2026, 1, 1), date(2026, 1, 1))) is None


def test_the_wrong_order_and_other_patients_are_refused():
    with pytest.raises(UserError, match="ct-1 was taken 31 days before ct-0: give the earlier CT first"):
        check_series(taken(date(2026, 2, 1), date(2026, 1, 1)))
    strangers = taken(None, None, patients=("a", "b"))
    with pytest.raises(UserError, match="different patient IDs"):
        check_series(strangers)
    check_series(strangers, other_patients=True)
    check_series(taken(None, None, patients=("a", "")))


def test_without_a_liver_nothing_is_compared():
    scan = earlier()
    with pytest.raises(UserError, match="No liver is marked in empty.nii.gz"):
        Scan.measured("empty.nii.gz", scan.volume, np.zeros_like(scan.labels))
    with pytest.raises(UserError, match="No liver is marked in lesions.nii.gz but lesions"):
        Scan.measured("lesions.nii.gz", scan.volume, np.where(scan.labels == 2, scan.labels, 0))


@pytest.mark.parametrize(
    ("changes", "day", "noted"),
    [
        ({"AcquisitionDate": "20260331", "StudyDate": "20260101"}, date(2026, 3, 31), False),
        ({"StudyDate": "20260101"}, date(2026, 1, 1), False),
        ({"StudyDate": "20260101", "LongitudinalTemporalInformationModified": "MODIFIED"}, date(2026, 1, 1), True),
        ({"StudyDate": "20260101", "LongitudinalTemporalInformationModified": "REMOVED"}, None, False),
        ({"StudyDate": ""}, None, False),
    ],
)
def test_day_and_patient_are_those_of_the_series(tmp_path, changes, day, noted):
    dicom_slices.write(dicom_slices.plain(), tmp_path)
    path = min(tmp_path.iterdir())
    image = pydicom.dcmread(path)
    for name in ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate"):
        image.pop(name, None)
    for name, value in {"PatientID": "7", **changes}.items():
        setattr(image, name, value)
    image.save_as(path)
    scan = earlier()
    found = Scan.measured("series", replace(scan.volume, images=(path,)), scan.labels, scan.table)
    assert (found.taken, found.patient, bool(found.notes)) == (day, "7", noted)
    assert Scan.measured("s", found.volume, scan.labels, scan.table, date(2020, 1, 1)).taken == date(2020, 1, 1)


def test_a_series_without_preambles_states_its_patient_too(tmp_path):
    dicom_slices.write(dicom_slices.plain(), tmp_path)
    path = min(tmp_path.iterdir())
    image = pydicom.dcmread(path)
    image.PatientID = "7"
    bare = pydicom.Dataset({element.tag: element for element in image})
    bare.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    scan = earlier()
    assert Scan.measured("series", replace(scan.volume, images=(path,)), scan.labels, scan.table).patient == "7"
