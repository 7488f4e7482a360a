"""Imports between the library's own modules, read from their source: late, type-only and those of ``__init__`` too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Import:
    """One module of a package that imports another.

    Args:
        importer, imported: full names; a package's own name is that of its ``__init__``.
        place: file and line.
    """

    importer: str
    imported: str
    place: str

    def __str__(self):
        return f"{self.place} imports {self.imported}"


def read_imports(package: Path) -> list[Import]:
    """All imports between modules of the package in a folder, in order."""
    files = {_name(file, package.parent): file for file in package.rglob("*.py")}
    found = {
        Import(name, _module(asked, files), f"{file.relative_to(package.parent).as_posix()}:{line}")
        for name, file in files.items()
        for asked, line in _asked(ast.parse(file.read_text(encoding="utf-8")), name, file.stem == "__init__")
    }
    return sorted(each for each in found if each.imported and each.imported != each.importer)


def rings(imports: list[Import]) -> list[list[Import]]:
    """Imports that lie on a ring, a list for each group of modules that reach each other."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        graph.setdefault(each.importer, set()).add(each.imported)
    reached = {name: _reach(name, graph) for name in graph}
    groups = {frozenset(other for other in found if name in reached.get(other, ())) for name, found in reached.items()}
    return [
        [each for each in imports if each.importer in group and each.imported in group]
        for group in sorted(groups, key=sorted)
        if group
    ]


def _reach(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    """The modules that a module imports, directly or through others; itself only where a ring leads back."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(asked: str, files: Mapping[str, Path]) -> str:
    """The module that a dotted name is or is of; empty where it is none of these."""
    return next((name for name in (asked, asked.rpartition(".")[0]) if name in files), "")


def _asked(tree: ast.Module, name: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """Dotted names that are imported anywhere in a module, each with its line.

    A module that imports by a name made at run time, beside itself, is taken to import every neighbour that it names.
    """
    package = name if is_package else name.rpartition(".")[0]
    nodes = list(ast.walk(tree))
    by_name = any(isinstance(node, ast.Name) and node.id == "__package__" for node in nodes)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            yield from ((f"{source}.{alias.name}", node.lineno) for alias in node.names)
        elif by_name and isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield f"{package}.{node.value}", node.lineno
