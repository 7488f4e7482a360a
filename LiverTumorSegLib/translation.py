"""Words in the language of Slicer, where the panel runs in it; elsewhere they stay English."""

from __future__ import annotations

import sys
from collections.abc import Callable


def _found() -> Callable[[str], str]:
    if "slicer" not in sys.modules:  # importing slicer-core takes a second, and it translates nothing
        return str
    try:
        from slicer.i18n import tr as slicers
    except ImportError:
        return str
    return slicers


tr = _found()
"""To be imported as ``_`` by each file that uses it: Slicer's looks a text up by the file that calls."""
