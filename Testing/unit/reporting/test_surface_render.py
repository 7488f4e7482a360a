import re
import tempfile

import numpy as np
import pytest

from LiverTumorSegLib.reporting import surface_render


def coloured(image, channel):
    pixels = np.asarray(image).astype(int)
    others = [c for c in range(3) if c != channel]
    return np.argwhere(pixels[..., channel] > pixels[..., others].max(axis=-1) + 15)


def test_liver_and_lesions_are_seen_from_the_front(small_phantom):
    try:
        image = surface_render.render_surfaces(small_phantom.labels, small_phantom.volume)
    except surface_render.NotDrawn as error:
        pytest.skip(f"{error} install libegl1 and libgl1")
    liver, lesion = coloured(image, 0), coloured(image, 1)
    assert len(liver) > 5000
    assert len(lesion) > 50
    volume = small_phantom.volume
    columns = np.argwhere(volume.axial.of(small_phantom.labels) == 2)[:, 2]
    organ = np.argwhere(volume.axial.of(small_phantom.labels))[:, 2]
    seen_left = lesion[:, 1].mean() < (liver[:, 1].min() + liver[:, 1].max()) / 2
    assert seen_left == (columns.mean() < (organ.min() + organ.max()) / 2)


def test_without_labels_there_is_no_picture(small_phantom):
    assert surface_render.render_surfaces(np.zeros_like(small_phantom.labels), small_phantom.volume) is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "(no renderer works on this machine, SIGSEGV)"),
        ("import os; os._exit(3)", "(no renderer works on this machine, exit code 3)"),
        ("import os; os._exit(0)", "(no renderer works on this machine, it drew nothing)"),
        (
            "raise ImportError('libGL.so.1: not in /home/me/lib/x')",
            "(the process that draws it failed, ImportError: libGL.so.1: not in x)",
        ),
        ("import time; time.sleep(600)", "(drawing it took longer than 2 seconds)"),
        ("import pathlib, sys; pathlib.Path(sys.argv[2]).write_text('no picture'); sys.exit()", "drawn is damaged)"),
    ],
)
def test_a_renderer_that_dies_or_hangs_costs_the_picture_alone_and_is_said(
    small_phantom, monkeypatch, tmp_path, code, why
):
    (tmp_path / "vtkmodules.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(surface_render, "_TIMEOUT_S", 2 if "sleep" in code else 300)
    with pytest.raises(surface_render.NotDrawn, match=re.escape(why)) as raised:
        surface_render.render_surfaces(small_phantom.labels, small_phantom.volume)
    assert str(raised.value).startswith("The three-dimensional picture is left out (")


def test_a_temporary_folder_that_is_not_there_costs_the_picture_alone_and_is_said(small_phantom, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(surface_render.NotDrawn, match="No such file or directory"):
        surface_render.render_surfaces(small_phantom.labels, small_phantom.volume)
