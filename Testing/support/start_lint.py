"""A rule for the library: whatever starts a process takes its surroundings from one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

STARTS = re.compile(
    r"subprocess\.(run|Popen|call|check_call|check_output|getoutput|getstatusoutput)"
    r"|(asyncio\.|\w*loop\.)?(create_subprocess_(exec|shell)|subprocess_(exec|shell))"
    r"|os\.(system|popen|startfile|fork|forkpty|exec\w+|spawn\w+|posix_spawn\w*)"
    r"|(\w+\.)*(ProcessPoolExecutor|QProcess|Pool|Process|spawn)"
    r"|pty\.spawn|runpy\.\w+"
)
SURROUNDED, SPAWNING = "child_process.start_options(", "child_process.isolated_spawn()"
PROGRAMS = {"kill_process_tree"}
"""Functions that start a program of the system, no Python."""

ALIASED = {"subprocess", "multiprocessing", "runpy", "pty"}
NAMED = {"sys.executable"}


def problems(folder: Path, allowed: frozenset[str] = frozenset()) -> list[str]:
    """Breaches of the rule in the Python files of a folder but for the allowed ones, each with its file and line."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if name not in allowed:
            hits = _walk(ast.parse(path.read_text(encoding="utf-8")), surrounded=False, function="")
            found += [f"{name}:{line}: {what}" for line, what in hits]
    return found


def _walk(node: ast.AST, *, surrounded: bool, function: str) -> Iterator[tuple[int, str]]:
    """The hits beneath a node; ``surrounded`` is within a block that has processes spawned safely."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        function = node.name
    if isinstance(node, (ast.With, ast.AsyncWith)):
        surrounded = surrounded or any(ast.unparse(item.context_expr) == SPAWNING for item in node.items)
    yield from _hits(node, surrounded=surrounded, function=function)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, surrounded=surrounded, function=function)


def _hits(node: ast.AST, *, surrounded: bool, function: str) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call):
        callee = ast.unparse(node.func)
        given = any(each.arg is None and ast.unparse(each.value).startswith(SURROUNDED) for each in node.keywords)
        pool = surrounded and callee == "ProcessPoolExecutor"
        if STARTS.fullmatch(callee) and not (given or pool or function in PROGRAMS):
            yield node.lineno, f"{callee} starts a process in the working folder"
    elif isinstance(node, ast.Attribute) and ast.unparse(node) in NAMED:
        yield node.lineno, f"{ast.unparse(node)} is used"
    elif isinstance(node, (ast.List, ast.Tuple)) and any(
        getattr(each, "value", "") in {"-m", "-c"} for each in node.elts
    ):
        yield node.lineno, "a command line for Python is made"
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _hidden(node)


def _hidden(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    """Imports that give what starts processes another name."""
    if isinstance(node, ast.ImportFrom):
        if node.level == 0 and node.module in ALIASED:
            yield node.lineno, f"{node.module} is imported from"
        return
    for alias in node.names:
        if alias.name in ALIASED and alias.asname:
            yield node.lineno, f"{alias.name} is imported under another name"
