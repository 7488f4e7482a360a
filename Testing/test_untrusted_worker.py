"""The worker talks through its pipes alone."""

import ast
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

import LiverTumorSegLib


def sockets_of(process):
    """Sockets of a process and all that it started."""
    return [one for each in (process, *process.children(recursive=True)) for one in each.net_connections("all")]


def test_a_worker_listens_to_nobody_and_calls_nobody(warm_worker):
    number, heard, end = warm_worker.ask("devices"), [], monotonic() + 120
    while not any(message["id"] == number and "result" in message for message in heard):
        assert monotonic() < end, heard
        heard += warm_worker.poll()
        sleep(0.01)
    process = psutil.Process(warm_worker._run.child.pid)
    inherited = {(one.fd, one.laddr) for one in psutil.Process().net_connections("all")}
    found = [one for one in sockets_of(process) if (one.fd, one.laddr) not in inherited]
    assert [one for one in found if one.status == psutil.CONN_LISTEN] == []
    assert [one for one in found if one.raddr] == []


SERVING = {"web", "serving", "node", "cli/web.py", "cli/node.py"}
SERVERS = {
    "http.server",
    "socketserver",
    "xmlrpc.server",
    "asyncio",
    "multiprocessing.managers",
    "wsgiref",
    "socket",
    "pynetdicom",
}


@pytest.mark.parametrize("folder", ["LiverTumorSegLib", "LiverTumorSeg"])
def test_nothing_but_the_browser_panel_and_the_node_can_serve(folder):
    root = Path(LiverTumorSegLib.__file__).parents[1] / folder
    imported = {
        name
        for path in root.rglob("*.py")
        if not SERVING.intersection([path.relative_to(root).parts[0], path.relative_to(root).as_posix()])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in names_of(node)
    }
    assert "http.client" in imported or folder == "LiverTumorSeg"
    assert not {name for name in imported if name in SERVERS or name.split(".")[0] in SERVERS}


def names_of(node):
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
