import numpy as np
import pytest
from PIL import Image
from support.sandbox import Sandbox

from LiverTumorSegLib.reporting import figures

NOISE = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)


def test_a_picture_is_read_as_it_was(tmp_path):
    figures.write_picture(tmp_path / "a.png", Image.fromarray(NOISE), "PNG")
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(image, NOISE)


def test_options_count(tmp_path):
    for quality in (5, 95):
        figures.write_picture(tmp_path / f"{quality}.jpg", Image.fromarray(NOISE), "JPEG", quality=quality)
    assert (tmp_path / "5.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


def write_noise():
    figures.write_picture(figures.Path("a.png"), Image.fromarray(NOISE), "PNG")


@pytest.mark.parametrize("room", [700, 1024, 2000])
def test_a_picture_for_which_there_is_no_room_is_an_error(tmp_path, room):
    sandbox = Sandbox()
    outcome = sandbox.run(f"{__name__}:write_noise", folder=tmp_path, largest_file=room)
    sandbox.close()
    assert "File too large" in str(outcome)
