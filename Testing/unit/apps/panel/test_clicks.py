import errno
import gc
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from support.click_cases import LESIONS, ball, clicked_ct, dice, ras, save_click_model
from support.panels import settle

from LiverTumorSegLib.apps.panel.clicks import LesionClick
from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import Panel, PanelSettings
from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.clicks.lesion import Known, find_lesion
from LiverTumorSegLib.io import nrrd_output
from LiverTumorSegLib.models.model_folder import load

SMALL, LARGE = (LesionClick(ras(LESIONS[name][0]), inside=True) for name in ("small", "large"))
OUTSIDE = LesionClick(ras((50.0, 45.0, 60.0)), inside=False)


@pytest.fixture(scope="module")
def ct():
    return clicked_ct()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_click_model(tmp_path_factory.mktemp("models") / "lesion-click"))


@pytest.fixture
def panel(warm_worker):
    return Panel(warm_worker)


def clicked(panel, ct, *clicks, labels=None, model, **chosen):
    """The lesion after clicks, as the panel's client gets it."""
    got = []
    panel.click(ct, labels, clicks, got.append, device="cpu", model=model, **chosen)
    settle(panel, lambda panel: panel.settled)
    assert panel.state is PanelState.DONE, panel.error
    return got[0]


def whole(ct, lesion):
    mask = np.zeros(ct.voxels.shape, bool)
    mask[lesion.box] = lesion.mask
    return mask


def test_a_click_gives_the_lesion_that_the_library_finds(panel, ct, model):
    lesion = clicked(panel, ct, SMALL, model=model)
    found = find_lesion(ct, load(Path(model)), [SMALL.point], device="cpu")
    np.testing.assert_array_equal(whole(ct, lesion), found.mask)
    assert lesion.clicks == (SMALL,)
    assert lesion.ml == pytest.approx(found.ml)
    assert lesion.probability == pytest.approx(found.probability, abs=0.01)
    assert lesion.warnings == ()


def test_the_ct_is_handed_over_once_and_another_takes_its_place(warm_worker, ct, model):
    panel = Panel(warm_worker)
    before = handed_over(panel)
    clicked(panel, ct, SMALL, model=model)
    (file,) = handed_over(panel) - before
    written = file.stat().st_mtime_ns
    clicked(panel, ct, SMALL, OUTSIDE, model=model)
    assert file.stat().st_mtime_ns == written
    clicked(panel, Volume(ct.voxels.copy(), ct.affine), SMALL, model=model)
    (new,) = handed_over(panel) - before
    assert new != file
    del panel
    gc.collect()
    assert not new.exists()


def handed_over(panel):
    return set(panel.worker.scratch.glob("clicks-*/volume.nrrd"))


def test_a_file_that_a_full_disk_cut_short_is_written_again(warm_worker, ct, model, monkeypatch):
    def cut_short(path, array, affine):
        path.write_bytes(b"NRRD0004")
        raise OSError(errno.ENOSPC, "No space left on device")

    panel = Panel(warm_worker)
    before = handed_over(panel)
    with monkeypatch.context() as full:
        full.setattr(nrrd_output, "write_uncompressed", cut_short)
        panel.prepare_clicks(ct, device="cpu", model=model)
    assert "free some space" in panel.error
    assert handed_over(panel) == before
    assert clicked(panel, ct, SMALL, model=model).ml > 0


def test_the_liver_and_the_lesions_beside_it_are_those_of_the_labels(panel, ct, model):
    labels = np.ones(ct.voxels.shape, np.uint8)
    labels[:, :, 50:] = 5
    lesion = whole(ct, clicked(panel, ct, SMALL, labels=labels, model=model))
    median = Known(liver_hu=float(np.median(ct.voxels[:, :, :50])))
    found = find_lesion(ct, load(Path(model)), [SMALL.point], known=median, device="cpu")
    assert lesion.any()
    np.testing.assert_array_equal(lesion, found.mask & (labels == 1))


def test_a_lesion_that_is_there_is_improved_and_keeps_what_it_was(panel, ct, model):
    base = ball((50.0, 45.0, 60.0), 2.5)
    labels = np.where(base, 2, 1).astype(np.uint8)
    both = whole(ct, clicked(panel, ct, SMALL, labels=labels, base=base, model=model))
    assert both[base].all()
    assert dice(both & ~base, ball(*LESIONS["small"])) > 0.8
    cut = whole(ct, clicked(panel, ct, SMALL, OUTSIDE, labels=labels, base=base, model=model))
    assert not cut[base].any()
    np.testing.assert_array_equal(whole(ct, clicked(panel, ct, SMALL, labels=labels, base=base, model=model)), both)


def test_what_the_automatic_run_found_likely_comes_with_the_clicks_on_its_ct(panel, ct, model, small_phantom):
    volume, asked = small_phantom.volume, {"device": "cpu", "model": model}
    settings = PanelSettings(device="cpu")
    panel.segment(volume, settings, print)
    settle(panel)
    point = LesionClick((55.0, 7.0, 31.0), inside=True)
    panel.click(volume, None, (point,), print, **asked)
    chosen = panel._job.queued.arguments
    part, _ = arrays.read(Path(chosen["automatic"]))
    k, j, i = (slice(at, at + n) for at, n in zip(chosen["automatic_at"], part.shape, strict=True))
    likely = np.zeros(volume.voxels.shape, np.uint8)
    likely[k, j, i] = part
    assert likely[small_phantom.labels == 2].mean() > 128 > 10 > likely[small_phantom.labels == 1].mean()
    settle(panel)
    assert panel.state is PanelState.DONE, panel.error
    panel.click(ct, None, (SMALL,), print, **asked)
    assert "automatic" not in panel._job.queued.arguments
    settle(panel)
    panel.segment(volume, settings, print, inside=small_phantom.labels > 0)
    settle(panel)
    panel.click(volume, None, (point,), print, **asked)
    assert "automatic" not in panel._job.queued.arguments
    settle(panel)


def test_of_clicks_while_one_is_answered_the_newest_comes_next_and_others_never(panel, ct, model):
    got = []
    for clicks in ((SMALL,), (SMALL, OUTSIDE), (LARGE,)):
        panel.click(ct, None, clicks, got.append, device="cpu", model=model)
    assert not panel.settled
    settle(panel, lambda panel: panel.settled)
    assert [lesion.clicks for lesion in got] == [(SMALL,), (LARGE,)]


def test_cancelling_forgets_the_click_that_waits_too(panel, ct, model):
    got = []
    panel.click(ct, None, (SMALL, OUTSIDE), got.append, device="cpu", model=model)
    panel.click(ct, None, (LARGE,), got.append, device="cpu", model=model)
    panel.cancel()
    settle(panel, lambda panel: panel.settled)
    assert got == []
    assert clicked(panel, ct, SMALL, model=model).clicks == (SMALL,)


def test_a_click_beside_the_ct_is_said_in_a_sentence_and_the_next_one_works(panel, ct, model):
    panel.click(ct, None, (LesionClick((900.0, 0.0, 0.0), inside=True),), print, device="cpu", model=model)
    settle(panel)
    assert panel.state is PanelState.FAILED
    assert "lies outside the CT" in panel.error
    assert clicked(panel, ct, SMALL, model=model).ml > 0


def test_a_model_that_is_not_there_is_said_in_a_sentence(panel, ct):
    panel.click(ct, None, (SMALL,), print, device="cpu", model="no-such-model")
    settle(panel)
    assert "There is no model “no-such-model”" in panel.error


def test_nothing_is_lost_when_the_worker_dies_between_clicks(panel, ct, model):
    panel.prepare_clicks(ct, device="cpu", model=model)
    first = clicked(panel, ct, SMALL, OUTSIDE, model=model)
    os.kill(panel.worker._run.child.pid, signal.SIGKILL)
    settle(panel, lambda panel: not panel.worker.alive)
    again = clicked(panel, ct, SMALL, OUTSIDE, model=model)
    np.testing.assert_array_equal(whole(ct, again), whole(ct, first))


def test_a_click_waits_for_no_long_job(panel, ct, model):
    panel.preview(ct, "unet-lits", print)
    with pytest.raises(RuntimeError, match="click cannot start"):
        panel.click(ct, None, (SMALL,), print, device="cpu", model=model)
    panel.cancel()
    settle(panel)
