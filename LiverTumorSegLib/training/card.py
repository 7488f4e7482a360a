"""The model card, written from the model's description."""

from __future__ import annotations

from ..model import Case, Description, Figures


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
    return [
        f"{figures.definition} Command: `{figures.command}`.",
        "",
        "| patient | liver Dice | lesion Dice | lesion volume found where there is none, ml |",
        "|---|---|---|---|",
        *(_row(name, case) for name, case in figures.cases.items()),
        "",
        figures.in_words,
        *(["", figures.remark] if figures.remark else []),
    ]


def _row(name: str, case: Case) -> str:
    lesion = "no lesion" if case.lesion_dice is None else f"{case.lesion_dice:.3f}"
    liver = "no liver" if case.liver_dice is None else f"{case.liver_dice:.3f}"
    false = f"{case.false_lesion_ml:.2f}" if case.lesion_dice is None else ""
    return f"| {name} | {liver} | {lesion} | {false} |"
