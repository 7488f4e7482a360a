"""One parameter: its type, its default, and how it is written into the parameter node."""

import typing
from dataclasses import dataclass

import slicer

_PLAIN = {str: "", int: 0, float: 0, bool: False}
_MISSING = object()


@dataclass(frozen=True)
class Default:
    """Annotation with the value that a new parameter gets."""

    value: object


class Parameter:
    """Made from a member of the wrapped class; a type that the double does not know is refused."""

    def __init__(self, name, annotated, assigned=_MISSING):
        self.name = name
        self.annotated = annotated
        is_annotated = typing.get_origin(annotated) is typing.Annotated
        self.type, *annotations = typing.get_args(annotated) if is_annotated else (annotated,)
        self.annotations = annotations
        self.is_node = isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)
        if not self.is_node and self.type not in _PLAIN:
            msg = f"the harness has no parameters of type {self.type} ({name})"
            raise TypeError(msg)
        self.default = self._default(assigned)

    @classmethod
    def of(cls, wrapped, name, annotated):
        return cls(name, annotated, vars(wrapped).get(name, _MISSING))

    def find(self, kind):
        """The first annotation of a kind, or None."""
        return next((found for found in self.annotations if isinstance(found, kind)), None)

    def write(self, node, value):
        self._validate(value)
        if self.is_node:
            node.SetParameter(self.name, "")  # tells "none" from "not set yet"
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))

    def read(self, node):
        """The value, after writing the default where there is none."""
        if not node.HasParameter(self.name):
            self.write(node, self.default)
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.type is bool else self.type(text)

    def _default(self, assigned):
        annotated = self.find(Default)
        if assigned is not _MISSING:
            return assigned
        return annotated.value if annotated else _PLAIN.get(self.type)

    def _validate(self, value):
        if value is None and not self.is_node:
            msg = f"{self.name} must not be None"
            raise ValueError(msg)
        accepted = (int, float) if self.type is float else self.type
        if value is not None and not isinstance(value, accepted):
            msg = f"{self.name} takes {self.type.__name__}, not {value!r}"
            raise TypeError(msg)
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)
