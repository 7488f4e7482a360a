import numpy as np
import pytest
from PIL import Image
from support.dataset_cases import SHAPE, SPACING, labels, write_slices
from support.repository import SHARED

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import slice_folders
from LiverTumorSegLib.datasets.dump import LeftOut
from LiverTumorSegLib.datasets.export import export
from LiverTumorSegLib.datasets.layouts import ScanFiles
from LiverTumorSegLib.datasets.splits import WRONG_SPACING
from LiverTumorSegLib.preprocessing import Chain


def smooth():
    """Greys that JPG keeps to a few."""
    return np.broadcast_to(np.arange(SHAPE[0] * 8, step=8, dtype=np.uint8)[:, None, None] + 90, SHAPE).copy()


def only(folder):
    (scan,) = slice_folders.find(folder)[0]
    return scan


def test_slices_are_stacked_by_number_with_the_stated_spacing(tmp_path):
    write_slices(tmp_path, "p", smooth(), numbers=[100, 2, 4, 6, 8, 10, 12, 14])
    volume, marked = only(tmp_path).read()
    order = [1, 2, 3, 4, 5, 6, 7, 0]
    assert np.array_equal(marked, labels()[order])
    assert volume.voxels == pytest.approx(smooth()[order].astype(int), abs=3)
    assert volume.spacing == pytest.approx((2 * SPACING[0], *SPACING[1:]))  # the gap 14 to 100 does not count
    assert np.array_equal(volume.axial.of(volume.voxels), volume.voxels)


def test_greys_and_unknown_spacing_are_warned_about(tmp_path):
    write_slices(tmp_path, "p", smooth(), spacing=None)
    volume, _ = only(tmp_path).read()
    assert [words.split(":")[0] for words in volume.warnings] == [
        "The pictures do not say their HU",
        "slices.csv states no spacing",
    ]
    assert volume.spacing == (1, 1, 1)
    assert only(tmp_path).examine().unit == "grey"


def test_a_spacing_of_28_to_47_is_doubted_where_it_is_stated_alone(tmp_path):
    write_slices(tmp_path / "stated", "volume-28", smooth(), spacing=(2.0, 1.0, 1.0))
    write_slices(tmp_path / "not stated", "volume-28", smooth(), spacing=None)
    stated, unknown = (only(tmp_path / name).read()[0].warnings for name in ("stated", "not stated"))
    assert WRONG_SPACING in stated
    assert WRONG_SPACING not in unknown


def test_a_dump_says_its_hu(tmp_path, small_phantom):
    import nibabel

    for name, voxels in (("ct", small_phantom.volume.voxels), ("seg", small_phantom.labels)):
        nibabel.save(
            nibabel.Nifti1Image(voxels.transpose(2, 1, 0), small_phantom.volume.affine), tmp_path / f"{name}.nii"
        )
    chain = Chain.model_validate([{"step": "window", "level": 60, "width": 200}])
    export([ScanFiles("ct", tmp_path / "ct.nii", tmp_path / "seg.nii")], tmp_path / "dump", chain)
    scan = only(tmp_path / "dump")
    volume, marked = scan.read()
    assert scan.examine().unit == "HU"
    assert volume.warnings == ()
    seen = small_phantom.volume.axial.of(small_phantom.volume.voxels)[::2]
    assert np.abs(volume.voxels - np.clip(seen, -40, 160)).mean() < 5  # JPG
    assert np.array_equal(marked, small_phantom.volume.axial.of(small_phantom.labels)[::2])
    native = small_phantom.volume.axial.spacing
    assert volume.spacing == pytest.approx((2 * native[0], *native[1:]))


def test_pictures_and_masks_alone_are_left_out(tmp_path):
    write_slices(tmp_path, "p")
    (tmp_path / "images" / "p_slice_3.jpg").unlink()
    (tmp_path / "masks" / "p_slice_5.png").unlink()
    (tmp_path / "images" / "._p_slice_1.jpg").touch()
    (scan,), left_out = slice_folders.find(tmp_path)
    assert [each.number for each in scan.slices] == [0, 1, 2, 4, 6, 7]
    assert left_out == (
        LeftOut(name="p_slice_5", reason="it has no mask"),
        LeftOut(name="p_slice_3", reason="it has no picture"),
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: Image.new("L", (5, 5)).save(p / "images" / "p_slice_1.jpg"), "differ in size"),
        (lambda p: Image.new("L", SHAPE[:0:-1], 9).save(p / "masks" / "p_slice_1.png"), "holds labels other than"),
        (lambda p: (p / "images" / "p_slice_1.jpg").write_bytes(b"no"), "cannot be read as a picture"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path, spoil, words):
    write_slices(tmp_path, "p")
    spoil(tmp_path)
    with pytest.raises(UserError, match=words):
        only(tmp_path).read()


def test_masks_of_another_size_are_refused(tmp_path):
    write_slices(tmp_path, "p", marked=labels((8, 24, 20)))
    with pytest.raises(UserError, match="differ in size from their masks"):
        only(tmp_path).read()


def test_a_table_that_states_no_spacing_is_refused(tmp_path):
    write_slices(tmp_path, "p")
    (tmp_path / "slices.csv").write_text("patient,dx\np,1\n")
    with pytest.raises(UserError, match="slices.csv states no dx_mm"):
        slice_folders.find(tmp_path)


def test_the_shared_slices_are_their_patients():
    if not (SHARED / "lits").is_dir():
        pytest.skip(f"needs the slices in {SHARED / 'lits'}")
    scans, left_out = slice_folders.find(SHARED / "lits")
    assert (len(scans), left_out) == (24, ())
    by_name = {scan.name: scan for scan in scans}
    assert by_name["volume-29"].spacing is None
    volume, marked = by_name["volume-0"].read()
    assert volume.spacing[1:] == pytest.approx((0.703125, 0.703125))
    assert marked.max() <= 2


def test_numbers_of_a_16_bit_mask_do_not_turn_into_labels(tmp_path):
    write_slices(tmp_path, "anna", marked=labels().astype(np.uint16) + 256)
    (scan,), _ = slice_folders.find(tmp_path)
    with pytest.raises(UserError, match="holds labels other than 0 background, 1 liver and 2 lesion"):
        scan.read()


def test_a_mask_in_colours_is_refused(tmp_path):
    write_slices(tmp_path, "anna")
    mask = next((tmp_path / "masks").iterdir())
    Image.open(mask).convert("RGB").save(mask)
    (scan,), _ = slice_folders.find(tmp_path)
    with pytest.raises(UserError, match="has colours"):
        scan.read()


@pytest.mark.parametrize("wrong", ["0", "nan", "-1"])
def test_a_spacing_that_cannot_be_is_refused(tmp_path, wrong):
    write_slices(tmp_path, "anna", spacing=(2.0, wrong, 0.8))
    with pytest.raises(UserError, match="states no dx_mm"):
        slice_folders.find(tmp_path)
