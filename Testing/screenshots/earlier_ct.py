"""A picture of the panel's section *Earlier CT* after a comparison, into Resources/Screenshots.

    python Testing/screenshots/earlier_ct.py

Both CTs are made up: a small liver that was shifted, with a lesion that grew, one that is gone and a new one.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import panel_pictures
from support.repository import ROOT
from support.slicer_harness import application
from support.small_follow_up import add_comparison

TARGET = ROOT / "Resources" / "Screenshots" / "panel-earlier-ct.png"


def main() -> None:
    application.start()
    application.load_module(ROOT / "LiverTumorSeg" / "LiverTumorSeg.py")
    widget = application.open_module("LiverTumorSeg")
    try:
        with tempfile.TemporaryDirectory() as folder:
            take(widget, Path(folder))
    finally:
        application.stop()


def take(widget, folder: Path) -> None:
    from LiverTumorSegLib.apps.panel import mrml_comparison_views

    nodes = add_comparison(folder)
    parameters, ui = widget.logic.getParameterNode(), widget.ui
    parameters.earlierVolume, parameters.earlierSegmentation = nodes.volumes[0], nodes.segmentations[0]
    parameters.earlierDate, parameters.laterDate = "2026-01-10", "2026-04-20"
    parameters.comparison = nodes.table
    ui.earlierSection.collapsed = False
    mrml_comparison_views.open_views(nodes)
    ui.changesTable.selectRow(0)
    widget.show()
    panel_pictures.lay_out(widget)
    panel_pictures.save(ui.earlierSection.grab(), TARGET)


if __name__ == "__main__":
    main()
