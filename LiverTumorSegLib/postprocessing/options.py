"""The table of clean-up options: an entry is all that model, recipe, command line, worker and both panels know of one.

The step itself is in :mod:`.cleaning`. Slicer's panel reads this table as it starts, so nothing is imported that Slicer
does not bring.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CleanUpOption:
    """One option of the clean-up: a step that is switched on or off, or a number, mostly a limit below which things go.

    Args:
        name: in ``model.json``, recipes and results.
        default: of models and recipes that do not say; a bool makes it a switch, a number a limit.
        label: in panels, without its unit.
        help: one sentence without its full stop, for tool tips and the command line.
        unit: of a limit; its name ends with it.
        offered: largest limit that can be entered.
        step: of a limit's arrows.
        decimals: of a limit.
        of_liver: means nothing to a model that does not find the liver.
    """

    name: str
    default: bool | float
    label: str
    help: str
    unit: str = ""
    offered: float = 1e4
    step: float = 1
    decimals: int = 0
    of_liver: bool = False

    @property
    def kind(self) -> type[bool | float]:
        """Type of its values."""
        return bool if isinstance(self.default, bool) else float

    @property
    def off(self) -> bool | float:
        """The value that leaves labels as they are."""
        return self.kind()

    @property
    def short_name(self) -> str:
        """The name without its unit, ``smallest_lesion``: of arguments of the command line and of widgets."""
        return self.name.removesuffix(f"_{self.unit.lower()}")

    @property
    def label_with_unit(self) -> str:
        """The label of a field that shows the number alone."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def parameter(self) -> str:
        """Name in a scene of Slicer: ``smallestLesionMl``."""
        return camel_case(self.name)


def camel_case(name: str) -> str:
    """``smallest_lesion`` as Slicer's scenes and widgets have it: ``smallestLesion``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _(text: str) -> str:
    """The text itself; Slicer's translators collect what stands in such brackets."""
    return text


OPTIONS: tuple[CleanUpOption, ...] = (
    CleanUpOption(
        "largest_liver",
        default=True,
        label=_("Keep the largest liver alone"),
        help=_("Drops parts of liver that are not connected to the largest"),
        of_liver=True,
    ),
    CleanUpOption(
        "lesions_in_liver",
        default=True,
        label=_("Keep lesions in the liver alone"),
        help=_("Drops lesions that neither lie in the liver nor touch it"),
        of_liver=True,
    ),
    CleanUpOption(
        "fill_holes",
        default=True,
        label=_("Fill holes in the liver"),
        help=_("Background enclosed by liver becomes liver"),
        of_liver=True,
    ),
    CleanUpOption(
        "smallest_lesion_ml",
        default=0.05,
        label=_("Smallest lesion"),
        help=_("Lesions below this volume become liver, or background where no liver touches them"),
        unit="ml",
        step=0.05,
        decimals=3,
    ),
    CleanUpOption(
        "smallest_liver_ml",
        default=50,
        label=_("Smallest liver"),
        help=_("Below this volume, lesions included, it is taken for no liver; not asked of a region"),
        unit="ml",
        step=10,
        of_liver=True,
    ),
    CleanUpOption(  # last: it chooses among what the others have left
        "sensitivity",
        default=1,
        label=_("False lesions a patient"),
        help=_(
            "How many false lesions a patient are put up with, by the model's cross-validation, for fewer that are "
            "missed; models without such figures keep every lesion"
        ),
        offered=10,
        step=0.5,
        decimals=2,
    ),
)
"""Every option, in the order in which the steps run and the panels show them; a smallest size of 0 drops nothing."""

RETIRED = frozenset({"least_probability", "least_contrast_hu"})
"""Options of earlier versions, which models and recipes of then state and which are passed over: the lesions' scores
have taken their place."""
