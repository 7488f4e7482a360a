"""Pictures of the panel before, during and after a segmentation and while it takes clicks, into Resources/Screenshots.

    python Testing/screenshots/panel.py [CT]

Without a CT, a LiTS patient (one that the model was trained on) is taken where the data lie beside the repository, else
a made-up CT.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import panel_pictures
from support.repository import ROOT, SHARED
from support.slicer_harness import application

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io import volumes

PATIENT = "8"
TARGET = ROOT / "Resources" / "Screenshots"
HEIGHT = 760
PATIENCE = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ct", type=Path, nargs="?")
    chosen = parser.parse_args().ct
    volume = volumes.read_volume(chosen) if chosen else default()
    application.start()
    application.load_module(ROOT / "LiverTumorSeg" / "LiverTumorSeg.py")
    widget = application.open_module("LiverTumorSeg")
    try:
        take(widget, volume)
    finally:
        application.stop()


def default() -> Volume:
    script = SHARED / "make_nifti.py"
    if not script.exists():
        return phantom.create().volume
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(script), folder, "--volumes", PATIENT], check=True)
        return volumes.read_volume(Path(folder) / f"volume-{PATIENT}.nii.gz")


def take(widget, volume) -> None:
    import slicer

    slicer.util.confirmYesNoDisplay = lambda *_, **__: True  # to the licence of the weights
    affine = slicer.util.vtkMatrixFromArray(volume.affine)
    widget.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(volume.voxels, affine, "CT"))
    panel = widget.logic.panel
    panel.open()
    wait(lambda: panel.devices)
    grab(widget, "panel-before")
    widget.ui.coarseCheck.checked = False  # long enough to be seen
    widget.ui.segmentButton.click()
    wait(lambda: panel.fraction > 0.4)
    grab(widget, "panel-during")
    wait(lambda: not panel.busy)
    if panel.error:
        raise SystemExit(panel.error)
    wait(lambda: panel.settled)
    widget.ui.coarseCheck.checked = True
    widget.ui.lesionTable.selectRow(0)
    grab(widget, "panel-after")
    widget.ui.improveButton.click()
    wait(lambda: panel.settled)
    grab(widget, "panel-clicks")


def wait(condition) -> None:
    if not application.wait_until(condition, PATIENCE):
        raise SystemExit(f"waited {PATIENCE} s in vain")  # noqa: EM102


def grab(widget, name: str) -> None:
    """What is seen of the panel in Slicer's usual window, with a strip below that says what it is."""
    import qt

    panel_pictures.lay_out(widget, HEIGHT)
    panel_pictures.save(widget.parent.grab(qt.QRect(0, 0, panel_pictures.WIDTH, HEIGHT)), TARGET / f"{name}.png")


if __name__ == "__main__":
    main()
