"""Fingerprints of CTs that nobody made."""

from LiverTumorSegLib.training.planning.fingerprint import CaseFacts, Fingerprint, Intensities

INTENSITIES = Intensities(mean=100.0, median=105.0, std=40.0, least=-300.0, greatest=600.0, low=-20.0, high=220.0)
LABELS = ("background", "liver", "lesion")


def fingerprint_of(*cases, axes=(0, 1, 2), labels=LABELS, labelled=0.5, intensities=INTENSITIES):
    """Of pairs of a shape and a spacing.

    Args:
        cases: such pairs.
        axes: of all CTs, or of each.
        labels: of the data set.
        labelled: share of the slices of each.
        intensities: of what is labelled.
    """
    each = axes if isinstance(axes[0], tuple) else [axes] * len(cases)
    facts = [
        CaseFacts(str(number), tuple(shape), tuple(spacing), 1.0, own, labelled)
        for number, ((shape, spacing), own) in enumerate(zip(cases, each, strict=True))
    ]
    return Fingerprint(tuple(facts), intensities, labels)
