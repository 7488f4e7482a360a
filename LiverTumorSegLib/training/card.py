"""The model card, written from the model's description."""

from __future__ import annotations

from collections.abc import Sequence

from ..datasets.splits import patient_of
from ..models.description import Description, Evidence, MeasuredAccuracy, PatientDice
from ..networks.imagenet import IMAGENET_INPUT


def unseen_patients(description: Description) -> tuple[str, ...]:
    """Patients kept for validation whom none of a model's networks was trained on, also under another name."""
    closer = description.closer
    seen = {patient_of(name) for name in closer.training.patients} if closer else set()
    return tuple(name for name in description.training.validation_patients if patient_of(name) not in seen)


def card_text(description: Description) -> str:
    """Markdown of a model card."""
    training = description.training
    finds_lesions = "lesion" in description.labels
    accuracy = _accuracy_lines(description, finds_lesions)
    return "\n".join(
        [
            f"# {description.title}",
            "",
            f"Segments {description.segments} in CT. For research only: not a medical device.",
            "",
            "## Licence of the weights",
            "",
            f"{description.licence.name}: {description.licence.terms}",
            "",
            "## Training",
            "",
            f"- Data: {training.data}; {len(training.patients)} patients: {', '.join(training.patients)}.",
            f"- Never trained on: {', '.join(unseen_patients(description)) or 'nobody of these data'}.",
            f"- Seed {training.seed}; command: `{training.command}`.",
            *_encoder_lines(description),
            *_closer_lines(description),
            "",
            "## Accuracy",
            "",
            *accuracy,
            "",
            *(line for each in description.evidence for line in _evidence_lines(each)),
        ]
    )


def _encoder_lines(description: Description) -> list[str]:
    """What an encoder started from, and what it is shown."""
    weights = description.training.recipe.get("encoder_weights")
    if weights is None:
        return []
    normalised = description.network.options.get(IMAGENET_INPUT, False)
    shown = (
        "the network first normalises its input, values from 0 to 1, by ImageNet's mean and deviation"
        if normalised
        else "its input is not normalised by ImageNet's mean and deviation"
    )
    return [f"- Its encoder started from the weights in {weights}; {shown}."]


def _closer_lines(description: Description) -> list[str]:
    """What the second network was trained on."""
    if description.closer is None:
        return []
    training = description.closer.training
    others = sorted(set(training.patients) ^ set(description.training.patients))
    on = (
        "on the same patients"
        if not others
        else f"on {len(training.patients)} patients: {', '.join(training.patients)}"
    )
    second = f"- A second network, {description.closer.network.name}, looks closer at the liver that the first finds"
    counts = f"in the mean of both its answer counts {round(100 * description.closer.share)} %"
    return [f"{second}; {counts}. It was trained {on}; seed {training.seed}; command: `{training.command}`."]


def _accuracy_lines(description: Description, finds_lesions: bool) -> list[str]:
    if description.figures is None:
        return ["Not measured yet."]
    if description.clicks is not None:
        return _clicked_lines(description.figures)
    return _figure_lines(description.figures, finds_lesions)


def _clicked_lines(figures: MeasuredAccuracy) -> list[str]:
    """Of a model for clicks, which is asked about lesions alone."""
    rows = [[name, _dice(case, "none there")[1]] for name, case in figures.cases.items()]
    said = f"{figures.definition} Command: `{figures.command}`."
    return [said, "", *_table(["patient", "lesion Dice"], rows), "", figures.in_words]


def _figure_lines(figures: MeasuredAccuracy, finds_lesions: bool) -> list[str]:
    others = list(figures.compared)
    heads = ["patient", "liver Dice", "lesion Dice", "false lesions, ml", *(f"{o}: liver, lesion" for o in others)]
    return [
        f"{figures.definition} False lesions: their volume in patients without any. Command: `{figures.command}`.",
        "",
        *_table(
            heads,
            [
                _row(name, case, [figures.compared[o].get(name) for o in others], finds_lesions)
                for name, case in figures.cases.items()
            ],
        ),
        "",
        figures.in_words,
        *(["", figures.remark] if figures.remark else []),
    ]


def _evidence_lines(evidence: Evidence) -> list[str]:
    return [
        f"## {evidence.title}",
        "",
        f"{evidence.text} Command: `{evidence.command}`.",
        "",
        *_table(evidence.head, evidence.rows),
        "",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), "|---" * len(head) + "|", *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '¦') for cell in cells)} |"


def _row(name: str, case: PatientDice, others: list[PatientDice | None], finds_lesions: bool) -> list[str]:
    false, no_dice = "", "-"
    if not finds_lesions or (case.lesion_dice is None and case.false_lesion_ml is None):
        false = "-"
    elif case.lesion_dice is None:
        false, no_dice = f"{case.false_lesion_ml:.2f}", "none there"
    compared = (", ".join(_dice(other, no_dice)) if other else "" for other in others)
    return [name, *_dice(case, no_dice), false, *compared]


def _dice(case: PatientDice, no_lesion: str) -> tuple[str, str]:
    """Of liver and lesions; a dash where the model does not find it, for lesions other words where there are none."""
    liver, lesion = (None if dice is None else f"{dice:.3f}" for dice in (case.liver_dice, case.lesion_dice))
    return liver or "-", lesion or no_lesion
