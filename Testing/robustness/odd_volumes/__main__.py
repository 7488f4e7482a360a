"""``python -m robustness.odd_volumes NAME ...``, in ``Testing``: tries cases by name, and says what is wrong."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from support.sandbox import Sandbox

from . import model
from .attempt import attempt
from .table import CASES, LOADS


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder, closing(Sandbox(*LOADS)) as sandbox:
        made = model.save(Path(folder) / "model")
        for number, name in enumerate(sys.argv[1:]):
            wrong = attempt(CASES[name], sandbox, made, Path(folder) / f"{number}")
            print(f"{name}: {wrong or 'as it has to be'}")
            failed += bool(wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
