"""Warnings in a label: the first, and the others at a click, so that they do not push the panel down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LiverTumorSegLib.apps.panel import texts

from .colours import showAsWarning


class FoldedWarnings:
    """Shows sentences in a label of rich text.

    Args:
        label: hidden while there is no sentence.
    """

    def __init__(self, label: Any) -> None:
        self._label = label
        self._sentences: tuple[str, ...] = ()
        self._whole = False
        label.connect("linkActivated(QString)", self._onMore)
        self.show(())

    def show(self, sentences: Sequence[str]) -> None:
        """Show other sentences, folded again; the same ones stay as they are."""
        if tuple(sentences) != self._sentences:
            self._sentences, self._whole = tuple(sentences), False
        self._label.text = texts.folded(self._sentences, whole=self._whole)
        showAsWarning(self._label)
        self._label.visible = bool(self._sentences)

    def _onMore(self, link: str) -> None:
        self._whole = True
        self.show(self._sentences)
