"""Pictures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image


def write(path: Path, image: Image.Image, kind: str, **options: Any) -> None:
    """Write a picture whole.

    Pillow, handed a file, takes no notice of a disk that has room for a part of the picture only.

    Args:
        path: of the file.
        image: the picture.
        kind: of file, as Pillow names it.
        options: of Pillow for that kind.

    Raises:
        OSError: it cannot be written whole.
    """
    content = io.BytesIO()
    image.save(content, kind, **options)
    path.write_bytes(content.getbuffer())
