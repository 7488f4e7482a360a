"""Rules for the module's scripts: what they may import, and what may run while Slicer imports them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SLICERS_OWN = {"slicer", "qt", "ctk", "vtk", "numpy", "LiverTumorSegLib"}
HEAVY = ("torch", "monai", "pydantic", "nibabel", "scipy", "SimpleITK")
OTHER_QT = re.compile(r"(PySide|PyQt|shiboken)\d*(\.\w+)*")
FETCHES = re.compile(r"(?i)install|download|pip_|urlopen|urlretrieve|^(requests|subprocess)\.|^os\.system|QProcess")
STARTS_A_PROGRAM = re.compile(r"(^|\.)(run|[Pp]open|call|check_call|check_output|system|start\w*|exec\w*|launch\w*)$")
RUNS_PIP = re.compile(r"\bpip3? install\b|-m pip\b")
TORCH = re.compile(r"torch(vision|audio)?\s*([<>=~!\[].*)?")
NOT_AT_IMPORT = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Run in a process of its own: the tests' process has long imported what is refused here.
PROBE = """
import json, sys
root, heavy, statements = json.loads(sys.argv[1])
tried = []
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy:
            tried.append(name)
            raise ImportError(name + " is refused")
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, root)
for statement in statements:
    try:
        exec(statement, {})
    except ImportError as error:
        tried or tried.append(str(error))
    if tried:
        print(statement + ": " + tried.pop())
        tried.clear()
"""


def problems(folder: Path) -> list[str]:
    """Breaches of the rules in the scripts of a module's folder, each with its file and line."""
    own = {path.stem if path.is_file() else path.name for path in folder.iterdir()}
    found = []
    for script in scripts(folder):
        tree = ast.parse(script.read_text(encoding="utf-8"))
        for node, what in sorted(
            {*_imports(tree, own), *_anywhere(tree), *_calls(tree)}, key=lambda hit: hit[0].lineno
        ):
            found.append(f"{script.relative_to(folder).as_posix()}:{node.lineno}: {what}")
    return found


def heavy_imports(folder: Path, library: Path) -> list[str]:
    """Which imports from the library, of those that run while Slicer imports the module, pull in a heavy package."""
    trees = [ast.parse(script.read_text(encoding="utf-8")) for script in scripts(folder)]
    statements = sorted({ast.unparse(node) for tree in trees for node in executed(tree) if _from_library(node)})
    request = json.dumps([str(library), HEAVY, statements])
    probe = subprocess.run([sys.executable, "-c", PROBE, request], capture_output=True, text=True)
    return probe.stdout.splitlines() + probe.stderr.splitlines()[-1:]


def scripts(folder: Path) -> list[Path]:
    """The Python files of a module's folder."""
    return sorted(folder.rglob("*.py"))


def executed(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run at import, those within the file's own functions called there among them."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in _descend(waiting.pop()):
            yield node
            called = functions.pop(node.func.id, None) if _calls_a_name(node) else None
            waiting += called.body if called else []


def _calls_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _descend(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in _parts_at_import(node):
        yield from _descend(child)


def _parts_at_import(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, FUNCTIONS):
        return [*node.decorator_list, *_defaults(node.args)]
    if isinstance(node, ast.Lambda):
        return _defaults(node.args)
    if isinstance(node, ast.If) and ast.unparse(node.test) in NOT_AT_IMPORT:
        return list(node.orelse)
    return list(ast.iter_child_nodes(node))


def _defaults(arguments: ast.arguments) -> list[ast.AST]:
    return [default for default in [*arguments.defaults, *arguments.kw_defaults] if default is not None]


def _roots(node: ast.AST) -> list[str]:
    """The top-level packages that a statement imports; none for imports relative to the file's own package."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [str(node.module).partition(".")[0]]
    return []


def _from_library(node: ast.AST) -> bool:
    return "LiverTumorSegLib" in _roots(node)


def _imports(tree: ast.Module, own: set[str]) -> Iterator[tuple[ast.AST, str]]:
    allowed = sys.stdlib_module_names | SLICERS_OWN | own
    for node in executed(tree):
        for root in set(_roots(node)) - allowed:
            yield node, f"{root} is imported while Slicer imports the module"


def _anywhere(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Breaches that no function may hold either."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        for name in {*_roots(node), text}:
            if OTHER_QT.fullmatch(name):
                yield node, f"{name} is not Slicer's Qt"
            if name in {"pip", "ensurepip"}:
                yield node, "pip is called directly"


def _calls(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call_anywhere(node)
    for node in executed(tree):
        if isinstance(node, ast.Call) and FETCHES.search(ast.unparse(node.func)):
            yield node, f"{ast.unparse(node.func)} is called while Slicer imports the module"


def _call_anywhere(call: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    callee = ast.unparse(call.func)
    inside = [node for argument in [*call.args, *call.keywords] for node in ast.walk(argument)]
    texts = [node.value for node in inside if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if STARTS_A_PROGRAM.search(callee) and any(RUNS_PIP.search(text) for text in texts):
        yield call, "pip is called directly"
    if "pip_" in callee and any(TORCH.fullmatch(text) for text in texts):
        yield call, "torch is installed past the PyTorch extension"
