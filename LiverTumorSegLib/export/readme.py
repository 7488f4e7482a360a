"""Facts and README that travel with an exported network: where it comes from, and how to feed it."""

from __future__ import annotations

import torch

from ..core.about import DISCLAIMER, __version__
from ..models.description import Description
from ..models.model_folder import DESCRIPTION, Model
from ..preprocessing import Chain, Channels
from .check import Agreement
from .graph import InputSizes

INPUT, OUTPUT = "channels", "logits"


def model_facts(model: Model) -> dict[str, str]:
    """Facts by name: the whole ``model.json``, and what a reader wants without parsing it."""
    description = model.description
    return {
        DESCRIPTION: description.model_dump_json(indent=2),
        "title": description.title,
        "input": _input(model),
        "output": _output(description),
        "licence": f"{description.licence.name}: {description.licence.terms}",
        "weights_sha256": description.weights.sha256,
        "producer": f"LiverTumorSeg {__version__}, PyTorch {torch.__version__}",
        "disclaimer": DISCLAIMER,
    }


def write_readme(model: Model, title: str, use: str, agreement: Agreement) -> str:
    """Markdown: what the files are, how to feed them, what comes out.

    Args:
        model: the original.
        title: of the format.
        use: how the files are run, Markdown.
        agreement: what the check found.
    """
    description = model.description
    parts = {
        f"{description.title}: {title}": f"Segments {description.segments} in CT. {DISCLAIMER}\n\n{use}",
        "Input": f"{_input(model)}\n\n{feeding_steps(model)}",
        "Output": f"{_output(description)}\n\n{_afterwards(description)}",
        "Check": f"Against the original on a slice of a CT: {agreement.in_words}.",
        "Licence of the weights": f"{description.licence.name}: {description.licence.terms}",
        "Source": f"Model “{description.name}”, SHA-256 of its weights.safetensors: {description.weights.sha256}.",
    }
    headed = (f"#{'#' * bool(number)} {head}\n\n{text}\n" for number, (head, text) in enumerate(parts.items()))
    return "\n".join(headed)


def feeding_steps(model: Model) -> str:
    """Steps from a CT to channels, a numbered Markdown list."""
    lines = [
        "Axial slices in HU, from the feet upwards, rows towards the back, columns towards the patient's left.",
        f"Each slice passes these steps, in order:\n\n{_steps(model.description.preprocessing)}\n",
        *_arranged(model),
    ]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def _steps(chain: Chain, indent: str = "   ") -> str:
    lines = []
    for step in chain.root:
        options = step.model_dump(exclude={"step", "chains"})
        named = ", ".join(f"{name} {value}" for name, value in options.items())
        words = (type(step).__doc__ or "").strip().splitlines()[0]
        lines.append(f"{indent}- `{step.step}`{f' ({named})' if named else ''}: {words}")
        if isinstance(step, Channels):
            lines += [f"{indent}  - channel chain:\n{_steps(inner, indent + '    ')}" for inner in step.chains]
    return "\n".join(lines)


def _arranged(model: Model) -> list[str]:
    description, sizes = model.description, InputSizes.of(model)
    if description.patches:
        spacing = " x ".join(f"{mm:g}" for mm in description.patches.spacing_mm)
        overlap = f"{description.patches.overlap:.0%}"
        return [
            f"The volume is resampled to {spacing} mm (slices, rows, columns), linearly and antialiased.",
            f"It is cut into patches that overlap by {overlap}; their logits are blended with Gaussian weights.",
        ]
    stack, lines = description.stack, []
    if stack.slices > 1:
        lines.append(
            f"Channels are the slice with its neighbours, {stack.slices} slices from below to above: for n from "
            f"{-(stack.slices // 2)} to {stack.slices // 2} the one that is round(n * {stack.spacing_mm:g} / slice "
            "spacing in mm) slices further, 0 for the slice itself; beyond the ends of the volume its last slice "
            "repeats."
        )
    if sizes.margin:
        return [*lines, f"Borders are mirrored by {sizes.margin} pixels, which the logits lack again."]
    return [*lines, "After the last row and column, pixels are repeated up to a size above; logits there are cut off."]


def _input(model: Model) -> str:
    count, sizes = model.network.in_channels, InputSizes.of(model)
    if sizes.patch:
        return f"`{INPUT}`: float32 [batch, {count}, {', '.join(map(str, sizes.patch))}]."
    more = f" and {sizes.remainder} more" if sizes.remainder else ""
    allowed = f"any height and width from {sizes.least} on that is a multiple of {sizes.stride}{more}"
    return f"`{INPUT}`: float32 [batch, {count}, height, width], {allowed}."


def _output(description: Description) -> str:
    head = description.head
    if head.sigmoid:
        return f"`{OUTPUT}`: float32 [batch, 1, *size]: above 0 is {description.labels[-1]} (label {head.values[0]})."
    labels = zip(description.labels, (0, *head.values), strict=True)
    named = ", ".join(f"{number} {name} (label {value})" for number, (name, value) in enumerate(labels))
    return f"`{OUTPUT}`: float32 [batch, {description.network.classes}, *size]: the largest wins: {named}."


def _afterwards(description: Description) -> str:
    steps = description.cleaning().model_dump_json()
    judged = ""
    if description.closer:
        judged = (
            " It also has a second network look closer at the liver, which is no part of this export: expect coarser "
            "outlines from it."
        )
    if description.lesion_scores:
        judged += (
            " Last it judges each candidate for a lesion by ten measures, drops the unlikely and gives the others a "
            "probability: this export cannot do that, so expect more false lesions from it."
        )
    return (
        "Our own inference interpolates the logits linearly to the CT's own pixels before it compares them, and then "
        f"cleans the labels up in 3D, which is no part of this export: `{steps}`.{judged}"
    )
