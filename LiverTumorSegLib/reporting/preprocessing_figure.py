"""A picture of a slice and its histogram after each step of a preprocessing chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from ..core.errors import UserError
from ..core.volume import Volume
from ..preprocessing import Chain, Channels, Slices, Step
from .figures import CARD, FAINT, GAP, INK, PAPER, draw_text, font, pad_to_one_height, stack_below, stack_beside

_SOFT_TISSUE, _STEP = (0, 150), 4
_TILE, _ACROSS, _MARGIN = 234, 1350, 24
_BARS, _HISTOGRAM, _RAMP = 78, 84, 10
_BLUE, _ORANGE = (62, 110, 160), (214, 120, 40)
_TITLE, _HEADING, _WORDS = 22, 18, 14
_TAILS, _ROUNDING, _CUT_OFF = (0.5, 99.5), 1e-3, 3
_UNITS = {"_mm": " mm", "_hu": " HU"}
_LEGEND = (
    "Under each picture: how many pixels have which value, from the least to the greatest, above the grey that it is "
    "drawn in. Bars with an orange end are cut off."
)


@dataclass(frozen=True)
class Stage:
    """A slice after a step.

    Args:
        title: what was done.
        options: how.
        slices: one slice, any number of channels.
        channels: how each channel came about, where they differ.
    """

    title: str
    options: str
    slices: Slices
    channels: tuple[str, ...] = ()


More = Callable[[Slices], Iterable[Stage]]


def draw_chain(
    volume: Volume, chain: Chain, number: int | None, title: str, more: More = lambda _: ()
) -> tuple[Image.Image, int]:
    """Draw every stage of a slice on its way through a chain.

    Args:
        volume: the CT.
        chain: its preprocessing.
        number: of the slice, counted from 1 at the feet; None for the one with most soft tissue.
        title: stands above all.
        more: stages of what the chain has made, to be drawn after its own.

    Returns:
        The picture, and the number of the slice.

    Raises:
        UserError: there is no such slice, or the chain needs the liver, which is not known here.
    """
    if chain.needs_liver:
        msg = "The step liver_level needs a liver that was segmented, which this picture has not: leave it out."
        raise UserError(msg)
    view, spacing = volume.axial.of(volume.voxels), volume.axial.spacing
    number = find_most_soft_tissue(view) + 1 if number is None else number
    if not 1 <= number <= len(view):
        msg = f"The CT has slices 1 to {len(view)}, counted from the feet, but no {number}: choose one of them."
        raise UserError(msg)
    hounsfield = torch.from_numpy(np.ascontiguousarray(view[number - 1], np.float32))[None, None]
    found = list(chain_stages(chain, chain.fitted(view, spacing), Slices(hounsfield, spacing[1:])))
    found += more(found[-1].slices)
    return _page(found, f"{title}: slice {number} of {len(view)}, counted from the feet"), number


def find_most_soft_tissue(view: NDArray[np.int16]) -> int:
    """Position of the slice with most pixels of 0 to 150 HU, the middle one where there are none."""
    sample = view[:, ::_STEP, ::_STEP]
    counts = np.count_nonzero((sample >= _SOFT_TISSUE[0]) & (sample <= _SOFT_TISSUE[1]), axis=(1, 2))
    return int(counts.argmax()) if counts.any() else len(view) // 2


def chain_stages(chain: Chain, fitted: Chain, slices: Slices) -> Iterator[Stage]:
    """One slice in HU, and after each step.

    Args:
        chain: names the steps and their options.
        fitted: the same, fitted to the volume.
        slices: the slice.
    """
    yield Stage("CT", "Hounsfield units", slices)
    for step, run in zip(chain.root, fitted.root, strict=True):
        entering = slices.pixels.shape[1]
        slices = run(slices)
        if isinstance(step, Channels):
            ways = [("; ".join(map(_describe_step, way.root)), way.channels * entering) for way in step.chains]
            yield Stage(_name(step), "", slices, tuple(words for words, count in ways for _ in range(count)))
        else:
            yield Stage(_name(step), _options(step), slices)


def _describe_step(step: Step) -> str:
    return f"{_name(step)}: {_options(step)}".removesuffix(": ")


def _name(step: Step) -> str:
    return step.step.replace("_", " ")


def _options(step: Step) -> str:
    return ", ".join(_option(name, value) for name, value in step.model_dump(exclude={"step"}).items())


def _option(name: str, value: Any) -> str:
    words = f"{value:g}" if isinstance(value, float) else str(value)
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            name, words = name.removesuffix(ending), words + unit
    return f"{name.replace('_', ' ')} {words}"


def _page(found: Sequence[Stage], title: str) -> Image.Image:
    rows = [_row(row) for row in _rows(found)]
    width = max(row.width for row in rows)
    heading, legend = draw_text(title, _TITLE, width, INK, PAPER), draw_text(_LEGEND, _WORDS, width, FAINT, PAPER)
    return ImageOps.expand(stack_below([heading, *rows, legend], GAP, PAPER), _MARGIN, PAPER)


def _rows(found: Sequence[Stage]) -> list[list[tuple[int, Stage]]]:
    """Numbered stages, as many a row as fit across."""
    rows: list[list[tuple[int, Stage]]] = []
    for number, stage in enumerate(found):
        if number and sum(_width(other) + 3 * GAP for _, other in rows[-1]) + _width(stage) <= _ACROSS:
            rows[-1].append((number, stage))
        else:
            rows.append([(number, stage)])
    return rows


def _width(stage: Stage) -> int:
    return stage.slices.pixels.shape[1] * (_TILE + GAP) - GAP


def _row(row: Sequence[tuple[int, Stage]]) -> Image.Image:
    """Cards whose pictures stand at one height."""
    titles = pad_to_one_height([_title(number, stage) for number, stage in row])
    captions = pad_to_one_height([_captions(stage) for _, stage in row])
    pictures = pad_to_one_height([_pictures(stage.slices) for _, stage in row])
    cards = (stack_below(parts, GAP // 2) for parts in zip(titles, captions, pictures, strict=True))
    return stack_beside([ImageOps.expand(card, GAP, CARD) for card in cards], GAP, PAPER)


def _title(number: int, stage: Stage) -> Image.Image:
    width, (rows, columns) = _width(stage), stage.slices.size
    millimetres = " x ".join(dict.fromkeys(f"{mm:.2f}" for mm in stage.slices.spacing))
    lines = (stage.options, f"{rows} x {columns} pixels, {millimetres} mm")
    heading = draw_text(f"{number}. {stage.title}" if number else stage.title, _HEADING, width)
    return stack_below([heading, *(draw_text(line, _WORDS, width, FAINT) for line in lines if line)], 0)


def _captions(stage: Stage) -> Image.Image:
    return stack_beside(
        [draw_text(words, _WORDS, _TILE) for words in stage.channels] or [draw_text("", _WORDS, _width(stage))]
    )


def _pictures(slices: Slices) -> Image.Image:
    columns = []
    for plane in slices.pixels[0].cpu().numpy():
        shown = _shown(plane)
        columns.append(stack_below([_tile(plane, slices.spacing, shown), _histogram(plane, shown)], GAP // 2))
    return stack_beside(columns)


def _shown(plane: NDArray[np.float32]) -> tuple[float, float]:
    """Values drawn in black and in white: 0 and 1 where all lie between, else all but a few extreme ones."""
    if plane.min() >= -_ROUNDING and plane.max() <= 1 + _ROUNDING:
        return 0.0, 1.0
    low, high = (float(x) for x in np.percentile(plane, _TAILS))
    return (low, high) if high > low else (low, low + 1)


def _gray(values: NDArray, shown: tuple[float, float]) -> Image.Image:
    low, high = shown
    return Image.fromarray((((values - low) / (high - low)).clip(0, 1) * 255).astype(np.uint8))


def _tile(plane: NDArray[np.float32], spacing: tuple[float, float], shown: tuple[float, float]) -> Image.Image:
    height, width = (count * mm for count, mm in zip(plane.shape, spacing, strict=True))
    scale = _TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tile = Image.new("RGB", (_TILE, size[1]), CARD)
    tile.paste(_gray(plane, shown).resize(size, Image.Resampling.BICUBIC), ((_TILE - size[0]) // 2, 0))
    return tile


def _histogram(plane: NDArray[np.float32], shown: tuple[float, float]) -> Image.Image:
    least, most = float(plane.min()), float(plane.max())
    edges = np.linspace(least, most if most > least else least + 1, _BARS + 1)
    ramp = _gray((edges[None, :-1] + edges[None, 1:]) / 2, shown).resize((_TILE, _RAMP), Image.Resampling.NEAREST)
    framed = ramp.convert("RGB")
    ImageDraw.Draw(framed).rectangle((0, 0, _TILE - 1, _RAMP - 1), outline=FAINT)
    numbers = Image.new("RGB", (_TILE, _WORDS + 4), CARD)
    ImageDraw.Draw(numbers).text((0, 0), _number(least), INK, font(_WORDS))
    ImageDraw.Draw(numbers).text((_TILE, 0), _number(most), INK, font(_WORDS), "ra")
    bars = _bars(np.histogram(plane, edges)[0])
    return stack_below([stack_below([bars, framed], 0), numbers], 4)


def _bars(counts: NDArray[np.int64]) -> Image.Image:
    """Bars of all heights but the few tallest in proportion: air alone would press the others flat."""
    full = np.sort(counts)[-1 - _CUT_OFF] or counts.max()
    drawing, each = Image.new("RGB", (_TILE, _HISTOGRAM), CARD), _TILE // _BARS
    pen = ImageDraw.Draw(drawing)
    for number, count in enumerate(counts):
        left, tall = number * each, round(min(count / full, 1) * _HISTOGRAM)
        if tall:
            pen.rectangle((left, _HISTOGRAM - tall, left + each - 1, _HISTOGRAM - 1), _BLUE)
        if count > full:
            pen.rectangle((left, 0, left + each - 1, 2), _ORANGE)
    return drawing


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
