import subprocess

import numpy as np
import pytest

from LiverTumorSegLib import render


def coloured(image, channel):
    pixels = np.asarray(image).astype(int)
    others = [c for c in range(3) if c != channel]
    return np.argwhere(pixels[..., channel] > pixels[..., others].max(axis=-1) + 15)


def test_liver_and_lesions_are_seen_from_the_front(small_phantom):
    image = render.surfaces(small_phantom.labels, small_phantom.volume)
    if image is None:
        pytest.skip("no renderer works on this machine: install libegl1 and libgl1")
    liver, lesion = coloured(image, 0), coloured(image, 1)
    assert len(liver) > 5000
    assert len(lesion) > 50
    volume = small_phantom.volume
    columns = np.argwhere(volume.axial.of(small_phantom.labels) == 2)[:, 2]
    organ = np.argwhere(volume.axial.of(small_phantom.labels))[:, 2]
    seen_left = lesion[:, 1].mean() < (liver[:, 1].min() + liver[:, 1].max()) / 2
    assert seen_left == (columns.mean() < (organ.min() + organ.max()) / 2)


def test_without_labels_there_is_no_picture(small_phantom):
    assert render.surfaces(np.zeros_like(small_phantom.labels), small_phantom.volume) is None


@pytest.mark.parametrize("failure", [subprocess.CalledProcessError(-11, "vtk"), subprocess.TimeoutExpired("vtk", 1)])
def test_a_renderer_that_dies_or_hangs_costs_the_picture_alone(small_phantom, monkeypatch, failure):
    def run(*args, **kwargs):
        raise failure

    monkeypatch.setattr(subprocess, "run", run)
    assert render.surfaces(small_phantom.labels, small_phantom.volume) is None
