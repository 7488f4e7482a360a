"""nnU-Net's configurations as this program's networks see CTs: along slices, rows and columns of the axial view.

nnU-Net's own axes are those of the arrays as files store them, the coarsest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .configurations import Configuration, plan_configuration
from .fingerprint import Fingerprint
from .plans import Plans
from .topology import CONVOLUTIONS

_LARGEST_CROP = 1024
_FLAT = 3
"""How much longer than thick a patch is at least that nnU-Net turns within its slices alone."""

_OBLONG = 1.5
"""How much longer than wide one is that it turns a little alone."""

_ALIKE = 0.01
_SMALLEST_BATCH = 2


@dataclass(frozen=True)
class AxialConfiguration:
    """A configuration along slices, rows and columns, or along rows and columns alone.

    Args:
        chosen: the configuration.
        order: its axes in this order.
        remark: sentences on how it came about, or nothing.
    """

    chosen: Configuration
    order: tuple[int, ...]
    remark: str = ""

    @property
    def spacing(self) -> list[float]:
        """Millimetres along each axis."""
        return self._ordered(self.chosen.spacing)

    @property
    def patch(self) -> list[int]:
        """Voxels along each axis."""
        return self._ordered(self.chosen.patch)

    @property
    def network(self) -> dict[str, Any]:
        """Options of the network."""
        stages = self.chosen.topology
        return {
            "strides": [self._ordered(stride) for stride in stages.strides],
            "kernels": [self._ordered(kernel) for kernel in stages.kernels],
            "encoder": [CONVOLUTIONS] * len(stages.strides),
        }

    @property
    def turning(self) -> dict[str, int]:
        """Degrees to either side, as ranges of augmentation; thin patches are turned within their slices alone."""
        patch = self.chosen.patch
        if len(patch) == 2:
            return {"rotation": 30 if max(patch) <= _OBLONG * min(patch) else 15}
        thin, axial = max(patch) > _FLAT * patch[0], self.order[0] == 0
        return {"rotation": 30 if axial or not thin else 0, "tilt": 0 if thin else 30}

    def _ordered(self, values: Sequence[Any]) -> list[Any]:
        return [values[axis] for axis in self.order]


@dataclass(frozen=True)
class Square:
    """A crop for slices in place of a patch that may be oblong.

    Args:
        spacing: millimetres between rows as between columns.
        side: pixels.
        batch: as many as come to no more pixels than the patches of the configuration, and two at least.
    """

    spacing: float
    side: int
    batch: int


def axial_volumes(plans: Plans, name: str) -> AxialConfiguration:
    """A configuration of a plan for volumes."""
    axes, remark = _stored_axes(plans.fingerprint)
    back = plans.transpose_backward
    return AxialConfiguration(plans.configurations[name], tuple(back[axis] for axis in axes), remark)


def axial_slices(plans: Plans) -> AxialConfiguration:
    """The configuration for slices; planned anew by the same rules where nnU-Net's slices are not axial.

    Raises:
        UserError: as :func:`.configurations.plan_configuration`.
    """
    (first, rows, columns), remark = _stored_axes(plans.fingerprint)
    back = plans.transpose_backward
    if plans.transpose[0] == first:
        return AxialConfiguration(plans.configurations["2d"], (back[rows] - 1, back[columns] - 1), remark)
    plane = back[rows], back[columns]
    chosen = plan_configuration(
        "2d",
        [plans.spacing[axis] for axis in plane],
        [plans.median_shape[axis] for axis in plane],
        voxels=prod(plans.median_shape) * len(plans.fingerprint.cases),
        classes=len(plans.fingerprint.labels),
        memory_gb=plans.memory_gb,
    )
    anew = "nnU-Net's own slices are not axial: these were planned by its rules."
    return AxialConfiguration(chosen, (0, 1), " ".join(filter(None, (anew, remark))))


def square_of(seen: AxialConfiguration) -> Square:
    """A square that shows all of a configuration's patch, and that its network can halve as often."""
    chosen = seen.chosen
    row, column = chosen.spacing
    spacing = row if abs(row / column - 1) < _ALIKE else (row * column) ** 0.5
    multiple = max(chosen.topology.multiples)
    side = min(-(-max(chosen.patch) // multiple) * multiple, _LARGEST_CROP // multiple * multiple)
    batch = min(chosen.batch, chosen.batch * prod(chosen.patch) // side**2)
    return Square(spacing, side, max(batch, _SMALLEST_BATCH))


def _stored_axes(fingerprint: Fingerprint) -> tuple[tuple[int, int, int], str]:
    """The stored axes that are slice, row and column of most CTs, and a sentence where others have other ones."""
    counted = Counter(case.axes for case in fingerprint.cases)
    (axes, most), cases = counted.most_common(1)[0], len(fingerprint.cases)
    if most == cases:
        return axes, ""
    return axes, f"{cases - most} of the CTs are stored along other axes than most, which nnU-Net takes for the same."
