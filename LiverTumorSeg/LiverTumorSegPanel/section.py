"""A part of the panel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from .parameters import LiverTumorSegParameterNode


class Section(ABC):
    """Shows a part of the parameter node, and writes to it as the user chooses.

    Args:
        ui: the panel's widgets.
    """

    parameters: LiverTumorSegParameterNode = None  # type: ignore[assignment]
    """The scene's, given before anything is shown; None while a scene is closed."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui

    @abstractmethod
    def show(self) -> None:
        """Bring the widgets up to date; there is a parameter node."""
