"""Many CTs segmented by one or more processes that share them out, skip what is done and go on after a kill."""

from ...core.ranks import ALONE, Rank
from .cases import CohortCase, FoundCases, find
from .segment import Summary, segment_cohort
from .settings import FORMATS, CaseOutputs, CohortSettings, structures_beside

__all__ = [
    "ALONE",
    "FORMATS",
    "CaseOutputs",
    "CohortCase",
    "CohortSettings",
    "FoundCases",
    "Rank",
    "Summary",
    "find",
    "segment_cohort",
    "structures_beside",
]
