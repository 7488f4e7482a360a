"""The clean-up options in parameter node and panel, made from the library's table of options."""

from typing import Annotated, Any

import qt
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange

from LiverTumorSegLib.postprocessing.options import OPTIONS, CleanUpOption, camel_case

_CONTEXT = "postprocessing.options"
"""Where Slicer's translators find the words of the table."""


def withCleanUpOptions(cls: type) -> type:
    """A class for ``parameterNodeWrapper`` with a parameter more for each option."""
    for option in OPTIONS:
        kind = bool if option.kind is bool else Annotated[float, WithinRange(0, option.offered)]
        cls.__annotations__[option.parameter] = kind
        setattr(cls, option.parameter, option.kind(option.default))
    return cls


def valuesOf(parameters: Any) -> dict[str, bool | float]:
    """The options of a parameter node, by their names in the library."""
    return {option.name: getattr(parameters, option.parameter) for option in OPTIONS}


def takeValues(parameters: Any, values: dict[str, bool | float]) -> None:
    """Put options, by their names in the library, into a parameter node; what they leave out stays as it is."""
    for option in OPTIONS:
        if option.name in values:
            setattr(parameters, option.parameter, values[option.name])


def addWidgets(form: Any, row: int) -> None:
    """Insert a box to tick or a field for each option into a form layout, tied to the parameter node by name.

    Args:
        form: a ``QFormLayout``.
        row: that the first option gets.
    """
    for number, option in enumerate(OPTIONS, start=row):
        label = translate(_CONTEXT, option.label)
        if option.kind is bool:
            box = qt.QCheckBox(label)
            form.insertRow(number, _named(box, "Check", option))
        else:
            form.insertRow(number, _("{label}:").format(label=label), _named(_field(option), "Spin", option))


def _field(option: CleanUpOption) -> Any:
    field = qt.QDoubleSpinBox()
    field.suffix = f" {option.unit}" if option.unit else ""
    field.decimals = option.decimals
    field.singleStep = option.step
    return field


def _named(widget: Any, kind: str, option: CleanUpOption) -> Any:
    widget.objectName = camel_case(option.short_name) + kind
    widget.toolTip = translate(_CONTEXT, option.help)
    widget.setProperty("SlicerParameterName", option.parameter)
    return widget
