"""The table of a reproduction, the sentences beneath it, and the files that hold both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core import text_files
from .estimate import in_hours
from .results import Figure, ProtocolResult, Reproduction, RowResult, TrainingSizes
from .sizes import MARKS, NOTES, SHRINKING, SizeName, fold_count
from .slice_metrics import MEASURES
from .systems import Metric, Protocol, ProtocolName, System

_NOT_GIVEN, _NOTHING = "not given", "-"


def published_cell(metric: Metric, value: float | None) -> str:
    """A published figure with the digits that the paper has."""
    if value is None:
        return _NOT_GIVEN
    return f"{value:g}" if metric.percent or value % 1 else f"{value:.2f}"


def measured_cell(metric: Metric, figure: Figure | None) -> str:
    """A measured figure, with its interval where there is one."""
    if figure is None or figure.value is None:
        return _NOTHING
    digits = 1 if metric.percent else 3
    if figure.low is None or figure.high is None:
        return f"{figure.value:.{digits}f}"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f}, n = {figure.counted})"


_EVERYWHERE = {
    "seed": "0; the last weights are measured.",
    "gradients": "cut to a norm of 1, as in all trainings here.",
    "precision": "bfloat16 beside weights of 32 bits where the chain's range allows it, else, and when quick, 32 bits.",
}
_VOLUMES = (
    "Whole CTs: each held-out patient is measured by itself, on the CT's own voxels in three dimensions, by the "
    "definitions of livertumorseg evaluate. Means are over the patients whose reference shows the structure, where an "
    "overlap with nothing is 0 and a distance to nothing is left out; in brackets 95 % of bootstrapped means, "
    "which is too narrow for less than some ten patients, and of how many these are."
)


def report_sections(system: System, done: Reproduction) -> dict[str, list[str]]:
    """Sentences by heading.

    Args:
        system: that was reproduced.
        done: what was measured.
    """
    found = {
        "What was measured": [*filter(None, [NOTES[done.size]]), *_measured(system, done)],
        "Where the published protocol, as it is read here, differs from a sound one": list(unsound_steps(system)),
        "What the paper leaves undefined": [_sentence(each) for each in system.undefined],
        "What was chosen where the paper is silent": [
            f"{what}: {why}" for what, why in (system.chosen | _EVERYWHERE).items()
        ],
        "Sizes": [each for name, result in done.protocols.items() for each in _sizes(name, result)],
        "Commands": [f"{name} protocol: `{result.command}`" for name, result in done.protocols.items()],
    }
    return {heading: sentences for heading, sentences in found.items() if sentences}


def unsound_steps(system: System) -> Iterator[str]:
    """Faults of the published protocol, which a sound one would not have."""
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
        yield f"{name.capitalize()} protocol: {_share(protocol, done.size)} held out, drawn {drawn}."
    if any(protocol.measured_on == "slices" for protocol in run.values()):
        ways = dict.fromkeys((metric.name, metric.slices) for metric in system.metrics)
        yield from (f"{name}, published protocol: {MEASURES[key]}." for name, key in ways if key)
        yield from _worth_of_nothing(done)
    if any(protocol.measured_on == "volumes" for protocol in run.values()):
        yield _VOLUMES


def _worth_of_nothing(done: Reproduction) -> Iterator[str]:
    """A remark on a measure that finding nothing at all does well by."""
    rows = done.protocols["published"].rows
    scored = zip(done.metrics, rows[0].nothing if rows else (), strict=False)
    told = [f"{metric.title} {measured_cell(metric, figure)}" for metric, figure in scored if figure.value]
    if told:
        yield f"Finding nothing at all would score, published protocol: {'; '.join(told)}."


def _share(protocol: Protocol, size: SizeName = "published") -> str:
    folds = fold_count(protocol.folds, size)
    if folds:
        return f"each of {folds} folds of the {protocol.drawn} in turn"
    how = SHRINKING[size]
    least = how.validation if how and protocol.drawn == "patients" else 1
    raised = f", and {least} at least where there are twice as many," if least > 1 else ""
    return f"{100 * (protocol.held_out or 0):.0f} % of the {protocol.drawn}{raised}"


def _sizes(name: ProtocolName, result: ProtocolResult) -> Iterator[str]:
    yield from (f"{name} protocol: {note}" for note in result.notes)
    for row in result.rows:
        yield " ".join([f"{name} protocol, {row.name}: {describe_sizes(row.sizes)}.", *_ends(row), *row.notes])


def describe_sizes(sizes: TrainingSizes) -> str:
    """What went into a row, in words."""
    times = f"{sizes.trainings} trainings, each " if sizes.trainings > 1 else ""
    return (
        f"{times}{sizes.steps} steps on {_counted(sizes.samples, sizes.unit)} of "
        f"{_counted(sizes.patients, 'patients')}, measured on {_counted(sizes.measured, sizes.measured_unit)}"
    )


def _ends(row: RowResult) -> Iterator[str]:
    """How its trainings ended, and the time they took beside what was said beforehand."""
    if any(course.steps < course.planned for course in row.courses):
        yield f"Of these, {describe_steps(row)} were done, as the loss no longer got better."
    if row.courses:
        yield f"Flattened: {describe_flattening(row)}."
    if row.seconds is not None:
        said = f", foreseen {in_hours(row.foreseen)}" if row.foreseen else ""
        yield f"It took {in_hours(row.seconds)}{said}."


def describe_steps(row: RowResult) -> str:
    """Steps that each of a row's trainings took."""
    taken = [course.steps for course in row.courses] or [row.sizes.steps]
    return " and ".join(map(str, taken)) if len(set(taken)) > 1 else f"{taken[0]}"


def describe_flattening(row: RowResult) -> str:
    """Whether the curves of a row's trainings had flattened, by :data:`.course.FLAT_RULE`."""
    flat = [course.flattened for course in row.courses]
    if not flat or None in flat:
        return "not known"
    if len(set(flat)) == 1:
        return "yes" if flat[0] else "no"
    return f"{sum(map(bool, flat))} of {len(flat)} trainings"


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural[:-1] if count == 1 else plural}"


def _sentence(clause: str) -> str:
    """A clause that begins small, as YAML lists have it, without a full stop of its own."""
    return f"{clause[:1].upper()}{clause[1:]}."


_COLUMNS = ["row", "metric", "published", "protocol", "measured", "low", "high", "counted", "size"]


def headings(done: Reproduction) -> list[str]:
    """Of the table's columns."""
    marked = "" if done.size == "published" else f"{done.size}, "
    return ["row", "metric", "published", *(f"measured, {marked}{name} protocol" for name in done.protocols)]


def table(done: Reproduction) -> list[list[str]]:
    """A row of cells for each figure of each row."""
    found = []
    for name, by_protocol in _rows(done).items():
        for at, metric in enumerate(done.metrics):
            figures = [row.figures[at] if row else None for row in by_protocol]
            published = next(row.published[at] for row in by_protocol if row)
            found.append(
                [name, metric.title, published_cell(metric, published), *(measured_cell(metric, f) for f in figures)]
            )
    return found


def markdown(system: System, done: Reproduction) -> str:
    """The table and all that is said beneath it."""
    marked = f" ({MARKS[done.size]})" if MARKS[done.size] else ""
    lines = [f"# {done.name}: {system.title}{marked}", "", f"{system.source}.", ""]
    columns = headings(done)
    lines += [_line(columns), _line(["---"] * len(columns)), *map(_line, table(done))]
    for heading, sentences in report_sections(system, done).items():
        lines += ["", f"## {heading}", "", *(f"- {sentence}" for sentence in sentences)]
    return "\n".join([*lines, "", f"{done.software}. Research only, not a medical device.", ""])


def as_csv(done: Reproduction) -> str:
    """A line for each figure that was measured."""
    return text_files.to_csv(_COLUMNS, (dict(zip(_COLUMNS, line, strict=True)) for line in _figures(done)))


def _figures(done: Reproduction) -> Iterator[tuple[Any, ...]]:
    for protocol, result in done.protocols.items():
        for row in result.rows:
            for metric, published, figure in zip(done.metrics, row.published, row.figures, strict=True):
                measured = figure.value, figure.low, figure.high, figure.counted
                yield row.name, metric.title, published, protocol, *measured, done.size


def _rows(done: Reproduction) -> Mapping[str, list[RowResult | None]]:
    """By name, what each protocol measured of a row, None for one that has not come so far."""
    names = dict.fromkeys(row.name for result in done.protocols.values() for row in result.rows)
    rows = [{row.name: row for row in result.rows} for result in done.protocols.values()]
    return {name: [each.get(name) for each in rows] for name in names}


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
