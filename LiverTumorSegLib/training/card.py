"""The model card, written from the model's description."""

from __future__ import annotations

from ..description import Case, Description, Figures


def card_text(description: Description) -> str:
    """Markdown of a model card."""
    training = description.training
    accuracy = _figure_lines(description.figures) if description.figures else ["Not measured yet."]
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
            f"- Never trained on: {', '.join(training.validation_patients)}.",
            f"- Seed {training.seed}; command: `{training.command}`.",
            "",
            "## Accuracy",
            "",
            *accuracy,
            "",
        ]
    )


def _figure_lines(figures: Figures) -> list[str]:
    others = list(figures.compared)
    heads = ["patient", "liver Dice", "lesion Dice", "false lesions, ml", *(f"{o}: liver, lesion" for o in others)]
    return [
        f"{figures.definition} False lesions: their volume in patients without any. Command: `{figures.command}`.",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *(_row(name, case, [figures.compared[o].get(name) for o in others]) for name, case in figures.cases.items()),
        "",
        figures.in_words,
        *(["", figures.remark] if figures.remark else []),
    ]


def _row(name: str, case: Case, others: list[Case | None]) -> str:
    false = f"{case.false_lesion_ml:.2f}" if case.lesion_dice is None else ""
    compared = (", ".join(_dice(other)) if other else "" for other in others)
    return f"| {' | '.join([name, *_dice(case), false, *compared])} |"


def _dice(case: Case) -> tuple[str, str]:
    """Of the liver, which every patient has, and of lesions, which not every patient has."""
    liver = "-" if case.liver_dice is None else f"{case.liver_dice:.3f}"
    return liver, "none there" if case.lesion_dice is None else f"{case.lesion_dice:.3f}"
