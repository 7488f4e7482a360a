"""What is said beneath the table of a reproduction, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from .cells import cell
from .plans import folds_of
from .quick import SENTENCE
from .results import ProtocolResult, Reproduction
from .slice_scores import MEASURES
from .system import Protocol, ProtocolName, System

_EVERYWHERE = {
    "seed": "0; the last weights are measured.",
    "gradients": "cut to a norm of 1, as in all trainings here.",
}
_VOLUMES = (
    "Whole CTs: each held-out patient is measured by itself, on the CT's own voxels in three dimensions, by the "
    "definitions of livertumorseg evaluate. Means are over the patients whose reference shows the structure, where an "
    "overlap with nothing is 0 and a distance to nothing is left out; in brackets 95 % of bootstrapped means, "
    "which is too narrow for less than some ten patients, and of how many these are."
)


def sections(system: System, done: Reproduction) -> dict[str, list[str]]:
    """Sentences by heading.

    Args:
        system: that was reproduced.
        done: what was measured.
    """
    found = {
        "What was measured": [*([SENTENCE] if done.quick else []), *_measured(system, done)],
        "Where the published protocol, as it is read here, differs from a sound one": list(differences(system)),
        "What the paper leaves undefined": [_sentence(each) for each in system.undefined],
        "What was chosen where the paper is silent": [
            f"{what}: {why}" for what, why in (system.chosen | _EVERYWHERE).items()
        ],
        "Sizes": [each for name, result in done.protocols.items() for each in _sizes(name, result)],
        "Commands": [f"{name} protocol: `{result.command}`" for name, result in done.protocols.items()],
    }
    return {heading: sentences for heading, sentences in found.items() if sentences}


def differences(system: System) -> Iterator[str]:
    """What the published protocol does that a sound one would not."""
    published, sound = system.protocols["published"], system.protocols["sound"]
    if published.drawn == "slices":
        yield (
            "The paper does not say outright what was split; it is read here as splitting slices (see below). Those of "
            "all patients are shuffled and some held out: nearly every one has neighbours, a few mm away in the "
            "same patient, that were trained on, so that the figures say little of patients never seen."
        )
    else:
        yield "Patients are held out with all of their slices, as they should be."
        yield "They are drawn whatever tumour they have: a part may hold hardly any, and its figures vary by chance."
    if published.measured_on == "slices":
        yield (
            "Figures are of single slices, on pixels after preprocessing: long livers count more, distances are no mm, "
            "and lesions are cut into pieces."
        )
    if published.shown != "all":
        yield f"Only slices that show the {published.shown} are measured: what is found elsewhere costs nothing."
    yield "There is no interval, so that differences between rows may be chance."
    yield f"The sound one holds out {_share(sound)}, each part with its share of tumour."


def _measured(system: System, done: Reproduction) -> Iterator[str]:
    yield f"The paper's data are {system.data}; these are {done.data}."
    run = {name: system.protocols[name] for name in done.protocols}
    for name, protocol in run.items():
        drawn = "by tumour load" if protocol.stratified else "at random"
        yield f"{name.capitalize()} protocol: {_share(protocol, small=done.quick)} held out, drawn {drawn}."
    if any(protocol.measured_on == "slices" for protocol in run.values()):
        ways = dict.fromkeys((metric.name, metric.slices) for metric in system.metrics)
        yield from (f"{name}, published protocol: {MEASURES[key]}." for name, key in ways if key)
        yield from _nothing(done)
    if any(protocol.measured_on == "volumes" for protocol in run.values()):
        yield _VOLUMES


def _nothing(done: Reproduction) -> Iterator[str]:
    """What a measure is worth that finding nothing at all does well by."""
    rows = done.protocols["published"].rows
    scored = zip(done.metrics, rows[0].nothing if rows else (), strict=False)
    told = [f"{metric.title} {cell(metric, figure)}" for metric, figure in scored if figure.value]
    if told:
        yield f"Finding nothing at all would score, published protocol: {'; '.join(told)}."


def _share(protocol: Protocol, *, small: bool = False) -> str:
    folds = folds_of(protocol, small=small)
    if folds:
        return f"each of {folds} folds of the {protocol.drawn} in turn"
    return f"{100 * (protocol.held_out or 0):.0f} % of the {protocol.drawn}"


def _sizes(name: ProtocolName, result: ProtocolResult) -> Iterator[str]:
    yield from (f"{name} protocol: {note}" for note in result.notes)
    for row in result.rows:
        sizes = row.sizes
        times = f"{sizes.trainings} trainings, each " if sizes.trainings > 1 else ""
        size = (
            f"{times}{sizes.steps} steps on {_counted(sizes.samples, sizes.unit)} of "
            f"{_counted(sizes.patients, 'patients')}, measured on {_counted(sizes.measured, sizes.measured_unit)}"
        )
        yield " ".join([f"{name} protocol, {row.name}: {size}.", *row.notes])


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural[:-1] if count == 1 else plural}"


def _sentence(clause: str) -> str:
    """A clause that begins small, as YAML lists have it, without a full stop of its own."""
    return f"{clause[:1].upper()}{clause[1:]}."
