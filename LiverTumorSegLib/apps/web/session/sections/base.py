"""Base of every part of the page."""

from __future__ import annotations

from abc import ABC, abstractmethod

from trame.widgets import html

from ..session import Session


class Section(ABC):
    """A part of the page.

    Args:
        session: that it shows.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.panel, self.state = session, session.panel, session.state

    @abstractmethod
    def build(self) -> None:
        """Make the widgets, inside the layout that is being built."""

    @abstractmethod
    def show(self) -> None:
        """Bring the page's state up to date."""


def heading(text: str) -> None:
    """Title of a section."""
    html.H2(text, classes="lts-heading")
