"""Pictures and words, one below the other and side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

Colour = tuple[int, int, int]

INK, FAINT, CARD, PAPER = (25, 30, 36), (94, 102, 111), (255, 255, 255), (231, 235, 239)
GAP = 12

_LEADING = 6


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, in pixels."""
    return ImageFont.load_default(size)


def text(words: str, size: int, width: int, colour: Colour = INK, paper: Colour = CARD) -> Image.Image:
    """Words in lines that are no wider than ``width``, unless a single word is."""
    lines: list[str] = []
    for word in words.split():
        if lines and font(size).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    drawing = Image.new("RGB", (width, max(1, len(lines) * (size + _LEADING))), paper)
    for number, line in enumerate(lines):
        ImageDraw.Draw(drawing).text((0, number * (size + _LEADING)), line, colour, font(size))
    return drawing


def below(images: Sequence[Image.Image], gap: int = GAP, paper: Colour = CARD) -> Image.Image:
    """Images from top to bottom, their left sides in line."""
    height = sum(image.height + gap for image in images) - gap
    drawing, down = Image.new("RGB", (max(image.width for image in images), height), paper), 0
    for image in images:
        drawing.paste(image, (0, down))
        down += image.height + gap
    return drawing


def beside(images: Sequence[Image.Image], gap: int = GAP, paper: Colour = CARD) -> Image.Image:
    """Images from left to right, their tops in line."""
    width = sum(image.width + gap for image in images) - gap
    drawing, right = Image.new("RGB", (width, max(image.height for image in images)), paper), 0
    for image in images:
        drawing.paste(image, (right, 0))
        right += image.width + gap
    return drawing


def level(images: Sequence[Image.Image], paper: Colour = CARD) -> list[Image.Image]:
    """Images made as high as the highest, with paper below them."""
    height = max(image.height for image in images)
    return [ImageOps.expand(image, (0, 0, 0, height - image.height), paper) for image in images]


def headed(panels: Mapping[str, Image.Image], size: int, gap: int) -> Image.Image:
    """Images from left to right, each below its name."""
    return beside([below([text(name, size, panel.width), panel], 2) for name, panel in panels.items()], gap)
