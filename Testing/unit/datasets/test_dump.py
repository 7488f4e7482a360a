import numpy as np
import pytest
import torch
from PIL import Image

from LiverTumorSegLib.core.ct_quality import DamageReason, DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.dump import (
    DamagedSlice,
    LeftOut,
    Note,
    nearest_labels,
    read_note,
    read_picture,
    to_bytes,
    write_picture,
)
from LiverTumorSegLib.preprocessing import Chain, Slices

CHAIN = Chain.from_json('[{"step": "window", "level": 60, "width": 200}]')


@pytest.fixture
def note():
    return Note(
        version="1",
        chain=CHAIN,
        channels=1,
        intensities=(-40, 160),
        every=2,
        quality=95,
        damaged=DamageTreatment.LEAVE_OUT,
        damaged_slices=(DamagedSlice(patient="a", slice=3, reason=DamageReason.REPEATED),),
        left_out=(LeftOut(name="b", reason="none"),),
    )


def noisy_channels(count):
    """Smooth channels that have nothing to do with each other, with noise of 4 %."""
    random = np.random.default_rng(count)
    rows, columns = np.mgrid[:64, :96] / 64
    planes = [0.5 + 0.4 * np.sin(3 * rows * k + 2 * columns / k + k) for k in range(1, count + 1)]
    return torch.from_numpy((np.stack(planes) + random.normal(0, 0.04, (count, 64, 96))).clip(0, 1) * 255).byte()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "RGB"), (3, "RGB"), (4, "CMYK")])
def test_channels_come_back_apart_from_each_other_within_jpegs_error(tmp_path, channels, mode):
    written = noisy_channels(channels)
    write_picture(tmp_path / "a.jpg", written, 95)
    with Image.open(tmp_path / "a.jpg") as image:
        assert (image.mode, image.format, image.size) == (mode, "JPEG", (96, 64))
    read = read_picture(tmp_path / "a.jpg", channels)
    error = np.abs(read.astype(int) - written.numpy())
    assert read.shape == written.shape
    assert error.mean() < 2
    assert error.max() <= 12


def test_more_quality_means_less_error(tmp_path):
    written = noisy_channels(3)
    errors = []
    for quality in (50, 95, 100):
        write_picture(tmp_path / "a.jpg", written, quality)
        errors.append(np.abs(read_picture(tmp_path / "a.jpg", 3).astype(int) - written.numpy()).mean())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_a_picture_with_other_bands_is_refused(tmp_path):
    write_picture(tmp_path / "a.jpg", noisy_channels(1), 95)
    with pytest.raises(UserError, match=r"has the bands L, not RGB"):
        read_picture(tmp_path / "a.jpg", 3)


def test_bytes_hold_0_to_1_and_rounding_errors_but_nothing_else():
    values = torch.tensor([-1e-4, 0.0, 0.5, 1.0, 1.0001])
    assert to_bytes(values).tolist() == [0, 0, 128, 255, 255]
    assert to_bytes(torch.tensor([-0.1, 1.0])) is None
    assert to_bytes(torch.tensor([0.0, 1.1])) is None
    assert to_bytes(torch.tensor([0.0, float("nan")])) is None


def test_the_note_comes_back(tmp_path, note):
    note.write(tmp_path)
    assert read_note(tmp_path) == note
    assert read_note(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is not valid JSON at line 1"),
        ("[]", "it should be a mapping of names to values, not a list"),
        ('{"format": 2}', "format should be 1, not 2"),
        ('{"chan": []}', "there is no “chan”: did you mean chain"),
    ],
)
def test_a_note_that_is_none_is_refused(tmp_path, content, reason):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(
        UserError, match=rf"export\.json is not what this version writes: export the slices again\. {reason}"
    ):
        read_note(tmp_path)


@pytest.mark.parametrize("size", [(8, 12), (4, 6), (13, 24), (16, 5)])
def test_labels_are_taken_at_the_nearest_of_each_pixels_centre(size):
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (2, 8, 12)).astype(np.uint8))
    prepared = Chain.model_validate([{"step": "resize", "height": size[0], "width": size[1]}])(
        Slices(torch.zeros(2, 1, 8, 12), (0.7, 0.8))
    )
    expected = torch.nn.functional.interpolate(labels[:, None].float(), size=size, mode="nearest-exact")[:, 0]
    assert torch.equal(nearest_labels(labels, prepared), expected.byte())


def test_labels_follow_a_crop():
    labels = torch.arange(8 * 12, dtype=torch.uint8).view(1, 8, 12)
    crop = Chain.model_validate([{"step": "crop", "rows": [2, 6], "columns": [3, 11]}])
    prepared = crop(Slices(torch.zeros(1, 1, 8, 12), (1.0, 1.0)))
    assert torch.equal(nearest_labels(labels, prepared), labels[:, 2:6, 3:11])
