"""The start of a training: at the first step, or where an interrupted one left off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..core.errors import UserError
from .checkpoints import CHECKPOINTS, newest_whole, next_log, unfinished_log
from .earlier_recipes import completed
from .lightning_module import PATIENTS, RECIPE
from .network import build_network
from .recipe import Recipe
from .recipe_options import OneCycle

_LONGEST = 60


def flatten_entries(content: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested entries by their dotted keys."""
    return dict(_flat(content, ""))


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Keys whose values differ, or that one of the two lacks."""
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def shorten_value(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    return "not given" if value is None else shorten(str(value), _LONGEST, placeholder=" …")


def count_others(others: Sequence[str]) -> str:
    """The count of the others, added to a sentence about the first of several differences."""
    return f" (and {len(others)} more)" if others else ""


def _flat(content: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, content


Say = Callable[[str], None]
SliceCounts = Mapping[str, Mapping[str, int]]

_STEPS = "schedule.steps"
_WEIGHTS = ("state_dict", "current_model_state")
_NEEDED = {RECIPE, PATIENTS, "global_step", "optimizer_states", "lr_schedulers", "loops", "callbacks", *_WEIGHTS}


@dataclass(frozen=True)
class TrainingStart:
    """The place from which a training begins.

    Args:
        log: folder for its log and its checkpoints.
        checkpoint: what to go on from, None to start anew.
        step: steps that are done.
        patients: slice counts of the patients that it began with, by what they are for; None to start anew.
    """

    log: Path
    checkpoint: Path | None = None
    step: int = 0
    patients: SliceCounts | None = None


def find_start(recipe: Recipe, model: Path, *, resume: bool, overwrite: bool, say: Say) -> TrainingStart:
    """Find out where a training begins; nothing is changed.

    Args:
        recipe: how to train.
        model: model folder that training will write.
        resume: go on where an interrupted training left off, if there is one.
        overwrite: an interrupted training may be given up, if it is not gone on with.
        say: told from where it goes on, and what is damaged.

    Raises:
        UserError: a training was interrupted and neither is allowed, or its recipe was another one.
    """
    left = unfinished_log(model)
    if left is None or not resume:
        if left and not overwrite:
            msg = f"{left} holds an unfinished training: go on with it (--resume), or start anew (--overwrite)."
            raise UserError(msg)
        if resume:
            say("There is no checkpoint to go on from yet: training starts at the first step.")
        return TrainingStart(next_log(model))
    return _start_from_checkpoint(recipe, left, say)


def refuse_other_patients(start: TrainingStart, patients: SliceCounts) -> None:
    """Raise :class:`UserError` where patients or their slices are not those that a training began with."""
    if start.patients is None:
        return
    old, new = _counts_by_patient(start.patients), _counts_by_patient(patients)
    changed = differing_keys(old, new)
    if changed:
        key, *others = changed
        msg = (
            f"The training in {start.log} began with other data: {key} had {_slice_count(old.get(key))} and has "
            f"{_slice_count(new.get(key))}{count_others(others)}: go on with those data, or start anew (--overwrite)."
        )
        raise UserError(msg)


def _counts_by_patient(patients: SliceCounts) -> dict[str, int]:
    return {f"the {part} patient {name}": count for part, those in patients.items() for name, count in those.items()}


def _slice_count(count: int | None) -> str:
    return f"{count or 'no'} slice{'' if count == 1 else 's'}"


def _start_from_checkpoint(recipe: Recipe, log: Path, say: Say) -> TrainingStart:
    def usable(content: Any) -> bool:
        if not isinstance(content, Mapping) or not content.keys() >= _NEEDED:
            return False
        _refuse_other(content[RECIPE], recipe, log)
        return _has_weights_of(recipe, content)

    found = newest_whole(log / CHECKPOINTS, lambda path: say(f"{path} is damaged and left out."), usable)
    if found is None:
        say(f"No checkpoint in {log} is whole: training starts at the first step.")
        return TrainingStart(log)
    path, content = found
    say(f"Training goes on after step {content['global_step']}.")
    return TrainingStart(log, path, content["global_step"], content[PATIENTS])


def _has_weights_of(recipe: Recipe, content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's weights have the names and shapes of a recipe's network."""
    network = build_network(recipe.from_random)
    wanted = {f"network.{name}": values.shape for name, values in network.state_dict().items()}
    return all({name: values.shape for name, values in content[key].items()} == wanted for key in _WEIGHTS)


def _refuse_other(before: Mapping[str, Any], recipe: Recipe, log: Path) -> None:
    """Raise where a recipe is not the one that training began with, but for more steps where that is possible."""
    old, new = flatten_entries(completed(before)), flatten_entries(recipe.model_dump(mode="json"))
    changed = differing_keys(old, new)
    if changed == [_STEPS] and new[_STEPS] > old[_STEPS] and not isinstance(recipe.schedule.policy, OneCycle):
        return
    if changed:
        key, *others = changed
        why = ", which decides the whole course of one_cycle" if key == _STEPS else ""
        msg = (
            f"The training in {log} began with another recipe: {key} was {shorten_value(old.get(key))} and is "
            f"{shorten_value(new.get(key))}{why}{count_others(others)}: go on with that recipe, "
            "or start anew (--overwrite)."
        )
        raise UserError(msg)
