"""Every case, in one list."""

from . import others, pixels, places
from .case import CASES

__all__ = ["CASES", "others", "pixels", "places"]
