import csv
import json
from math import prod

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from support.volumes import reordered

from LiverTumorSegLib.core.about import __version__
from LiverTumorSegLib.core.ct_quality import DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets.dump import LeftOut
from LiverTumorSegLib.datasets.export import ExportOptions, export, window_of
from LiverTumorSegLib.datasets.layouts import ScanFiles
from LiverTumorSegLib.datasets.slices import SliceSource, read_patients, read_volume
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.preprocessing import Chain, Slices, named

WINDOW = {"step": "window", "level": 60, "width": 200}
CHAIN = Chain.model_validate([WINDOW])
CROP, BODY = {"step": "crop", "rows": [8, 96], "columns": [0, 99]}, {"step": "crop_to_body"}
TWO = [{"step": "channels", "chains": [[WINDOW], [WINDOW | {"width": 400}]]}]
FOUR = [
    {"step": "crop_to_body", "margin_mm": 3},
    {"step": "channels", "chains": [[WINDOW], [WINDOW | {"width": 400}], [{"step": "frequency_histogram"}], [WINDOW]]},
    {"step": "resample", "spacing_mm": 5.0},
]
SOURCE = SliceSource(folder="dump", default_spacing_mm=1.0)


def save(folder, name, volume, labels):
    """A CT and its labels as a pair of files."""
    for kind, voxels in (("ct", volume.voxels), ("labels", labels)):
        nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), volume.affine), folder / f"{name}-{kind}.nii")
    return ScanFiles(name, folder / f"{name}-ct.nii", folder / f"{name}-labels.nii")


@pytest.fixture
def pair(tmp_path, small_phantom):
    """The phantom, its slices last in the file, and from head to feet."""
    turned, labels = (
        reordered(Volume(voxels, small_phantom.volume.affine), (2, 1, 0), (False, True, True))
        for voxels in (small_phantom.volume.voxels, small_phantom.labels)
    )
    return save(tmp_path, "someone", turned, labels.voxels)


@pytest.fixture
def seen(small_phantom):
    """The phantom's HU and labels ``[slice, row, column]``."""
    axial = small_phantom.volume.axial
    return axial.of(small_phantom.volume.voxels), axial.of(small_phantom.labels), axial.spacing


def rows(folder):
    with (folder / "slices.csv").open() as table:
        return list(csv.DictReader(table))


def test_every_second_axial_slice_and_its_mask_are_written_with_the_spacing(tmp_path, pair, seen):
    hounsfield, labels, (dz, dy, dx) = seen
    export([pair], tmp_path / "dump", CHAIN)
    names = [f"someone_slice_{number}" for number in range(0, 40, 2)]
    assert sorted(p.name for p in (tmp_path / "dump" / "images").iterdir()) == sorted(f"{name}.jpg" for name in names)
    assert sorted(p.name for p in (tmp_path / "dump" / "masks").iterdir()) == sorted(f"{name}.png" for name in names)
    expected = ((hounsfield[20].astype(float) + 40) / 200).clip(0, 1) * 255
    picture = np.asarray(Image.open(tmp_path / "dump" / "images" / "someone_slice_20.jpg"), float)
    assert np.abs(picture - expected).mean() < 2
    assert np.array_equal(np.asarray(Image.open(tmp_path / "dump" / "masks" / "someone_slice_20.png")), labels[20])
    row = rows(tmp_path / "dump")[10]
    assert (row["patient"], int(row["slice"])) == ("someone", 20)
    assert int(row["liver_px"]) == np.count_nonzero(labels[20])
    assert int(row["tumour_px"]) == np.count_nonzero(labels[20] == 2)
    stated = [float(row[name]) for name in ("dz_native_mm", "dy_mm", "dx_mm")]
    assert stated == pytest.approx((dz, dy, dx))


def test_the_note_says_how_the_dump_was_made(tmp_path, pair):
    left_out = (LeftOut(name="volume-3", reason="it has no segmentation"),)
    export([pair], tmp_path / "dump", CHAIN, ExportOptions(every=4, quality=80), left_out=left_out)
    note = json.loads((tmp_path / "dump" / "export.json").read_text())
    assert note == {
        "format": 1,
        "version": __version__,
        "chain": [WINDOW],
        "channels": 1,
        "intensities": [-40, 160],
        "every": 4,
        "quality": 80,
        "damaged": "as-is",
        "damaged_slices": [],
        "left_out": [{"name": "volume-3", "reason": "it has no segmentation"}],
        "origin": "",
    }
    assert len(rows(tmp_path / "dump")) == 10


@pytest.mark.parametrize("steps", [[WINDOW], TWO, named("kulkarni").model_dump(), FOUR], ids=["1", "2", "3", "4"])
def test_a_dump_reads_back_as_what_the_chain_made_within_jpegs_error(tmp_path, pair, seen, steps):
    hounsfield, labels, spacing = seen
    chain = Chain.model_validate(steps)
    export([pair], tmp_path / "dump", chain)
    (patient,) = read_patients(SOURCE, tmp_path, chain)
    fitted = chain.fitted(hounsfield, spacing)
    prepared = fitted(Slices(torch.from_numpy(hounsfield[::2].astype(np.float32))[:, None], spacing[1:]))
    error = (patient.stack(list(range(20))) - prepared.pixels.flatten(0, 1)).abs()
    assert error.mean() < 0.008
    assert error.max() < 0.08
    assert (patient.name, patient.slice_mm) == ("someone", pytest.approx(spacing[0]))
    assert patient.numbers.tolist() == list(range(0, 40, 2))
    assert patient.labels.shape == (20, *prepared.size)
    marked = (patient.labels > 0).sum().item() * prod(prepared.spacing)
    assert marked == pytest.approx(np.count_nonzero(labels[::2]) * prod(spacing[1:]), rel=0.02)


def test_a_dump_of_another_chain_is_refused(tmp_path, pair):
    export([pair], tmp_path / "dump", CHAIN)
    with pytest.raises(UserError, match="was exported with another preprocessing chain than the recipe's"):
        read_patients(SOURCE, tmp_path, Chain.model_validate(TWO))


def test_a_windowed_dump_gives_its_hounsfield_units_and_geometry_back(tmp_path, pair, seen):
    hounsfield, labels, (dz, dy, dx) = seen
    export([pair], tmp_path / "dump", CHAIN)
    volume, read = read_volume(SOURCE, tmp_path, "someone")
    assert np.abs(volume.voxels - hounsfield[::2].clip(-40, 160)).mean() < 2
    assert np.array_equal(read, labels[::2])
    assert volume.axial.spacing == pytest.approx((2 * dz, dy, dx))


@pytest.mark.parametrize("steps", [TWO, [CROP, WINDOW], [BODY, WINDOW]], ids=["channels", "crop", "crop_to_body"])
def test_a_dump_of_several_channels_or_cropped_slices_is_not_measured_on(tmp_path, pair, steps):
    export([pair], tmp_path / "dump", Chain.model_validate(steps), ExportOptions(every=8))
    with pytest.raises(UserError, match="are not known: export these patients elsewhere with one window") as caught:
        read_volume(SOURCE, tmp_path, "someone")
    assert "\n" not in str(caught.value)


def test_a_dump_states_its_spacing_itself(tmp_path, pair):
    export([pair], tmp_path / "dump", CHAIN, ExportOptions(every=8))
    (patient,) = read_patients(SliceSource(folder="dump"), tmp_path, CHAIN)
    assert patient.slice_mm is not None


def test_a_dump_of_a_wide_window_is_read_as_the_8_bits_it_has(tmp_path, pair):
    chain = named("elmenabawy_without")
    export([pair], tmp_path / "dump", chain, ExportOptions(every=8))
    (patient,) = read_patients(SOURCE, tmp_path, chain)
    assert (patient.pixels.dtype, patient.in_unit) == (torch.uint8, True)


def test_only_a_single_window_has_intensities():
    resized = Chain.model_validate([{"step": "resample", "spacing_mm": 1.5}, WINDOW])
    assert window_of(resized) == (-40, 160)
    others = ([WINDOW, {"step": "median", "size": 3}], [WINDOW, WINDOW], TWO, [{"step": "min_max"}], [])
    for steps in (*others, [WINDOW, CROP], [BODY, WINDOW]):
        assert window_of(Chain.model_validate(steps)) is None


@pytest.fixture
def hurt(tmp_path, small_phantom):
    """The phantom as float32, slice 20 lost, slice 31 the same as 30; slices 19 and 21 are 1 HU and 3 HU."""
    voxels = small_phantom.volume.voxels.astype(np.float32)
    view = small_phantom.volume.axial.of(voxels)
    view[20], view[31] = np.nan, view[30]
    view[19, ::2], view[21, ::2] = 1, 3
    return save(tmp_path, "hurt", Volume(voxels, small_phantom.volume.affine), small_phantom.labels)


def test_damaged_slices_are_refused_interpolated_or_left_out(tmp_path, hurt):
    with pytest.raises(UserError, match="hurt-ct.nii holds voxels that are NaN"):
        export([hurt], tmp_path / "dump", CHAIN)
    assert not (tmp_path / "dump").exists()
    expected = [{"patient": "hurt", "slice": 20, "reason": "NaN or infinite"}]
    expected.append({"patient": "hurt", "slice": 31, "reason": "repeats its neighbour"})
    for treatment, count, words in (("interpolate", 40, "were interpolated"), ("leave-out", 38, "were left out")):
        (done,) = export(
            [hurt], tmp_path / treatment, CHAIN, ExportOptions(every=1, quality=100, damaged=DamageTreatment(treatment))
        )
        note = json.loads((tmp_path / treatment / "export.json").read_text())
        assert (note["damaged"], note["damaged_slices"]) == (treatment, expected)
        assert len(done.rows) == count
        listed = "counted from the feet: 21 (NaN or infinite); 32 (repeats its neighbour)."
        assert done.warnings[0] == f"hurt: Damaged slices {words}, {listed}"
    picture = Image.open(tmp_path / "interpolate" / "images" / "hurt_slice_20.jpg")
    assert np.asarray(picture)[::2].mean() == pytest.approx((2 + 40) / 200 * 255, abs=0.6)
    assert not (tmp_path / "leave-out" / "images" / "hurt_slice_20.jpg").exists()


def test_labels_that_state_another_place_are_taken_with_a_warning(tmp_path, small_phantom):
    moved = small_phantom.volume.affine.copy()
    moved[:3, 3] += 5
    labels = save(tmp_path, "a", Volume(small_phantom.volume.voxels, moved), small_phantom.labels).labels
    ct = save(tmp_path, "d", small_phantom.volume, small_phantom.labels).ct
    (done,) = export([ScanFiles("d", ct, labels)], tmp_path / "dump", CHAIN, ExportOptions(every=20))
    assert "d: CT and labels state different places or spacings; they were taken voxel by voxel." in done.warnings


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], r"The chain ends with -\d+ to \d+, and JPG pictures hold \[0, 1\]"),
        ([{"step": "channels", "chains": [[WINDOW]] * 5}], "The chain ends with 5 channels, and a JPG picture holds 4"),
    ],
)
def test_what_jpg_cannot_hold_is_refused(tmp_path, pair, steps, words):
    with pytest.raises(UserError, match=words):
        export([pair], tmp_path / "dump", Chain.model_validate(steps))
    assert not (tmp_path / "dump").exists()


def test_nothing_stays_of_a_dump_that_was_cancelled(tmp_path, pair):
    token, before = CancelToken(), sorted(tmp_path.iterdir())
    told = []

    def progress(fraction, sentence):
        told.append((fraction, sentence))
        if fraction > 0.5:
            token.cancel()

    with pytest.raises(Cancelled):
        export([pair], tmp_path / "dump", CHAIN, ExportOptions(every=1), progress=progress, cancel=token)
    assert told[0] == (0, "Reading someone")
    assert told[-1][1] == "Writing someone"
    assert sorted(tmp_path.iterdir()) == before


def test_an_older_dump_is_replaced_only_when_asked_and_other_folders_never(tmp_path, pair):
    export([pair], tmp_path / "dump", CHAIN, ExportOptions(every=20))
    with pytest.raises(UserError, match="exists already"):
        export([pair], tmp_path / "dump", CHAIN)
    export([pair], tmp_path / "dump", CHAIN, ExportOptions(every=10), overwrite=True)
    assert len(rows(tmp_path / "dump")) == 4
    (tmp_path / "dump" / "mine.txt").touch()
    with pytest.raises(UserError, match="holds mine.txt"):
        export([pair], tmp_path / "dump", CHAIN, overwrite=True)


def test_the_same_input_gives_the_same_bytes(tmp_path, pair):
    for name in ("one", "two"):
        export([pair], tmp_path / name, Chain.model_validate(FOUR), ExportOptions(every=8))
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_real_ct_reads_back_within_jpegs_error(tmp_path, samples):
    folder = samples / "totalsegmentator"
    volume = volumes.read_volume(folder / "ct.nii.gz")
    chain = named("kulkarni")
    export(
        [ScanFiles("ct", folder / "ct.nii.gz", folder / "liver.nii.gz")],
        tmp_path / "dump",
        chain,
        ExportOptions(every=10),
    )
    (patient,) = read_patients(SOURCE, tmp_path, chain)
    view = volume.axial.of(volume.voxels)[::10]
    prepared = chain(Slices(torch.from_numpy(view.astype(np.float32))[:, None], volume.axial.spacing[1:])).pixels
    error = (patient.stack(list(range(len(view)))) - prepared.flatten(0, 1)).abs() * 255
    assert error.mean() < 2
    assert error.max() < 16
