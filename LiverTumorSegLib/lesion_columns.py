"""The columns of the lesion table in a panel and in its scene."""

from __future__ import annotations

COLUMNS: tuple[tuple[str, str, type[int | float]], ...] = (
    ("lesion", "number", int),
    ("volume (ml)", "volume_ml", float),
    ("axial diameter (mm)", "axial_diameter_mm", float),
    ("short axis (mm)", "short_axial_diameter_mm", float),
    ("3D diameter (mm)", "diameter_mm", float),
    ("mean HU", "mean_hu", float),
    ("SD HU", "sd_hu", float),
    ("to surface (mm)", "surface_distance_mm", float),
    ("axial slice", "slice", int),
    ("burden (%)", "burden_percent", float),
    ("R (mm)", "r", float),
    ("A (mm)", "a", float),
    ("S (mm)", "s", float),
)
"""Heading, key and type of each column."""
