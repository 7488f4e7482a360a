"""A clean-up option that the program does not have, for the table of options."""

from LiverTumorSegLib.postprocessing import options

ADDED = options.CleanUpOption(
    "flattest_lesion_mm",
    default=1.5,
    label="Flattest lesion",
    help="Lesions that are flatter become liver",
    unit="mm",
    offered=50,
    step=0.5,
    decimals=1,
)
WITH_ADDED = (*options.OPTIONS, ADDED)


def add() -> None:
    """Add it for the rest of the process; modules that are imported already do not notice."""
    options.OPTIONS = WITH_ADDED
