"""Colours of warnings and errors that can be read on the background that Slicer's theme gives the panel."""

from __future__ import annotations

import colorsys
from typing import Any

import qt

LEAST_CONTRAST = 4.5
"""Of text to its background, as WCAG 2.2 asks (1.4.3)."""

_WARNING_HUE, _ERROR_HUE = 30 / 360, 350 / 360
ORANGE_HUE, BLUE_HUE = 25 / 360, 208 / 360
"""Told apart by colour-blind readers too; reports have them for what grew and what shrank."""

_DARK = 0.18
"""Luminance of a background on which white is read better than black."""

RGB = tuple[float, float, float]


def showAsWarning(label: Any) -> None:
    """Let a label's words be orange, as light or dark as its background asks."""
    _colour(label, _WARNING_HUE)


def showAsError(label: Any) -> None:
    """Let a label's words be red, as light or dark as its background asks."""
    _colour(label, _ERROR_HUE)


def brush(table: Any, hue: float) -> Any:
    """For words of a hue on the background of a table's cells."""
    red, green, blue = readable(hue, _parts(table.palette.color(qt.QPalette.Base)))
    return qt.QBrush(qt.QColor(round(255 * red), round(255 * green), round(255 * blue)))


def readable(hue: float, background: RGB) -> RGB:
    """The strongest colour of a hue that has enough contrast; parts from 0 to 1."""
    steps = range(50, 101) if _luminance(background) < _DARK else range(50, -1, -1)
    colours = (colorsys.hls_to_rgb(hue, step / 100, 1.0) for step in steps)
    return next(colour for colour in colours if contrast(colour, background) >= LEAST_CONTRAST)


def contrast(one: RGB, other: RGB) -> float:
    """Contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _colour(label: Any, hue: float) -> None:
    palette = qt.QPalette(label.palette)
    red, green, blue = readable(hue, _parts(palette.color(qt.QPalette.Window)))
    wanted = qt.QColor(round(255 * red), round(255 * green), round(255 * blue))
    if palette.color(qt.QPalette.WindowText) != wanted:
        palette.setColor(qt.QPalette.WindowText, wanted)
        label.setPalette(palette)


def _parts(colour: Any) -> RGB:
    return colour.red() / 255, colour.green() / 255, colour.blue() / 255


def _luminance(colour: RGB) -> float:
    red, green, blue = (_linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
