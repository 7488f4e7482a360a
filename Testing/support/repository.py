"""Places in this repository and beside it, found from any folder that a test lies in."""

import os
from pathlib import Path

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
LIBRARY = ROOT / "LiverTumorSegLib"
TESTING = ROOT / "Testing"
SUPPORT = TESTING / "support"
PYTHON_PATH = os.pathsep.join(map(str, (ROOT, TESTING)))
"""What a child process finds the library and these parts by."""
SHARED = Path(os.environ.get("LIVERTUMORSEG_TEST_DATA") or ROOT.parent / "shared" / "data")
"""Real CTs, which are no part of the repository; tests that need them are skipped where they are not."""
