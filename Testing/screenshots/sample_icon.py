"""Draw the sample's icon for Slicer's Sample Data module: a slice of the phantom, which is ours, with its labels."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from LiverTumorSegLib.core.labels import LESION, LIVER
from LiverTumorSegLib.datasets import phantom

SIZE = (260, 280)
_OPAQUE, _WINDOW = 0.45, (-80.0, 220.0)


def draw() -> Image.Image:
    """The axial slice with the most lesion, in the size that Slicer asks for."""
    made = phantom.create((60, 260, 260), (3.0, 1.4, 1.4), seed=3, lesions=3)
    axial = made.volume.axial
    voxels, labels = axial.of(made.volume.voxels), axial.of(made.labels)
    place = int((labels == LESION.label).sum(axis=(1, 2)).argmax())
    low, high = _WINDOW
    grey = ((voxels[place] - low) / (high - low)).clip(0, 1)[..., None] * np.full(3, 255.0)
    for segment in (LIVER, LESION):
        inside = labels[place] == segment.label
        grey[inside] = (1 - _OPAQUE) * grey[inside] + _OPAQUE * np.array(segment.rgb)
    drawn = Image.fromarray(grey.round().astype(np.uint8))
    page = Image.new("RGB", SIZE)
    page.paste(drawn, ((SIZE[0] - drawn.width) // 2, (SIZE[1] - drawn.height) // 2))
    return page


def main() -> None:
    """Write it where the module looks for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=Path("LiverTumorSeg/Resources/Icons/LiverTumorSegCT.png"))
    draw().quantize(96).save(parser.parse_args().file, optimize=True)


if __name__ == "__main__":
    main()
