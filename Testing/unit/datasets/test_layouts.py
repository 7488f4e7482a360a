import pytest
from support.dataset_cases import write_ircadb, write_lits, write_msd, write_slices
from support.repository import SHARED

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import layouts

WRITERS = {
    "lits": lambda folder: write_lits(folder, 28),
    "3dircadb1": lambda folder: write_ircadb(folder, 1),
    "msd": lambda folder: write_msd(folder, 28),
    "slices": lambda folder: write_slices(folder, "volume-28"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_kind_is_recognised_and_its_patient_is_the_same(tmp_path, kind):
    WRITERS[kind](tmp_path)
    layout = layouts.find(tmp_path)
    assert (layout.folder, layout.kind, layout.left_out) == (tmp_path, kind, ())
    assert [scan.patient for scan in layout.scans] == ["volume-28"]


def test_several_kinds_are_refused(tmp_path):
    WRITERS["lits"](tmp_path / "lits")
    WRITERS["slices"](tmp_path)
    with pytest.raises(UserError, match="holds LiTS and slice pictures: give the folder of one of them"):
        layouts.find(tmp_path)


def test_a_folder_of_none_is_refused_and_what_there_could_be_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no data set of a known kind: there should be volume-N\.nii with"):
        layouts.find(tmp_path)


def test_a_file_and_a_missing_folder_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(UserError, match="is not a folder"):
            layouts.find(path)


def test_zipped_patients_alone_are_refused_with_the_reason(tmp_path):
    (tmp_path / "3Dircadb1.1").mkdir()
    (tmp_path / "3Dircadb1.1" / "PATIENT_DICOM.zip").touch()
    with pytest.raises(UserError, match=r"of 3Dircadb1\.1, its PATIENT_DICOM is still zipped"):
        layouts.find(tmp_path)


def test_what_is_incomplete_beside_what_is_complete_is_left_out(tmp_path):
    WRITERS["lits"](tmp_path)
    (tmp_path / "volume-3.nii").touch()
    assert [entry.name for entry in layouts.find(tmp_path).left_out] == ["volume-3"]


@pytest.mark.parametrize(("name", "patients"), [("lits", 24), ("msd", 36)])
def test_the_shared_data_are_slices(name, patients):
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs the slices in {SHARED / name}")
    layout = layouts.find(SHARED / name)
    assert (layout.kind, len({scan.patient for scan in layout.scans})) == ("slices", patients)
