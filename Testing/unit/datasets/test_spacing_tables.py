import pytest

from LiverTumorSegLib.core import text_files
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.spacing_tables import read_spacings, read_true_spacings


def test_a_table_names_patients_or_the_numbers_of_lits(tmp_path):
    (tmp_path / "slices.csv").write_text("volume,dx_mm,dy_mm,dz_native_mm\n7,0.8,0.9,2\n8,,,\n", encoding="utf-8")
    assert read_spacings(tmp_path / "slices.csv") == {"volume-7": (2, 0.9, 0.8)}
    assert read_spacings(tmp_path / "none.csv") == {}


@pytest.mark.parametrize("patient", ["=1+1", "'=1", "a;=2", "-3", "anna"])
def test_a_patient_whose_name_looks_like_a_formula_is_found_in_our_own_table(tmp_path, patient):
    rows = [["patient", "dx_mm", "dy_mm", "dz_native_mm"], [patient, 0.8, 0.9, 2.0]]
    (tmp_path / "slices.csv").write_text(text_files.lines(rows), encoding="utf-8", newline="")
    assert read_spacings(tmp_path / "slices.csv") == {patient: (2, 0.9, 0.8)}


def test_true_spacings_are_read_by_patient(tmp_path):
    (tmp_path / "true.csv").write_text("volume,in_plane_mm,slice_mm\n29,0.78,1.6\n")
    assert read_true_spacings(tmp_path / "true.csv") == {"volume-29": (1.6, 0.78, 0.78)}


@pytest.mark.parametrize("text", ["volume,in_plane_mm\n29,0.78\n", "volume,in_plane_mm,slice_mm\n29,0,1\n", None])
def test_true_spacings_that_cannot_be_read_are_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "true.csv").write_text(text)
    said = "does not exist" if text is None else "states no in_plane_mm and slice_mm by patient"
    with pytest.raises(UserError, match=said):
        read_true_spacings(tmp_path / "true.csv")
