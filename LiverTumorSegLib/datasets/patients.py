"""Who a scan shows: one name for a patient, whichever public data set the scan comes from.

LiTS and MSD Task03_Liver number their training patients alike. 3D-IRCADb-01 is one of LiTS's sources; that its patients
1 to 20 are LiTS 28 to 47 is what most who compared the files found, while one report has 46 to 48 in place of 45 to 47
(github.com/assassint2017/MICCAI-LITS2017, issue 33). So :mod:`.twins` compares what the files hold as well.
"""

from __future__ import annotations

import re

_LITS = re.compile(r"(?:volume|liver)[-_](\d+)", re.IGNORECASE)
_IRCADB = re.compile(r"3dircadb1\.(\d+)", re.IGNORECASE)
_IRCADB_PATIENTS, _IRCADB_TO_LITS = range(1, 21), 27

IRCADB_IN_LITS = range(28, 48)
"""LiTS and MSD numbers of the patients of 3D-IRCADb-01."""

WRONG_SPACING = (
    "LiTS 28 to 47 state pixels of 1 mm, which is wrong: millimetres and millilitres mislead; 3D-IRCADb-01 1 to 20 "
    "have the true spacing."
)


def patient_of(name: str) -> str:
    """The patient that a scan's name stands for.

    Args:
        name: ``volume-N`` (LiTS), ``liver_N`` or ``liver-N`` (MSD), ``3Dircadb1.N``, or any other.

    Returns:
        ``volume-N`` with the number in LiTS; any other name as it is.
    """
    if lits := _LITS.fullmatch(name):
        return f"volume-{int(lits[1])}"
    ircadb = _IRCADB.fullmatch(name)
    if ircadb and int(ircadb[1]) in _IRCADB_PATIENTS:
        return f"volume-{int(ircadb[1]) + _IRCADB_TO_LITS}"
    return name


def has_wrong_spacing(patient: str, row_mm: float, column_mm: float) -> bool:
    """Whether a patient of 3D-IRCADb-01 states the 1 mm that LiTS published; none was scanned with such pixels.

    Args:
        patient: as :func:`patient_of` names them.
        row_mm: millimetres between rows.
        column_mm: millimetres between columns.
    """
    lits = _LITS.fullmatch(patient)
    wide = (round(row_mm, 3), round(column_mm, 3)) == (1, 1)
    return wide and lits is not None and int(lits[1]) in IRCADB_IN_LITS
