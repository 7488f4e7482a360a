"""Prints the file lists that the extension's CMake needs, or writes them with ``--write``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("LiverTumorSeg", "LiverTumorSegLib")
SCRIPTS, RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"


def packaged(path: Path) -> bool:
    """Whether a file, by its path within its folder, belongs to the installed extension."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and path.name != "CMakeLists.txt" and path.suffix != ".pyc"


def files(folder: Path) -> dict[str, list[str]]:
    """The folder's files as both lists want them: sorted, relative, with forward slashes."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = sorted(path.as_posix() for path in found if packaged(path))
    return {
        SCRIPTS: [name for name in names if name.endswith(".py")],
        RESOURCES: [name for name in names if not name.endswith(".py")],
    }


def written(name: str, entries: list[str]) -> str:
    """One list in CMake's words."""
    return "\n".join([f"set({name}", *(f"  {entry}" for entry in entries), "  )"])


def filled(text: str, lists: dict[str, list[str]]) -> str:
    """A CMakeLists.txt with its lists replaced."""
    for name, entries in lists.items():
        text, count = re.subn(rf"set\({name}\b[^)]*\)", lambda _, n=name, e=entries: written(n, e), text)
        if count != 1:
            msg = f"Expected one set({name} ...) and found {count}."
            raise ValueError(msg)
    return text


def main() -> None:
    """Print or write the lists of both folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the lists into the CMakeLists.txt of both folders")
    write = parser.parse_args().write
    for folder in FOLDERS:
        lists, target = files(ROOT / folder), ROOT / folder / "CMakeLists.txt"
        if write:
            target.write_bytes(filled(target.read_text(encoding="utf-8"), lists).encode())
        else:
            print(f"# {folder}/CMakeLists.txt", *(written(*item) for item in lists.items()), sep="\n\n", end="\n\n")


if __name__ == "__main__":
    main()
