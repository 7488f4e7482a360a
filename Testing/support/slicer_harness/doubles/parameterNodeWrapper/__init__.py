"""Stands for slicer.parameterNodeWrapper, for the types and widgets that this project uses."""

from slicer.parameterNodeWrapper.parameters import Default
from slicer.parameterNodeWrapper.validators import Choice, Maximum, Minimum, WithinRange
from slicer.parameterNodeWrapper.wrapper import isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice",
    "Default",
    "Maximum",
    "Minimum",
    "WithinRange",
    "isParameterNodeWrapper",
    "parameterNodeWrapper",
]
