import pytest
from PIL import Image
from support.dataset_cases import labels, write_slices

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.slices import (
    find_pictures,
    group_by_patient,
    read_pixels,
)


def test_slices_are_grouped_by_patient_and_sorted_by_number(tmp_path):
    for name in ("bert", "anna"):
        write_slices(tmp_path, name)
    found = group_by_patient(find_pictures(tmp_path / "images", ".jpg"), find_pictures(tmp_path / "masks", ".png"))
    assert list(found) == ["anna", "bert"]
    assert [each.number for each in found["anna"]] == list(range(len(labels())))
    assert found["anna"][3].mask == tmp_path / "masks" / "anna_slice_3.png"


def test_numbers_are_read_as_they_are_stored_and_colours_refused(tmp_path):
    Image.new("I;16", (3, 2), 300).save(tmp_path / "mask.png")
    assert read_pixels(tmp_path / "mask.png").tolist() == [[300] * 3] * 2
    Image.new("RGB", (3, 2)).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match="has colours"):
        read_pixels(tmp_path / "mask.png")
