"""Draws the extension's icons: a liver with one lesion, each within the outline of its segment."""

from __future__ import annotations

from operator import mul
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
ICONS = (Path("Resources/Icons/LiverTumorSeg.png"), Path("LiverTumorSeg/Resources/Icons/LiverTumorSeg.png"))
SIZE = 128
# Drawn this many times larger and then made smaller: Pillow's shapes have no smooth edges.
FINER = 8

TILE, LIVER, LEFT_LOBE, FISSURE = (24, 33, 46), (193, 84, 66), (216, 112, 88), (120, 44, 36)
OUTLINE, LESION, LESION_OUTLINE = (92, 216, 232), (255, 214, 102), (72, 24, 20)
# Cubic Bezier pieces on the 128 x 128 tile, each from the end of the piece before. As one looks at the patient, the
# right lobe with its dome lies on the left, and the fissure between the lobes ends in the notch of the lower edge.
TOP_OF_FISSURE, NOTCH = (68, 36), (76, 75)
LEFT_LOBE_PIECES = (
    ((82, 27), (104, 28), (114, 37)),
    ((122, 45), (112, 57), (102, 65)),
    ((96, 70), (92, 75), (87, 81)),
    ((83, 85), (78, 83), NOTCH),
)
RIGHT_LOBE_PIECES = (
    ((74, 83), (71, 89), (66, 94)),
    ((54, 104), (42, 111), (27, 110)),
    ((15, 107), (11, 88), (11, 68)),
    ((11, 38), (24, 20), (42, 20)),
    ((55, 20), (60, 30), TOP_OF_FISSURE),
)
FISSURE_PIECES = (((74, 46), (76, 58), NOTCH),)
LESION_BOX = (25, 47, 58, 80)

Point = tuple[float, float]


def bezier(points: tuple[Point, Point, Point, Point], steps: int = 200) -> list[Point]:
    """Points along one cubic piece, without its start."""
    along = [step / steps for step in range(1, steps + 1)]
    weights = [((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3) for t in along]
    return [tuple(sum(map(mul, ws, axis)) for axis in zip(*points, strict=True)) for ws in weights]


def curve(start: Point, pieces: tuple[tuple[Point, Point, Point], ...]) -> list[Point]:
    """Points along the pieces, in pixels of the large drawing."""
    points, last = [start], start
    for first, second, end in pieces:
        points += bezier((last, first, second, end))
        last = end
    return [(x * FINER, y * FINER) for x, y in points]


def large(values: tuple[float, ...]) -> list[float]:
    """Lengths on the tile in pixels of the large drawing."""
    return [value * FINER for value in values]


def stroke(pen: ImageDraw.ImageDraw, points: list[Point], colour: tuple[int, int, int], width: float) -> None:
    """A round pen led along the points, which lie closer to each other than the pen is wide."""
    for point in points:
        pen.circle(point, width * FINER / 2, fill=colour)


def draw() -> Image.Image:
    """The icon at its final size, with a transparent surrounding."""
    picture = Image.new("RGBA", (SIZE * FINER, SIZE * FINER))
    pen = ImageDraw.Draw(picture)
    edge, fissure = curve(TOP_OF_FISSURE, LEFT_LOBE_PIECES + RIGHT_LOBE_PIECES), curve(TOP_OF_FISSURE, FISSURE_PIECES)
    pen.rounded_rectangle(large((1, 1, 127, 127)), radius=24 * FINER, fill=TILE)
    pen.polygon(edge, fill=LIVER)
    pen.polygon(curve(TOP_OF_FISSURE, LEFT_LOBE_PIECES) + fissure[::-1], fill=LEFT_LOBE)
    stroke(pen, fissure, FISSURE, 4)
    stroke(pen, edge, OUTLINE, 6)
    pen.ellipse(large(LESION_BOX), fill=LESION, outline=LESION_OUTLINE, width=4 * FINER)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main() -> None:
    """Write the icon to both places that need it."""
    for icon in ICONS:
        (ROOT / icon).parent.mkdir(parents=True, exist_ok=True)
        draw().save(ROOT / icon, optimize=True)


if __name__ == "__main__":
    main()
