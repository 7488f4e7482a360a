"""Pictures of the panel, with a strip below that says what it is."""

from pathlib import Path

WIDTH = 460
_STRIP = 26
_CAPTION = "Test harness on Qt and Slicer's own MRML, not 3D Slicer"


def lay_out(widget, least_height: int = 0) -> None:
    """Give the panel its width, and the height that it then needs."""
    import slicer

    for _ in range(2):  # labels learn their height from their width
        widget.parent.resize(WIDTH, max(least_height, widget.parent.sizeHint.height()))
        slicer.app.processEvents()


def save(grabbed, path: Path) -> None:
    """Write what was grabbed of the panel, and say where."""
    import qt

    picture = qt.QPixmap(grabbed.width(), grabbed.height() + _STRIP)
    picture.fill(qt.QColor("#1f2a44"))
    painter = qt.QPainter(picture)
    painter.drawPixmap(0, 0, grabbed)
    painter.setPen(qt.QColor("white"))
    painter.drawText(8, picture.height() - 8, _CAPTION)
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(str(path))
    print(path)
