"""A picture of the panel's section *Earlier CT* after a comparison, into Resources/Screenshots.

    python Testing/screenshots/earlier_ct.py

Both CTs are made up: a small liver that was shifted, with a lesion that grew, one that is gone and a new one.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.repository import ROOT
from support.slicer_harness import application
from support.small_follow_up import add_comparison

TARGET = ROOT / "Resources" / "Screenshots" / "panel-earlier-ct.png"
CAPTION = "Test harness on Qt and Slicer's own MRML, not 3D Slicer"
WIDTH, STRIP = 460, 26


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
    import qt
    import slicer

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
    for _ in range(2):  # labels learn their height from their width
        widget.parent.resize(WIDTH, widget.parent.sizeHint.height())
        slicer.app.processEvents()
    section = ui.earlierSection.grab()
    picture = qt.QPixmap(section.width(), section.height() + STRIP)
    picture.fill(qt.QColor("#1f2a44"))
    painter = qt.QPainter(picture)
    painter.drawPixmap(0, 0, section)
    painter.setPen(qt.QColor("white"))
    painter.drawText(8, picture.height() - 8, CAPTION)
    painter.end()
    picture.save(str(TARGET))
    print(TARGET)


if __name__ == "__main__":
    main()
