import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.slices import Overview, Patient, SliceSource, read_patients, read_volume
from LiverTumorSegLib.models.description import SliceStack
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


def test_two_pictures_of_one_slice_are_one_slice_of_a_volume(root):
    for kind, suffix in (("images", "jpg"), ("masks", "png")):
        folder = root / "set" / kind
        shutil.copy(folder / f"volume-1_slice_22.{suffix}", folder / f"volume-1_slice_22b.{suffix}")
    volume, labels = read_volume(SOURCE, root, "volume-1")
    assert labels[:, 0, 0].tolist() == [20 % 3, 22 % 3, 24 % 3, 26 % 3]
    assert volume.axial.spacing == pytest.approx((3.0, 0.9, 0.8))


@pytest.mark.parametrize(
    ("assumed", "spacing"),
    [({"default_spacing_mm": 0.7, "default_slice_mm": 1.6}, (3.2, 0.7, 0.7)), ({}, (2.0, 1.0, 1.0))],
)
def test_a_patient_is_measured_at_the_spacing_that_training_assumes(root, assumed, spacing):
    (root / "set" / "slices.csv").unlink()
    source = SliceSource(folder="set", intensities=(-40, 160), **assumed)
    volume, _ = read_volume(source, root, "volume-1")
    assert volume.axial.spacing == pytest.approx(spacing)


def picture(root, number):
    return root / "set" / "images" / f"volume-1_slice_{number}.jpg"


def test_patients_are_read_in_the_order_of_their_slices_without_those_that_lack_a_mask(root):
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.name == "volume-1"
    assert patient.numbers.tolist() == [0, 10, 20, 22, 24, 26, 36]
    assert patient.pixels.shape == (7, 1, 16, 24)
    assert patient.pixels.dtype == torch.uint8
    assert patient.pixels[:, 0, 8, 8].tolist() == pytest.approx([5 * n for n in patient.numbers], abs=1)
    assert patient.labels[:, 0, 0].tolist() == [n % 3 for n in patient.numbers]


def test_neighbours_lie_at_the_wanted_distance_or_nearest_to_it(root):
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.neighbours(3, 3.0, 3) == [2, 3, 4]
    assert patient.neighbours(4, 3.0, 5) == [2, 3, 4, 5, 5]
    assert patient.neighbours(1, 3.0, 3) == [1, 1, 1]


@pytest.mark.parametrize("slice_mm", [0.8, 1.25, 1.5, 1.9, 2.0, 3.0, 5.0, 6.0, 6.1, 7.5, 10.0])
def test_a_model_is_shown_the_neighbours_that_it_was_trained_on(root, slice_mm):
    patient = replace(read_patients(SOURCE, root, CHAIN)[0], numbers=np.arange(41), slice_mm=slice_mm)
    offsets = SliceStack(slices=5, spacing_mm=3.0).offsets(slice_mm)
    assert patient.neighbours(20, 3.0, 5) == [20 + offset for offset in offsets]


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


def test_preprocessing_that_leaves_0_to_1_is_kept_as_float16_in_its_own_units(root):
    (patient,) = read_patients(SOURCE, root, Chain.from_json("[]"))
    assert patient.pixels.dtype == torch.float16
    expected = [-40 + 200 * 5 * n / 255 for n in patient.numbers]
    assert patient.pixels[:, 0, 8, 8].tolist() == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("width", [513, 4000])
def test_a_wide_window_keeps_contrasts_that_8_bits_would_lose(root, width):
    chain = Chain.model_validate([{"step": "window", "level": 60, "width": width}])
    (patient,) = read_patients(SOURCE, root, chain)
    assert (patient.pixels.dtype, patient.in_unit) == (torch.float16, True)
    hounsfield = patient.stack(list(range(7)))[:, 8, 8] * width + 60 - width / 2
    expected = (
        np.array([np.asarray(Image.open(picture(root, n)), float)[8, 8] for n in patient.numbers]) / 255 * 200 - 40
    )
    assert np.abs(hounsfield.numpy() - expected).max() <= 1  # a step of 2 HU; 8 bits have 15.7


def test_values_lie_in_the_unit_interval_or_not_however_they_are_stored(root):
    for steps, in_unit in (([], False), ([{"step": "z_score", "over": "volume"}], False), (CHAIN.model_dump(), True)):
        (patient,) = read_patients(SOURCE, root, Chain.model_validate(steps))
        assert patient.in_unit is in_unit


def test_a_source_without_spacing_is_refused_where_none_is_stated(root):
    silent = SliceSource(folder="set", intensities=(-40, 160))
    assert read_patients(silent, root, CHAIN)[0].slice_mm == 1.5
    (root / "set" / "slices.csv").unlink()
    with pytest.raises(UserError, match="states no spacing of volume-1: set default_spacing_mm") as caught:
        read_patients(silent, root, CHAIN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("intensities", [(160, -40), (5, 5)])
def test_intensities_that_are_turned_round_are_refused(intensities):
    with pytest.raises(ValidationError, match="are not below the brightest's"):
        SliceSource(folder="set", intensities=intensities)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16])
def test_stacks_are_channels_in_the_chains_units_slice_by_slice(dtype):
    pixels = torch.arange(3 * 2).reshape(3, 2, 1, 1).to(dtype)
    patient = Patient("a", np.arange(3), pixels, torch.zeros(3, 1, 1, dtype=torch.uint8), None, True)
    stack = patient.stack([2, 0, 0])
    assert stack.dtype == torch.float32
    unit = 255 if dtype == torch.uint8 else 1
    assert stack.flatten().tolist() == pytest.approx([x / unit for x in (4, 5, 0, 1, 0, 1)])


def test_several_channels_stay_apart(root):
    wide = [{"step": "window", "level": 60, "width": 400}]
    chain = Chain.model_validate([{"step": "channels", "chains": [CHAIN.model_dump(), wide]}])
    (patient,) = read_patients(SOURCE, root, chain)
    assert patient.pixels.shape == (7, 2, 16, 24)
    narrow, wide = patient.stack([4])[:, 8, 8].tolist()
    assert wide - 0.5 == pytest.approx((narrow - 0.5) / 2, abs=1 / 255)


def test_masks_follow_crops_and_resizing(root):
    steps = [{"step": "window", "level": 60, "width": 200}, {"step": "crop", "rows": [2, 10], "columns": [4, 20]}]
    (patient,) = read_patients(
        SOURCE, root, Chain.model_validate([*steps, {"step": "resize", "height": 4, "width": 8}])
    )
    assert patient.labels.shape == (7, 4, 8)
    assert patient.labels[0].max() == 0
    assert patient.labels[1, :, 0].tolist() == [1, 0, 0, 0]  # rows 3, 5, 7 and 9 of 16; the first 4 are marked


def test_steps_that_need_the_volume_see_all_slices_of_a_patient(root):
    chain = Chain.model_validate([{"step": "z_score", "over": "volume"}])
    (patient,) = read_patients(SOURCE, root, chain)
    assert patient.pixels.dtype == torch.float16
    assert patient.pixels.float().mean() == pytest.approx(0, abs=0.01)
    assert patient.pixels.float().std(correction=0) == pytest.approx(1, abs=0.01)


def test_a_source_that_does_not_say_its_hounsfield_units_is_refused(root):
    silent = SOURCE.model_copy(update={"intensities": None})
    with pytest.raises(UserError, match="HU of the pictures in .* are not known: state the source's intensities"):
        read_patients(silent, root, CHAIN)


def test_slices_that_differ_in_size_are_refused(root):
    Image.new("L", (9, 9)).save(root / "set" / "images" / "volume-1_slice_0.jpg")
    with pytest.raises(UserError, match="differ in size"):
        read_patients(SOURCE, root, CHAIN)


def test_rounding_errors_of_resampling_are_no_reason_to_refuse(root):
    white = np.full((16, 24), 255, np.uint8)
    for image in (root / "set" / "images").glob("volume-1*.jpg"):
        Image.fromarray(white).save(image, quality=100)
    steps = [{"step": "window", "level": 60, "width": 200}, {"step": "resample", "spacing_mm": 1.03}]
    (patient,) = read_patients(SOURCE, root, Chain.model_validate(steps))
    assert (patient.pixels == 255).all()


def test_numbers_of_a_16_bit_mask_do_not_turn_into_labels(root):
    mask = root / "set" / "masks" / "volume-1_slice_10.png"
    for path in mask.parent.iterdir():
        Image.fromarray(np.array(Image.open(path), np.uint16)).save(path)
    (patient,) = read_patients(SOURCE, root, CHAIN)
    assert patient.labels.max() == 2
    Image.fromarray(np.full((16, 24), 258, np.uint16)).save(mask)
    with pytest.raises(UserError, match=r"holds labels other than 0 background, 1 liver and 2 lesion \(258\)"):
        read_patients(SOURCE, root, CHAIN)


@pytest.mark.parametrize("known", [None, Overview(np.array([0, 2, 1], np.uint8), in_unit=True)])
def test_a_patient_with_some_of_the_slices_alone(known):
    pixels = torch.arange(3, dtype=torch.uint8).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    labels = torch.tensor([0, 2, 1], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 2, 2)
    whole = Patient("a", np.array([4, 6, 8]), pixels, labels, 2.0, lesions_apart=True, known=known)
    some = whole.only(np.array([0, 2]))
    assert some.numbers.tolist() == [4, 8]
    assert some.pixels[:, 0, 0, 0].tolist() == [0, 2]
    assert some.overview.shown.tolist() == [0, 1]
    assert some.overview.in_unit
    assert some.neighbours(0, 8.0, 3) == [0, 0, 1]
