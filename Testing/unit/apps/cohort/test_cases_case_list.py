import pytest
from support.cohort_cases import touch
from support.dicom_series_cases import write_series

from LiverTumorSegLib.apps.cohort import cases as case_list
from LiverTumorSegLib.core.errors import UserError


def test_a_text_has_a_path_a_line_relative_to_its_folder(tmp_path):
    touch(tmp_path, "cts/volume-01.nii", "b.nrrd")
    (tmp_path / "list.txt").write_text(f"# CTs\ncts/volume-01.nii\n\n{tmp_path / 'b.nrrd'}\n")
    cases = case_list.read_case_list(tmp_path / "list.txt")
    assert [(case.name, case.path) for case in cases] == [
        ("volume-1", tmp_path / "cts" / "volume-01.nii"),
        ("b", tmp_path / "b.nrrd"),
    ]


def test_a_table_may_name_the_case_and_the_series(tmp_path):
    folder = write_series(tmp_path / "dicom")
    (tmp_path / "list.csv").write_text("case,image,series\nfirst,dicom,1.2.3\n,dicom,\n")
    first, second = case_list.read_case_list(tmp_path / "list.csv")
    assert (first.name, first.series, second.name, second.series) == ("first", "1.2.3", "dicom", None)
    assert first.size == sum(file.stat().st_size for file in folder.iterdir())


def test_a_ct_that_is_not_there_is_a_case_whose_failure_will_be_said(tmp_path):
    (tmp_path / "list.txt").write_text("gone.nii\n")
    (case,) = case_list.read_case_list(tmp_path / "list.txt")
    assert (case.name, case.size) == ("gone", 0)


def test_broken_links_refuse_no_list(tmp_path):
    folder = write_series(tmp_path / "dicom")
    whole = sum(file.stat().st_size for file in folder.iterdir())
    (folder / "gone.dcm").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.nii").symlink_to(tmp_path / "loop.nii")
    (tmp_path / "list.txt").write_text("dicom\nloop.nii\n")
    assert [case.size for case in case_list.read_case_list(tmp_path / "list.txt")] == [whole, 0]


def test_what_programs_that_show_folders_leave_there_makes_no_other_ct(tmp_path):
    folder = write_series(tmp_path / "dicom")
    (tmp_path / "list.txt").write_text("dicom\n")
    (before,) = case_list.read_case_list(tmp_path / "list.txt")
    touch(folder, ".DS_Store")
    (after,) = case_list.read_case_list(tmp_path / "list.txt")
    assert before.fingerprint == after.fingerprint


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", b"path\na.nii\n", r"has the columns path: use image, case, series"),
        ("list.csv", b"", r"has the columns none"),
        ("list.csv", b"image,image\na,b\n", r"has the columns image, image"),
        ("list.csv", b"image,case\na.nii,a,b\n", r"Row 2 .* does not fit the header image,case"),
        ("list.csv", b"image,case\n,a\n", r"Row 2 .* does not fit"),
        ("list.txt", b"\xff\xfe\n", r"cannot be read as text in UTF-8"),
        ("list.txt", b"a\0.nii\n", r"cannot be the name of a file"),
        ("list.csv", b"image\na\0.nii\n", r"cannot be the name of a file"),
        ("ct.nii", b"", r"neither a folder nor a list that ends in \.csv or \.txt"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        case_list.read_case_list(tmp_path / name)
