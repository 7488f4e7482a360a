"""Splits by patient, stratified by tumour load, saved to a file; and one name for a patient of several data sets.

A split by slices puts neighbours of one tumour into training and test, and a split that ignores how much tumour a
patient has often leaves a fold without any: a handful of LiTS patients hold most tumour pixels. So patients are
sorted by their tumour load and dealt out in blocks of as many as there are folds. Fold totals then differ by at most
the largest single load, because each block's largest load is no more than the least one of the block before.

LiTS and MSD Task03_Liver number their training patients alike. 3D-IRCADb-01 is one of LiTS's sources; that its patients
1 to 20 are LiTS 28 to 47 is what most who compared the files found, while one report has 46 to 48 in place of 45 to 47
(github.com/assassint2017/MICCAI-LITS2017, issue 33). So :mod:`.quality_check` compares what the files hold as well.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, ValidationError, model_validator

from ..core import text_files
from ..core.atomic_files import whole_file
from ..core.errors import UserError
from ..core.schema import StrictModel, explain_validation_error

PatientNames = tuple[str, ...]


class Round(NamedTuple):
    """One training with its validation, and a test set where one was kept back."""

    train: PatientNames
    validation: PatientNames
    test: PatientNames = ()


class Split(StrictModel):
    """Patients to train on and patients to measure on.

    Args:
        format: of the file.
        seed: that it was drawn with.
        folds: names by fold, for cross-validation; empty where there is one training only.
        train, validation, test: names, where there is one training only.
    """

    format: Literal[1] = 1
    seed: int = Field(ge=0)
    folds: tuple[PatientNames, ...] = ()
    train: PatientNames = ()
    validation: PatientNames = ()
    test: PatientNames = ()

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Split:
        parts = (self.train, self.validation, self.test)
        if bool(self.folds) == any(parts):
            msg = "give either folds, or train and validation"
            raise ValueError(msg)
        needed = self.folds or parts[:2]
        if len(needed) < 2 or not all(needed):
            msg = "at least two folds are needed, or train and validation, and none may be empty"
            raise ValueError(msg)
        doubled = next((name for name, count in Counter(self.names).items() if count > 1), None)
        if doubled is not None:
            msg = f"{doubled} occurs twice"
            raise ValueError(msg)
        return self

    @property
    def names(self) -> PatientNames:
        """Everyone in it."""
        parts = self.folds or (self.train, self.validation, self.test)
        return tuple(name for part in parts for name in part)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """One a fold, which is validated on the model of the others; or the only one."""
        if not self.folds:
            return (Round(self.train, self.validation, self.test),)
        return tuple(
            Round(tuple(name for other in self.folds if other is not fold for name in other), fold)
            for fold in self.folds
        )

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write it as JSON.

        Raises:
            UserError: the file exists, or cannot be written.
        """
        content = {"format": 1} | self.model_dump(mode="json", exclude_defaults=True)
        with whole_file(path, overwrite=overwrite) as unfinished:
            unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(path: Path, known: Collection[str] | None = None) -> Split:
    """Read a split.

    Args:
        path: JSON file.
        known: names that the data hold; any where it is None.

    Raises:
        UserError: it does not exist, is no split, or names somebody twice or who is not in the data.
    """
    try:
        split = Split.model_validate_json(text_files.read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({getattr(error, 'strerror', None) or error}): give the file of a split."
        raise UserError(msg) from error
    except ValidationError as error:
        msg = f"{path} is not a usable split: {explain_validation_error(error, Split)}"
        raise UserError(msg) from error
    if known is not None:
        refuse_unknown_patients(split, known, str(path))
    return split


def refuse_unknown_patients(split: Split, known: Collection[str], called: str) -> None:
    """Raise :class:`UserError`, which calls the split so, where it names somebody who are not in the data."""
    strange = sorted(set(split.names) - set(known))
    if strange:
        others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        msg = f"{called} names {strange[0]}{others}, who are not in the data: give the data it was drawn from."
        raise UserError(msg)


def draw(
    patients: Mapping[str, float],
    *,
    folds: int | None = None,
    validation: float | None = None,
    test: float = 0.0,
    seed: int,
    groups: Iterable[Collection[str]] = (),
) -> Split:
    """Split into folds for cross-validation, or into training, validation and, where a share is given, test.

    Args:
        patients: tumour load in ml by name, in any order.
        folds: how many, at least two; their numbers of persons differ by one at most, their loads by the largest.
        validation: share of the persons, at least one; one is drawn from each of as many stretches of the list by load.
        test: the same; nobody where it is 0.
        seed: decides among equals, and which fold a person of a block goes to.
        groups: names that are one person; who is in two groups joins them. Names that are no patient count for nothing.
            A person's load is the largest of its names', whose scans show the same tumours.

    Raises:
        UserError: neither or both of folds and shares are given, or there are too few persons for them.
    """
    check_choice(folds, validation, test)
    random = np.random.default_rng(seed)
    persons = _by_load(patients, groups, random)
    if folds is not None:
        return Split(seed=seed, folds=_folds(persons, folds, random))
    counts = [max(1, round(share * len(persons))) if share else 0 for share in (test, validation or 0.0)]
    if sum(counts) >= len(persons):
        msg = (
            f"{len(persons)} patients are too few to keep {sum(counts)} of them back: choose smaller shares, or folds."
        )
        raise UserError(msg)
    tested, rest = _drawn(persons, counts[0], random)
    validated, trained = _drawn(rest, counts[1], random)
    return Split(seed=seed, train=_names(trained), validation=_names(validated), test=_names(tested))


def check_choice(folds: int | None, validation: float | None, test: float) -> None:
    """Refuse a split that cannot be drawn from any patients.

    Raises:
        UserError: neither or both of folds and shares are given, or shares that leave nobody.
    """
    if (folds is None) == (validation is None) or (folds is not None and test):
        msg = "A split has either folds or shares: give --folds, or --validation with or without --test."
        raise UserError(msg)
    if validation is not None and not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        msg = f"Shares of {validation:g} and {test:g} cannot be held out: give two from 0 to 1 whose sum is below 1."
        raise UserError(msg)


def _folds(persons: list[list[str]], count: int, random: np.random.Generator) -> tuple[PatientNames, ...]:
    if not 2 <= count <= len(persons):
        msg = f"{count} folds cannot be made of {len(persons)} patients: choose two or more, and no more than patients."
        raise UserError(msg)
    parts: list[list[list[str]]] = [[] for _ in range(count)]
    for start in range(0, len(persons), count):
        for at, person in zip(random.permutation(count), persons[start : start + count], strict=False):
            parts[at].append(person)
    return tuple(_names(part) for part in parts)


def _names(persons: list[list[str]]) -> PatientNames:
    return tuple(sorted(name for person in persons for name in person))


def _drawn(
    persons: list[list[str]], count: int, random: np.random.Generator
) -> tuple[list[list[str]], list[list[str]]]:
    """So many, one of each stretch, and the rest in its order."""
    if not count:
        return [], persons
    stretches = np.array_split(np.arange(len(persons)), count)
    chosen = {int(random.choice(stretch)) for stretch in stretches}
    return [persons[at] for at in sorted(chosen)], [each for at, each in enumerate(persons) if at not in chosen]


def _by_load(
    patients: Mapping[str, float], groups: Iterable[Collection[str]], random: np.random.Generator
) -> list[list[str]]:
    """Persons, each as its names, the largest load first; equals in an order that the seed alone decides."""
    persons = _persons(patients, groups)
    shuffled = [persons[at] for at in random.permutation(len(persons))]
    return sorted(shuffled, key=lambda person: -max(patients[name] for name in person))


def _persons(names: Iterable[str], groups: Iterable[Collection[str]]) -> list[list[str]]:
    person = {name: frozenset([name]) for name in names}
    for group in groups:
        joined = frozenset(other for name in group for other in person.get(name, ()))
        person |= dict.fromkeys(joined, joined)
    return sorted(sorted(names) for names in set(person.values()))


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
