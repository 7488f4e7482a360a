"""The worker talks through its pipes alone."""

import ast

import psutil
import pytest
from support.repository import ROOT
from support.waiting import wait_until


def sockets_of(process):
    """Sockets of a process and all that it started."""
    return [one for each in (process, *process.children(recursive=True)) for one in each.net_connections("all")]


def test_a_worker_listens_to_nobody_and_calls_nobody(warm_worker):
    number, heard = warm_worker.ask("devices"), []

    def is_answered():
        heard.extend(warm_worker.poll())
        return any(message["id"] == number and "result" in message for message in heard)

    wait_until(is_answered, told=lambda: heard)
    process = psutil.Process(warm_worker._run.child.pid)
    inherited = {(one.fd, one.laddr) for one in psutil.Process().net_connections("all")}
    found = [one for one in sockets_of(process) if (one.fd, one.laddr) not in inherited]
    assert [one for one in found if one.status == psutil.CONN_LISTEN] == []
    assert [one for one in found if one.raddr] == []


SERVING = ("apps/web/", "apps/pacs/", "apps/http_", "apps/cli/web.py", "apps/cli/pacs.py")
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
def test_nothing_but_the_browser_panel_and_the_pacs_service_can_serve(folder):
    root = ROOT / folder
    imported = {
        name
        for path in root.rglob("*.py")
        if not path.relative_to(root).as_posix().startswith(SERVING)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in names_of(node)
    }
    assert ("http.client" if folder == "LiverTumorSegLib" else "qt") in imported
    assert not {name for name in imported if name in SERVERS or name.split(".")[0] in SERVERS}


def names_of(node):
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
