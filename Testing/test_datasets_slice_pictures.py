import pytest
from dataset_cases import labels, write_slices
from PIL import Image

from LiverTumorSegLib.datasets.slice_pictures import by_patient, pictures, read_numbers, spacings
from LiverTumorSegLib.errors import UserError


def test_slices_are_grouped_by_patient_and_sorted_by_number(tmp_path):
    for name in ("bert", "anna"):
        write_slices(tmp_path, name)
    found = by_patient(pictures(tmp_path / "images", ".jpg"), pictures(tmp_path / "masks", ".png"))
    assert list(found) == ["anna", "bert"]
    assert [each.number for each in found["anna"]] == list(range(len(labels())))
    assert found["anna"][3].mask == tmp_path / "masks" / "anna_slice_3.png"


def test_a_table_names_patients_or_the_numbers_of_lits(tmp_path):
    (tmp_path / "slices.csv").write_text("volume,dx_mm,dy_mm,dz_native_mm\n7,0.8,0.9,2\n8,,,\n", encoding="utf-8")
    assert spacings(tmp_path / "slices.csv") == {"volume-7": (2, 0.9, 0.8)}
    assert spacings(tmp_path / "none.csv") == {}


def test_numbers_are_read_as_they_are_stored_and_colours_refused(tmp_path):
    Image.new("I;16", (3, 2), 300).save(tmp_path / "mask.png")
    assert read_numbers(tmp_path / "mask.png").tolist() == [[300] * 3] * 2
    Image.new("RGB", (3, 2)).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match="has colours"):
        read_numbers(tmp_path / "mask.png")
