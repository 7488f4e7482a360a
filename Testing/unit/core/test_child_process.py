import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support import start_lint
from support.pool_work import double
from support.repository import ROOT
from support.worker_messages import hear

from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.core import child_process
from LiverTumorSegLib.core.process_pool import for_each
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.reporting import surface_render

LIBRARY = ROOT / "LiverTumorSegLib"
MODULES = (
    "argparse", "asyncio", "json", "multiprocessing", "numpy", "pathlib", "PIL", "random", "runpy", "site", "torch",
    "typing", "vtk", "vtkmodules", "LiverTumorSegLib",
)  # fmt: skip
BOTH = pytest.mark.parametrize("has_safe_path", [True, False], ids=["from 3.11 on", "before 3.11"])


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """The working folder, with modules that leave a line in a file; that file."""
    folder, canary = tmp_path / "downloads", tmp_path / "canary"
    folder.mkdir()
    for name in MODULES:
        code = f"import os\nwith open({str(canary)!r}, 'a') as file:\n    file.write({name!r} + chr(10))\nos._exit(1)\n"
        (folder / f"{name}.py").write_text(code)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{os.environ.get('PYTHONPATH', '')}")  # an empty entry is also it
    return canary


@pytest.fixture
def way(monkeypatch, has_safe_path):
    """Start children as this Python has it, or as one without safe paths."""
    if has_safe_path and not hasattr(sys.flags, "safe_path"):
        pytest.skip("this Python has no safe path")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(child_process, "_HAS_SAFE_PATH", has_safe_path)
    if not has_safe_path:
        monkeypatch.setattr(child_process, "_SAFE_PATH", "UNKNOWN_BEFORE_3_11")


@BOTH
def test_a_worker_imports_nothing_from_the_working_folder(hostile, way):
    worker = Worker()
    said = hear(worker, worker.ask("import_model", folder="mine"), 300)[-1]
    worker.close()
    assert not hostile.exists()
    assert f"{Path.cwd() / 'mine'} is not a model folder" in said["error"]


@BOTH
def test_the_renderer_imports_nothing_from_the_working_folder(hostile, way, small_phantom, monkeypatch):
    monkeypatch.setattr(surface_render, "_TIMEOUT_S", 300)
    with suppress(surface_render.NotDrawn):  # no machine has to have a renderer
        surface_render.render_surfaces(small_phantom.labels, small_phantom.volume)
    assert not hostile.exists()


@BOTH
def test_processes_that_share_work_import_nothing_from_the_working_folder(hostile, way):
    before = Path.cwd(), dict(os.environ)
    assert for_each({"a": (1,), "b": (2,)}, double, 2, Job()) == ({"a": 2, "b": 4}, {})
    assert not hostile.exists()
    assert (Path.cwd(), dict(os.environ)) == before


def test_a_page_imports_nothing_from_the_working_folder(hostile, tmp_path):
    from support.web_front_cases import driven

    from LiverTumorSegLib.apps.web.server.session_process import COMMAND, SessionProcess

    session = tmp_path / "session"
    session.mkdir()

    async def start():
        child = await SessionProcess.start(COMMAND, session, start_seconds=300)
        port = child.port
        await child.end()
        return port

    assert driven(start())
    assert not hostile.exists()


@BOTH
def test_a_library_that_is_not_installed_is_found_in_a_folder_with_any_name(hostile, has_safe_path, tmp_path):
    sources, script = tmp_path / "Leber und Tumör (1)", tmp_path / "scripts" / "start.py"
    shutil.copytree(LIBRARY, sources / LIBRARY.name, ignore=shutil.ignore_patterns("pretrained", "__pycache__"))
    script.parent.mkdir()
    script.write_text(
        "import time\n"
        "from LiverTumorSegLib.core import child_process\n"
        "from LiverTumorSegLib.apps.worker.client import Worker\n"
        f"child_process._HAS_SAFE_PATH = child_process._HAS_SAFE_PATH and {has_safe_path}\n"
        "worker = Worker(); worker.ask('models')\n"
        "heard = []\n"
        "while not any(message['id'] == 1 and 'result' in message or 'error' in message for message in heard):\n"
        "    heard = worker.poll(); time.sleep(0.05)\n"
        "print(heard[-1]); worker.close()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(sources)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=300)
    assert "'result': {'models': []}" in done.stdout, done.stderr  # those that ship were not copied
    assert not hostile.exists()


def test_a_childs_surroundings_are_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", "temporary")
    monkeypatch.setenv("ITK_AUTOLOAD_PATH", "/of/another/itk")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "mine", str(ROOT)]))
    given = child_process.start_options(tmp_path / "own", {"MORE": "1"})
    assert given["cwd"] == tmp_path / "own"
    assert given["env"]["TMPDIR"] == str(tmp_path / "temporary")
    assert given["env"]["PYTHONPATH"].split(os.pathsep) == [str(ROOT), str(tmp_path / "mine"), str(ROOT)]
    assert (given["env"]["PYTHONSAFEPATH"], given["env"]["MORE"]) == ("1", "1")
    assert "ITK_AUTOLOAD_PATH" not in given["env"]


def test_a_python_beside_the_working_folder_is_still_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert child_process.command("a.b", ["c"], ["./python", "-q"])[:2] == [str(tmp_path / "python"), "-q"]
    assert child_process.command("a.b", ["c"], ["python"])[0] == "python"
    assert child_process.command("a.b", ["c"])[-2:] == ["a.b", "c"]


def test_whatever_starts_a_process_does_so_in_isolation():
    assert start_lint.problems(LIBRARY, frozenset({"core/child_process.py"})) == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("subprocess.run(['a'])", "subprocess.run starts"),
        ("subprocess.Popen(['a'], **others(folder))", "subprocess.Popen starts"),
        ("await asyncio.create_subprocess_exec('a')", "asyncio.create_subprocess_exec starts"),
        ("os.execvp('a', [])", "os.execvp starts"),
        ("os.system('a')", "os.system starts"),
        ("ProcessPoolExecutor(2)", "ProcessPoolExecutor starts"),
        ("torch.multiprocessing.spawn(work)", "torch.multiprocessing.spawn starts"),
        ("from subprocess import run", "subprocess is imported from"),
        ("import subprocess as s", "imported under another name"),
        ("x = [python, '-m', 'a']", "a command line for Python is made"),
        ("x = sys.executable", "sys.executable is used"),
    ],
)
def test_the_lint_finds_what_is_started_otherwise(tmp_path, code, what):
    (tmp_path / "one.py").write_text(f"async def f():\n    {code}\n")
    (problem,) = start_lint.problems(tmp_path)
    assert problem.startswith("one.py:2: ")
    assert what in problem


def test_the_lint_leaves_alone_what_is_isolated(tmp_path):
    (tmp_path / "one.py").write_text(
        "import subprocess\n"
        "def f():\n    subprocess.run(child_process.command('a'), **child_process.start_options(folder))\n"
        "def g():\n    with child_process.isolated_spawn():\n        return ProcessPoolExecutor(2)\n"
        "def kill_process_tree():\n    subprocess.run(['taskkill'])\n"
    )
    assert start_lint.problems(tmp_path) == []
