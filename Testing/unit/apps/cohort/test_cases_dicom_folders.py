import os
from dataclasses import replace
from hashlib import sha256

import pytest
from support import enhanced_dicom
from support.dicom_series_cases import write_series
from support.dicom_slices import plain, write
from support.seg_cases import made, saved

from LiverTumorSegLib.apps.cohort import cases
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_files, volumes


def test_files_are_dicom_by_their_first_bytes_whatever_they_are_called(tmp_path):
    one = next(write_series(tmp_path / "ct").iterdir())
    bare = tmp_path / "IM_0001"
    bare.write_bytes(one.read_bytes()[132:])
    other = tmp_path / "notes.dcm"
    other.write_bytes(b"no DICOM")
    assert cases.has_dicom([other, one])
    assert cases.has_dicom([bare])
    assert not cases.has_dicom([other, tmp_path / "missing"])


def test_a_single_series_is_called_by_its_folder(tmp_path):
    (case,), left_out = cases.dicom_cases(write_series(tmp_path / "patient"))
    assert (case.name, case.series, left_out) == ("patient", "1.2.3", [])


def test_enhanced_cts_are_cases_and_a_file_of_many_slices_counts_once(tmp_path):
    (tmp_path / "patient").mkdir()
    file = enhanced_dicom.write(enhanced_dicom.enhanced(plain()), tmp_path / "patient" / "ct.dcm")
    (case,), left_out = cases.dicom_cases(file.parent)
    assert (case.name, case.series, case.files, left_out) == ("patient", "1.2.32", (file,), [])
    assert case.size == file.stat().st_size
    stacks = enhanced_dicom.enhanced([*plain(), *plain(seed=8)], ["1"] * 6 + ["2"] * 6)
    both = cases.dicom_cases(enhanced_dicom.write(stacks, tmp_path / "two" / "ct.dcm").parent)[0]
    assert [case.series for case in both] == ["1.2.32-stack1", "1.2.32-stack2"]
    assert len({case.name for case in both}) == len({case.fingerprint for case in both}) == 2


def test_several_series_are_told_apart_by_the_beginning_of_a_hash_that_says_nothing_of_them(tmp_path):
    for uid in ("1.2.3", "1.2.44"):
        write_series(tmp_path / "plain", uid, gap=float(len(uid)))
    plain = cases.dicom_cases(tmp_path / "plain")[0]
    assert [case.name for case in plain] == [f"plain-{sha256(uid).hexdigest()[:6]}" for uid in (b"1.2.3", b"1.2.44")]
    spacings = [volumes.read_volume(case.path, series=case.series, force=True).spacing[0] for case in plain]
    assert spacings == pytest.approx([5, 6])


def test_other_modalities_and_localisers_are_left_out_and_said(tmp_path):
    folder = write_series(tmp_path / "patient", "1.2.3")
    write_series(folder, "1.2.4", modality="MR")
    localiser = next(write_series(tmp_path / "other", "1.2.5").iterdir())
    localiser.rename(folder / localiser.name)
    (case,), left_out = cases.dicom_cases(folder)
    assert (case.name, case.series) == ("patient", "1.2.3")
    assert sorted(left_out) == ["1.2.4 in patient", "1.2.5 in patient"]


def test_a_segmentation_beside_its_ct_is_no_case(tmp_path):
    write(plain(), tmp_path / "patient")
    mask = saved(made(), tmp_path / "patient" / "seg.dcm")
    (case,), left_out = cases.dicom_cases(tmp_path / "patient")
    assert (case.series, len(case.files), mask in case.files) == ("1.2.3", 6, False)
    assert len(left_out) == 1


def test_two_localisers_in_a_series_of_their_own_are_no_case(tmp_path):
    write(plain(), tmp_path / "patient")
    scouts = plain("1.2.4")[:2]
    for one in scouts:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(scouts, tmp_path / "patient", "scout")
    (case,), left_out = cases.dicom_cases(tmp_path / "patient")
    assert (len(case.files), left_out) == (len(plain()), ["1.2.4 in patient"])


def test_a_single_image_alone_is_a_case_whose_failure_will_be_said(tmp_path):
    folder = write_series(tmp_path / "patient")
    for file in sorted(folder.iterdir())[1:]:
        file.unlink()
    assert [case.name for case in cases.dicom_cases(folder)[0]] == ["patient"]


def test_folders_inside_are_cases_of_their_own(tmp_path):
    write_series(tmp_path / "outer", "1.2.3")
    write_series(tmp_path / "outer" / "inner", "1.2.4")
    assert [case.series for case in cases.dicom_cases(tmp_path / "outer")[0]] == ["1.2.3"]


def test_hashes_are_longer_where_their_beginnings_are_the_same(tmp_path):
    pair = (b"1.2.4040", b"1.2.10882")  # whose hashes have six letters in common
    for uid in pair:
        write_series(tmp_path / "two", uid.decode())
    names = [case.name for case in cases.dicom_cases(tmp_path / "two")[0]]
    assert sorted(names) == sorted(f"two-{sha256(uid).hexdigest()[:7]}" for uid in pair)


def test_a_folder_of_damaged_images_is_a_case_whose_failure_will_be_said(tmp_path):
    folder = write_series(tmp_path / "patient")
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-60])
    (case,), left_out = cases.dicom_cases(folder)
    assert (case.name, case.series, left_out) == ("patient", None, [])
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(case.path, series=case.series)


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = write_series(tmp_path / "patient")
    os.mkfifo(folder / "IM0001.dcm")
    assert not cases.has_dicom([folder / "IM0001.dcm"])
    assert len(cases.dicom_cases(folder)[0]) == 1


def test_a_file_that_is_gone_before_it_is_measured_ends_no_search(tmp_path, monkeypatch):
    folder = write_series(tmp_path / "patient")
    gone = tmp_path / "gone.dcm"

    def with_one_gone(files):
        found = dicom_files.scan_files(files)
        headers = found.series["1.2.3"]
        headers.append(replace(headers[0], file=gone))
        return found

    monkeypatch.setattr(cases, "scan_files", with_one_gone)
    (case,), _ = cases.dicom_cases(folder)
    assert case.size == sum(file.stat().st_size for file in folder.iterdir())
    assert case.fingerprint
