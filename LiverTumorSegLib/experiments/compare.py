"""Recipes trained and measured on the same patients; one that fails stops no other.

``FOLDER/split.json`` says who is measured by which fold, ``FOLDER/trials/NAME/fold-N`` are the trials, and
``comparison.json``, ``comparison.csv`` and ``comparison.md`` are what came out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets import splits
from ..datasets.sources import Source
from ..datasets.splits import Split
from ..errors import UserError
from ..places import of_sentence
from ..progress import Job
from ..rounding import rounded
from ..training.beginning import Say
from ..training.differences import more
from ..training.recipe import Recipe
from ..whole_files import whole_file
from . import tables
from .conditions import unequal
from .folds import Fold, cross_validate, draw, folds_of, measurable
from .run_options import RunOptions
from .summary import Results, summarise
from .variants import Variants, parameters

SPLIT, TRIALS = "split.json", "trials"
_DIGITS = 6


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Args:
        summary: of :func:`.summary.summarise`; None where no recipe could be measured.
        results: patients by recipe.
        failed: why a recipe could not be measured, a sentence by name.
        left_out: why a recipe did not take part, a sentence by name.
        remarks: what is to be known beside the table, a sentence each; unequal conditions first.
        command: that made it.
    """

    summary: dict[str, Any] | None
    results: Mapping[str, Results]
    failed: Mapping[str, str]
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]
    command: str

    @property
    def beside(self) -> tuple[str, ...]:
        """What is to be known beside the table, and who is not in it and why, a sentence or two each."""
        absent = {**self.failed, **self.left_out}
        return (*self.remarks, *(f"Not in the table: {name}. {why}" for name, why in absent.items()))

    def write(self, folder: Path) -> None:
        """Write ``comparison.json``, ``comparison.csv`` and ``comparison.md``; nothing where nothing was measured.

        Raises:
            UserError: the folder cannot be written to.
        """
        if self.summary is None:
            return
        patients = {name: [one.model_dump(mode="json") for one in each] for name, each in self.results.items()}
        content = {
            "format": 1,
            "command": self.command,
            "remarks": self.remarks,
            "failed": dict(self.failed),
            "left_out": dict(self.left_out),
            **self.summary,
            "results": patients,
        }
        sentences = [*tables.in_words(self.summary), *self.beside, f"Command: `{self.command}`."]
        _write(folder / "comparison.json", json.dumps(rounded(content, _DIGITS), indent=1) + "\n")
        _write(folder / "comparison.csv", tables.csv(self.summary))
        _write(folder / "comparison.md", tables.markdown(self.summary, sentences))


def compare(
    variants: Variants,
    data: Path,
    folder: Path,
    folds: Sequence[Fold],
    options: RunOptions,
    *,
    against: str | None = None,
) -> Comparison:
    """Cross-validate every recipe on the same folds; what is done is not done again.

    Args:
        variants: who takes part.
        data: folder that holds the recipes' data folders.
        folder: to write to.
        folds: of :func:`.folds.folds_of`; all of the split's, or some.
        options: where to run, and whom to tell; its command is written beside the figures.
        against: as of :func:`.summary.summarise`; the best where it cannot be measured.

    Raises:
        UserError: nobody takes part, or ``against`` does not.
        Cancelled: the user asked to stop; what is done stays.
    """
    variants.refuse_nobody()
    if against is not None and against not in variants.recipes:
        msg = f"{against} does not take part: compare with one of {', '.join(variants.recipes)}."
        raise UserError(msg)
    count = len(variants.recipes)
    results: dict[str, Results] = {}
    failed: dict[str, str] = {}
    for at, (name, recipe) in enumerate(variants.recipes.items()):
        own = replace(options.part(at / count, (at + 1) / count).under(name), say=_told(options.say, name))
        try:
            results[name] = cross_validate(recipe, data, folder / TRIALS / name, folds, own)
        except UserError as error:
            failed[name] = of_sentence(str(error), (data, folder))
            own.say(f"failed. {error}")
    sizes = {name: parameters(variants.recipes[name]) for name in results}
    return Comparison(
        summarise(results, sizes, None if against in failed else against) if results else None,
        results,
        failed,
        variants.left_out,
        (*_unequal(variants.recipes), *variants.notes),
        options.command,
    )


def split_for(
    folder: Path, data_of: Sequence[Source], data: Path, *, folds: int, seed: int, overwrite: bool, job: Job
) -> Split:
    """The split in a comparison's folder, drawn where there is none.

    Raises:
        UserError: there is one with other folds, another seed or other patients and it may not be replaced, or none can
            be drawn.
    """
    path = folder / SPLIT
    if path.exists():
        split = splits.load(path)
        doubt = _doubt(split, folds, seed, measurable(data_of, data))
        if not doubt:
            return split
        if not overwrite:
            msg = f"{path} {doubt}, choose another folder, or start anew (--overwrite)."
            raise UserError(msg)
    split = draw(data_of, data, folds, seed, job)
    split.save(path, overwrite=overwrite)
    return split


def chosen_folds(split: Split, data_of: Sequence[Source], data: Path, only: int | None) -> tuple[Fold, ...]:
    """All folds of a split, or one of them.

    Raises:
        UserError: there is no such fold, or as :func:`.folds.folds_of`.
    """
    found = folds_of(split, data_of, data)
    if only is None:
        return found
    if only >= len(found):
        msg = f"There is no fold {only}: the split has the folds 0 to {len(found) - 1}."
        raise UserError(msg)
    return (found[only],)


def _doubt(split: Split, folds: int, seed: int, known: set[str]) -> str:
    """Why a split is not the one asked for, and how to go on with it; nothing where it is."""
    if (len(split.folds), split.seed) != (folds, seed):
        drawn = f"has {len(split.folds)} folds drawn with the seed {split.seed}"
        return f"{drawn}, not {folds} with {seed}: go on with those"
    changed = sorted(known ^ set(split.names))
    if not changed:
        return ""
    return f"was drawn for other patients than the data hold, {changed[0]}{more(changed[1:])}: give those data"


def _told(say: Say, name: str) -> Say:
    return lambda sentence: say(f"{name}: {sentence}")


def _unequal(recipes: Mapping[str, Recipe]) -> list[str]:
    return [f"Not under equal conditions, {sentence}" for sentence in unequal(recipes)]


def _write(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
