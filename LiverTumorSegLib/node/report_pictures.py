"""The pictures that stand in a report, one by one."""

from __future__ import annotations

import base64
import re
from pathlib import Path

NAMES = ("axial", "coronal", "sagittal")
_PICTURE = re.compile(r'<figure><img src="data:image/png;base64,([^"]*)" alt="(\w+) slice')


def pictures(report: Path) -> dict[str, bytes]:
    """The slices with the outlines of liver and lesions, as PNG files by the name of their plane.

    Args:
        report: that :mod:`LiverTumorSegLib.report_files` wrote.

    Raises:
        OSError: it cannot be read.
    """
    found = _PICTURE.findall(report.read_text(encoding="utf-8"))
    return {plane: base64.b64decode(content) for content, plane in found if plane in NAMES}
