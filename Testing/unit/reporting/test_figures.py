import base64
import io

import numpy as np
import pytest
from PIL import Image
from support.volumes import reordered

from LiverTumorSegLib.core.labels import LESION, LIVER
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.reporting import figures
from LiverTumorSegLib.reporting.lesions import measure_lesions


def colours(image):
    return {tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3).tolist()}


def test_pixels_are_square_and_outlined_in_the_segments_colours():
    labels = np.zeros((40, 30), np.uint8)
    labels[5:35, 5:25] = 1
    labels[15:20, 10:15] = 2
    image = figures.draw_plane((np.full((40, 30), 60, np.int16), labels, (2.0, 1.0)), "", 400)
    assert image.size == (150, 400)
    assert {LIVER.rgb, LESION.rgb} < colours(image)


@pytest.mark.parametrize(("hounsfield", "grey"), [(-1000, 0), (60, 127), (1000, 255)])
def test_the_window_is_that_of_soft_tissue(hounsfield, grey):
    plane = (np.full((9, 9), hounsfield, np.int16), np.zeros((9, 9), np.uint8), (1.0, 1.0))
    assert np.asarray(figures.draw_plane(plane, ""))[5, 5, 0] == grey


def test_planes_show_the_patient_the_right_way_round():
    """Something bright at the right, front and head appears left, above and above."""
    voxels = np.full((30, 40, 50), -200, np.int16)
    voxels[20:28, 3:12, 3:14] = 300  # slices upwards, rows to the back, columns to the left
    volume = Volume(voxels, np.diag([-1.0, -1, 1, 1]))
    mark = np.zeros(voxels.shape, np.uint8)
    mark[24, 6:9, 7:10] = 2
    (lesion,) = measure_lesions(mark, volume).lesions
    for turned in (volume, reordered(volume, (2, 1, 0), (True, False, True))):
        planes = figures.draw_three_planes(np.zeros(turned.voxels.shape, np.uint8), turned, lesion)
        bright = {
            name: np.argwhere(np.asarray(p.convert("L")) > 200).mean(axis=0) / p.size[::-1]
            for name, p in planes.items()
        }
        assert (bright["axial"] < 0.5).all()  # front above, right left
        assert (bright["coronal"] < 0.5).all()  # head above, right left
        assert (bright["sagittal"] < 0.5).all()  # head above, front left


def test_a_lesion_is_shown_on_its_slice(small_phantom):
    table = measure_lesions(small_phantom.labels, small_phantom.volume)
    for lesion in table.lesions:
        assert LESION.rgb in colours(figures.draw_lesion(lesion, small_phantom.labels, small_phantom.volume))


def yellow(image):
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB"), int), -1, 0)
    return (np.abs(red - green) < 60) & (red - blue > 100)


@pytest.mark.parametrize("turned", [False, True])
def test_both_diameters_are_drawn_as_long_as_they_were_measured(turned):
    voxels, mask = np.full((20, 80, 80), 60, np.int16), np.ones((20, 80, 80), np.uint8)
    mask[10, 38:43, 20:61] = 2  # 41 columns of 1 mm wide and 5 rows of 2 mm high
    volume = Volume(voxels, np.diag([-1.0, -2, 3, 1]))
    labels = Volume(mask.astype(np.int16), volume.affine)
    if turned:
        volume, labels = (reordered(each, (2, 1, 0), (True, False, True)) for each in (volume, labels))
    found = labels.voxels.astype(np.uint8)
    (lesion,) = measure_lesions(found, volume).lesions
    picture = figures.draw_lesion(lesion, found, volume)
    mm = picture.width / 80
    rows, columns = np.nonzero(yellow(picture))
    assert np.ptp(columns) / mm == pytest.approx(41, abs=1.5)
    assert np.ptp(rows) / mm == pytest.approx(lesion.short_axial_diameter_mm, abs=2)
    assert yellow(figures.draw_three_planes(found, volume, lesion)["axial"]).sum() > 100


def test_a_lesion_in_a_report_is_outlined_and_not_filled(small_phantom):
    lesion = measure_lesions(small_phantom.labels, small_phantom.volume).lesions[0]
    picture = figures.draw_lesion(lesion, small_phantom.labels, small_phantom.volume)
    grey = np.ptp(np.asarray(picture, int), axis=-1) == 0
    assert grey.mean() > 0.9


def test_a_picture_stands_in_a_page_as_png():
    text = figures.to_data_uri(Image.new("RGB", (4, 5), "red"))
    assert text.startswith("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(text.split(",")[1]))).size == (4, 5)
