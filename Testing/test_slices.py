import csv

import numpy as np
import pytest
from PIL import Image

from LiverTumorSegLib.datasets.slices import SliceSource, read_patients, read_volume
from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.preprocessing import Chain

CHAIN = Chain.model_validate([{"step": "window", "level": 60, "width": 200}])
SOURCE = SliceSource(folder="set", intensities=(-40, 160), default_spacing_mm=1.0)


@pytest.fixture
def root(tmp_path):
    """Patient volume-1: slices 0, 10, 20, 22, 24, 26, 36; its number is its grey value, its label is in its corner."""
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for number in (0, 10, 20, 22, 24, 26, 36):
        label = np.zeros((16, 24), np.uint8)
        label[:4] = number % 3
        name = f"volume-1_slice_{number}"
        Image.fromarray(np.full((16, 24), 5 * number, np.uint8)).save(
            tmp_path / "set" / "images" / f"{name}.jpg", quality=100
        )
        Image.fromarray(label).save(tmp_path / "set" / "masks" / f"{name}.png")
    Image.new("L", (24, 16)).save(tmp_path / "set" / "images" / "volume-1_slice_99.jpg")
    with (tmp_path / "set" / "slices.csv").open("w") as table:
        csv.writer(table).writerows([["volume", "dx_mm", "dy_mm", "dz_native_mm"], [1, 0.8, 0.9, 1.5]])
    return tmp_path


def test_patients_are_read_in_the_order_of_their_slices_without_those_that_lack_a_mask(root):
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.name == "volume-1"
    assert patient.numbers.tolist() == [0, 10, 20, 22, 24, 26, 36]
    assert patient.pixels[:, 8, 8].tolist() == pytest.approx([5 * n for n in patient.numbers], abs=1)
    assert patient.labels[:, 0, 0].tolist() == [n % 3 for n in patient.numbers]


def test_neighbours_lie_at_the_wanted_distance_or_nearest_to_it(root):
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.neighbours(3, 3.0, 3) == [2, 3, 4]
    assert patient.neighbours(4, 3.0, 5) == [2, 3, 4, 5, 5]
    assert patient.neighbours(1, 3.0, 3) == [1, 1, 1]


def test_neighbours_that_are_not_known_are_the_slice_itself(root):
    (root / "set" / "slices.csv").unlink()
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.neighbours(3, 3.0, 3) == [3, 3, 3]


def test_the_evenly_spaced_run_becomes_a_volume(root):
    volume, labels = read_volume(SOURCE, root, "volume-1")
    assert volume.voxels[:, 8, 8].tolist() == pytest.approx([-40 + 200 * 5 * n / 255 for n in (20, 22, 24, 26)], abs=1)
    assert labels[:, 0, 0].tolist() == [2, 1, 0, 2]
    assert volume.axial.spacing == pytest.approx((3.0, 0.9, 0.8))
    assert volume.axial.flips == (False, False, False)


def test_a_folder_without_slices_and_a_patient_that_is_not_there_are_named(root, tmp_path):
    with pytest.raises(UserError, match="no slice pictures"):
        read_patients(SliceSource(folder="other", intensities=(0, 1), default_spacing_mm=1), root, CHAIN)
    with pytest.raises(UserError, match="of volume-7"):
        read_volume(SOURCE, root, "volume-7")


def test_preprocessing_that_8_bits_cannot_hold_is_refused(root):
    with pytest.raises(UserError, match=r"values in \[0, 1\]"):
        read_patients(SOURCE, root, Chain.from_json("[]"))


def test_rounding_errors_of_resampling_are_no_reason_to_refuse(root):
    white = np.full((16, 24), 255, np.uint8)
    for image in (root / "set" / "images").glob("volume-1*.jpg"):
        Image.fromarray(white).save(image, quality=100)
    steps = [{"step": "window", "level": 60, "width": 200}, {"step": "resample", "spacing_mm": 1.03}]
    (patient,) = read_patients(SOURCE, root, Chain.model_validate(steps))
    assert (patient.pixels == 255).all()
