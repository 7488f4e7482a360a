from pathlib import Path

import numpy as np
import pytest
from support.dicom_slices import placed

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io.dicom_geometry import place_slices
from LiverTumorSegLib.io.dicom_header import Header

FOLDER = Path("ct")


def header(number, z, x=-5.0, size=(20, 16, 1)):
    stated = {"position": f"{x}\\-7\\{z}", "orientation": "1\\0\\0\\0\\1\\0", "spacing": "0.75\\0.5"}
    return Header(Path(f"{number}.dcm"), size, 1, stated)


def test_slices_are_in_the_order_of_their_positions():
    made = place_slices([header(number, z) for number, z in enumerate((55, 30, 42.5))], FOLDER)
    assert [path.name for path in made.files] == ["1.dcm", "2.dcm", "0.dcm"]
    assert made.affine == pytest.approx(placed())
    assert made.warnings == ()


@pytest.mark.parametrize(("off", "warned"), [(0.0, False), (0.05, False), (0.2, True), (0.9, True)])
def test_what_is_made_even_is_said_beyond_rounding(off, warned):
    made = place_slices([header(number, 30 + 12.5 * number, -5 + off * (number == 1)) for number in range(3)], FOLDER)
    assert bool(made.warnings) == warned
    if warned:
        assert made.warnings == (f"Its slices lie up to {off:.2f} mm from where an even stack has them.",)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([header(0, 30)], "a single slice"),
        ([header(0, 30), header(1, 30)], "two slices at one place"),
        ([header(0, 30), header(1, 40), header(2, 52)], "slices are missing, or resample it"),
        ([header(0, 30), header(1, 40, 5), header(2, 50)], "10.0 mm out of line at z = 40.0 mm"),
        ([header(0, 30), header(1, 40, size=(16, 20, 1))], r"different size in one series \(20 x 16 and 16 x 20\)"),
        ([header(0, 30), header(1, 2e5)], "does not say where its image lies"),
    ],
)
def test_what_is_no_even_stack_is_refused(headers, words):
    with pytest.raises(UserError, match=words):
        place_slices(headers, FOLDER)


def test_many_slices_keep_their_spacing_exactly():
    made = place_slices([header(number, round(30 + 0.7 * number, 2)) for number in range(2000)], FOLDER)
    assert np.allclose(made.affine[:3, 2], (0, 0, 0.7), atol=1e-6)


@pytest.mark.parametrize("mm", [2.5, 1.25, 0.625, 0.4])
def test_thin_slices_whose_positions_have_one_digit_are_even_and_lack_none(mm):
    places = [round(30 + mm * number, 1) for number in range(40)]
    made = place_slices([header(number, z) for number, z in enumerate(places)], FOLDER)
    assert np.allclose(made.affine[:3, 2], (0, 0, mm), atol=0.003)
    assert made.warnings == ()
    with pytest.raises(UserError, match="slices are missing"):
        place_slices([header(number, z) for number, z in enumerate(places) if number != 20], FOLDER)
