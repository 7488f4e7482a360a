"""The table of a reproduction, the sentences beneath it, and the files that hold both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core import text_files
from .estimate import in_hours
from .results import NOT_GIVEN, Figure, ProtocolResult, Reproduction, RowResult
from .sizes import MARKS, NOTES, SHRINKING, SizeName, fold_count
from .slice_metrics import MEASURES, PATIENT_MEASURES
from .systems import Metric, Protocol, ProtocolName, System
from .volume_steps import VolumeSteps, describe

_NOTHING = "-"
NOTHING_FOUND = "nothing found"
"""Name of the row of a result that never finds anything."""


def published_cell(metric: Metric, value: float | None) -> str:
    """A published figure with the digits that the paper has."""
    if value is None:
        return NOT_GIVEN
    return f"{value:g}" if metric.percent or value % 1 else f"{value:.2f}"


def published_words(metric: Metric, row: RowResult, at: int) -> str:
    """A row's published figure, by the metric's place in the table, and where it is not to be compared, that."""
    given = published_cell(metric, row.published[at])
    return given if row.comparable or row.published[at] is None else f"{given}, {_NOT_COMPARABLE}"


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
_NOT_COMPARABLE = "not comparable"
_NOTHING_SAID = (
    f"The row “{NOTHING_FOUND}” is what a network that never finds anything scores on the same slices or patients: "
    "a figure that is no better has nothing learnt in it. It has no distance, and to it all pixels are equally likely."
)
LEAK = (
    "Those of all patients are shuffled and some held out: nearly every one has neighbours, a few mm away in the same "
    "patient, that were trained on, so that the figures say little of patients never seen."
)


def report_sections(system: System, done: Reproduction) -> dict[str, list[str]]:
    """Sentences by heading.

    Args:
        system: that was reproduced.
        done: what was measured.
    """
    found = {
        "What the published figures are": list(system.remarks),
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
    """Faults of the published protocol, which a sound one would not have; and of that by slices."""
    published, sound = system.protocols["published"], system.protocols["sound"]
    if published.drawn == "slices":
        yield f"The paper does not say outright what was split; it is read here as splitting slices (see below). {LEAK}"
    else:
        yield "Patients are held out with all of their slices, as they should be."
        yield "They are drawn whatever tumour they have: a part may hold hardly any, and its figures vary by chance."
    if "slices" in system.protocols and published.drawn != "slices":
        yield f"The protocol “slices” splits slices in their place. {LEAK}"
    if published.measured_on == "slices":
        yield (
            "Figures are of single slices, on pixels after preprocessing: long livers count more, distances are no mm, "
            "and lesions are cut into pieces."
        )
    if published.shown != "all":
        yield f"Only slices that show the {published.shown} are measured: what is found elsewhere costs nothing."
    over_patients = any(metric.slices in PATIENT_MEASURES for metric in system.metrics)
    but = " but for means over patients" if over_patients and published.measured_on == "slices" else ""
    yield f"There is no interval{but}, so that differences between rows may be chance."
    yield f"The sound one holds out {_share(sound)}, each part with its share of tumour."


def _measured(system: System, done: Reproduction) -> Iterator[str]:
    yield f"The paper's data are {system.data}; these are {done.data}."
    run = {name: system.protocols[name] for name in done.protocols}
    for name, protocol in run.items():
        drawn = "by tumour load" if protocol.stratified else "at random"
        share = _share(protocol, done.size)
        yield f"{name.capitalize()} protocol: {share} held out, drawn {drawn}.{_watched(protocol, done.size)}"
        if protocol.why:
            yield protocol.why
    if any(protocol.measured_on == "slices" for protocol in run.values()):
        ways = dict.fromkeys((metric.name, metric.slices) for metric in system.metrics)
        of_slices = " and ".join(name for name, protocol in run.items() if protocol.measured_on == "slices")
        yield from (f"{name}, {of_slices} protocol: {MEASURES[key]}." for name, key in ways if key)
    if any(protocol.measured_on == "volumes" for protocol in run.values()):
        yield _VOLUMES
        yield from _steps(done)
        slices_alone = [metric.title for metric in system.metrics if metric.slices and metric.volumes is None]
        if slices_alone:
            yield f"Of whole CTs, which are measured by patient, there is no {' and no '.join(slices_alone)}."
    if any(row.nothing for result in done.protocols.values() for row in result.rows):
        yield _NOTHING_SAID


def _steps(done: Reproduction) -> Iterator[str]:
    """What ran between the networks' answers and the labels, once for all rows and protocols that are alike."""
    rows: dict[VolumeSteps, list[str]] = {}
    for name, result in done.protocols.items():
        for row in result.rows:
            if row.steps:
                rows.setdefault(row.steps, []).append(f"{name} protocol, {row.name}")
    for steps, names in rows.items():
        of = "" if len(rows) == 1 else f"{'; '.join(names)}: "
        yield from (f"{of}{sentence}" for sentence in describe(steps))


def _share(protocol: Protocol, size: SizeName = "published") -> str:
    folds = fold_count(protocol.folds, size)
    if folds:
        return f"each of {folds} folds of the {protocol.drawn} in turn"
    how = SHRINKING[size]
    least = how.validation if how and protocol.drawn == "patients" else 1
    raised = f", and {least} at least where there are twice as many," if least > 1 else ""
    return f"{100 * (protocol.held_out or 0):.0f} % of the {protocol.drawn}{raised}"


def _watched(protocol: Protocol, size: SizeName) -> str:
    if protocol.validation is None:
        how = SHRINKING[size]
        if how is None or how.patience is None:
            return ""
        return f" No part is held back for validations, so that a training takes all {how.steps} steps."
    share = f"{100 * protocol.validation:.0f} % of {'those left' if protocol.folds else f'the {protocol.drawn}'}"
    return f" Training validates on {share}, which it does not learn from and which are not measured."


def _sizes(name: ProtocolName, result: ProtocolResult) -> Iterator[str]:
    yield from (f"{name} protocol: {note}" for note in result.notes)
    for row in result.rows:
        yield " ".join([f"{name} protocol, {row.name}: {describe_sizes(row)}.", *_ends(row), *row.notes])


def describe_sizes(row: RowResult) -> str:
    """What went into a row, in words."""
    sizes, steps = row.sizes, describe_steps(row)
    each = " of" if " and " in steps else ", each"
    times = f"{sizes.trainings} trainings{each} " if sizes.trainings > 1 else ""
    return (
        f"{times}{steps} steps on {_counted(sizes.samples, sizes.unit)} of "
        f"{_counted(sizes.patients, 'patients')}, measured on {_counted(sizes.measured, sizes.measured_unit)}"
    )


def _ends(row: RowResult) -> Iterator[str]:
    """Whether its curves had flattened, and the time they took beside what was said beforehand."""
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


_COLUMNS = ["row", "metric", "published", "comparable", "protocol", "measured", "low", "high", "counted", "size"]


def headings(done: Reproduction) -> list[str]:
    """Of the table's columns."""
    marked = "" if done.size == "published" else f"{done.size}, "
    reason = {"slices": ", as the figures suggest"}
    measured = (f"measured, {marked}{name} protocol{reason.get(name, '')}" for name in done.protocols)
    return ["row", "metric", "published", *measured]


def table(done: Reproduction) -> list[list[str]]:
    """A row of cells for each figure of each row, and for what finding nothing would score."""
    found = []
    for name, by_protocol in _rows(done).items():
        for at, metric in enumerate(done.metrics):
            if not any(row.has(metric) for row in by_protocol if row):
                continue
            figures = [row.figures[at] if row else None for row in by_protocol]
            known = next(row for row in by_protocol if row)
            cells = (measured_cell(metric, figure) for figure in figures)
            found.append([name, metric.title, published_words(metric, known, at), *cells])
    return found + _rows_of_nothing(done)


def _rows_of_nothing(done: Reproduction) -> list[list[str]]:
    by_protocol = [nothing_found(result) for result in done.protocols.values()]
    if not any(by_protocol):
        return []
    columns = [each or (None,) * len(done.metrics) for each in by_protocol]
    cells = [[measured_cell(metric, each[at]) for each in columns] for at, metric in enumerate(done.metrics)]
    return [[NOTHING_FOUND, metric.title, _NOTHING, *each] for metric, each in zip(done.metrics, cells, strict=True)]


def nothing_found(result: ProtocolResult) -> tuple[Figure | None, ...]:
    """What finding nothing would score, by metric: of the first row whose models look for what it is of."""
    rows = [row.nothing for row in result.rows if row.nothing]
    by_metric = zip(*rows, strict=True)
    return tuple(next((figure for figure in each if figure.value is not None), None) for each in by_metric)


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
                if not row.has(metric):
                    continue
                given = NOT_GIVEN if published is None else published
                comparable = "yes" if row.comparable else "no"
                yield row.name, metric.title, given, comparable, protocol, *_numbers(figure), done.size
        for metric, nothing in zip(done.metrics, nothing_found(result), strict=False):
            yield NOTHING_FOUND, metric.title, None, None, protocol, *_numbers(nothing), done.size


def _numbers(figure: Figure | None) -> tuple[float | None, ...]:
    return (figure.value, figure.low, figure.high, figure.counted) if figure else (None, None, None, 0)


def _rows(done: Reproduction) -> Mapping[str, list[RowResult | None]]:
    """By name, what each protocol measured of a row, None for one that has not come so far."""
    names = dict.fromkeys(row.name for result in done.protocols.values() for row in result.rows)
    rows = [{row.name: row for row in result.rows} for result in done.protocols.values()]
    return {name: [each.get(name) for each in rows] for name in names}


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
