"""TotalSegmentator's models: what their labels are and what it does around nnU-Net, task by task.

Facts from its ``map_tasks_config.py``, ``python_api.py`` and ``resampling.py`` (version 2.18); Wasserthal et al. 2023,
Radiology: Artificial Intelligence, 10.1148/ryai.230024.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...core.structures import LIVER_SEGMENTS
from .settings import Surroundings

_LIVER_MARGIN_MM = 20.0
"""Around the liver for every task that looks there, whatever its own table says."""

_WHOLE_STEP, _USUAL_STEP = 0.8, 0.5


@dataclass(frozen=True)
class Task:
    """A model of TotalSegmentator's that finds something in the liver, or the liver.

    Args:
        name: as it calls the task.
        dataset: how the name of its data set's folder begins.
        title: for users.
        around: its own steps.
        labels: what the labels 1, 2 and so on are, where their names do not say.
        step: from tile to tile, in parts of a patch.
        cite: beside the paper above.
    """

    name: str
    dataset: str
    title: str
    around: Surroundings
    labels: tuple[str, ...] = ()
    step: float = _USUAL_STEP
    cite: str = ""


def _in_the_liver(spacing: tuple[float, float, float] | None) -> Surroundings:
    return Surroundings(spacing_mm=spacing, liver_margin_mm=_LIVER_MARGIN_MM)


def _whole(millimetres: float) -> Surroundings:
    return Surroundings(spacing_mm=(millimetres, millimetres, millimetres))


TASKS = (
    Task(
        "liver_lesions",
        "Dataset591_ct_liver_lesions_",
        "Liver lesions, by TotalSegmentator",
        _in_the_liver((0.75, 0.75, 1.0)),
        ("lesion",),
        cite="10.1007/s10278-025-01716-y",
    ),
    Task(
        "liver_vessels",
        "Dataset008_HepaticVessel",
        "Liver vessels and tumours, by TotalSegmentator",
        _in_the_liver(None),
        ("liver_vessels", "lesion"),
    ),
    Task(
        "liver_segments",
        "Dataset570_ct_liver_segments",
        "Couinaud's liver segments, by TotalSegmentator",
        _in_the_liver((0.8046879768371582, 0.8046879768371582, 1.5)),
        LIVER_SEGMENTS,
        cite="10.1007/978-3-030-32692-0_32",
    ),
    Task(
        "total",
        "Dataset291_TotalSegmentator_",
        "Liver and other organs, by TotalSegmentator",
        _whole(1.5),
        step=_WHOLE_STEP,
    ),
    Task(
        "total_fast",
        "Dataset297_TotalSegmentator_",
        "Liver and others at 3 mm, by TotalSegmentator",
        _whole(3.0),
        step=_WHOLE_STEP,
    ),
    Task(
        "total_fastest",
        "Dataset298_TotalSegmentator_",
        "Liver and others at 6 mm, by TotalSegmentator",
        _whole(6.0),
        step=_WHOLE_STEP,
    ),
)
AMBIGUOUS = "Dataset008_HepaticVessel"
"""Also the name that the Medical Segmentation Decathlon's own data get."""

LICENCE, TERMS = "Apache-2.0", "any use, with the licence's notices kept; TotalSegmentator asks to be cited"
CITE = "10.1148/ryai.230024"


def find_task(dataset: str) -> Task | None:
    """The task of a data set's folder, such as ``Dataset591_ct_liver_lesions_842subj``; None for others."""
    return next((task for task in TASKS if dataset.startswith(task.dataset)), None)
