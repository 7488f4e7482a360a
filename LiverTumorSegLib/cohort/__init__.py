"""Many CTs segmented by one or more processes that share them out, skip what is done and go on after a kill."""

from .case import CohortCase
from .cases import Found, find
from .ranks import ALONE, Rank
from .run import Summary, run
from .settings import FORMATS, Settings

__all__ = ["ALONE", "FORMATS", "CohortCase", "Found", "Rank", "Settings", "Summary", "find", "run"]
