import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import psutil
import pytest

from LiverTumorSegLib.apps.cli import web
from LiverTumorSegLib.core.atomic_files import SHARED_PREFIX
from LiverTumorSegLib.io.limits import VARIABLE

HANG_SECONDS = 60
COMMAND = (sys.executable, "-m", "LiverTumorSegLib.apps.cli")
KEEPS_A_FILE = """
import os
unlink = os.unlink
def keep(path, **options):
    if os.path.basename(path) == "kept.nii":
        raise PermissionError(1, "Operation not permitted", str(path))
    unlink(path, **options)
os.unlink = keep
from LiverTumorSegLib.apps.cli import main
main()
"""


@contextmanager
def started(place, *words, program=COMMAND, files=None, **more):
    """The command in a process of its own, once it has told the address; gives both.

    Args:
        place: for temporary files.
        words: of the command line.
        program: that has the command.
        files: that it may open at once, where not as many as this process.
        more: variables.
    """
    environment = os.environ | {"TMPDIR": str(place), "COLUMNS": "30", "OMP_NUM_THREADS": "1"}
    environment.pop("SSH_CONNECTION", None)
    environment |= more
    command = subprocess.Popen(
        [*program, "web", "--no-browser", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: prepare(files),
    )
    try:
        assert "Ctrl-C" in command.stdout.readline()
        yield command, command.stdout.readline().rstrip("\n")
    finally:
        command.kill()
        command.communicate()


def prepare(files):
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where tests run in the background
    if files:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def until(is_so):
    by = time.monotonic() + HANG_SECONDS
    while not is_so():
        assert time.monotonic() < by
        time.sleep(0.05)


def status_without_token(address):
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=HANG_SECONDS)
    connection.request("GET", "/", headers={"Host": urlsplit(address).netloc})
    status = connection.getresponse().status
    connection.close()
    return status


def programs(processes):
    return sorted(
        word.rpartition(".")[2] for each in processes for word in each.cmdline() if word.startswith("LiverTumorSegLib")
    )


def folders(place):
    return list(place.glob(f"{SHARED_PREFIX}*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_and_leaves_nothing(tmp_path, number, code):
    with started(tmp_path, SSH_CONNECTION="1 2 3 4") as (command, address):
        assert re.fullmatch(r"http://[0-9a-f]{20}\.localhost:\d+/\?token=[\w-]{40,}", address)
        children = psutil.Process(command.pid).children(recursive=True)
        assert status_without_token(address) == 403
        command.send_signal(number)
        said, complained = command.stdout.read(), command.stderr.read()
        assert command.wait(HANG_SECONDS) == code
    assert "ssh -N -L" in said
    assert said.endswith("All sessions have ended, and their files are deleted.\n")
    assert complained == ""
    assert folders(tmp_path) == []
    assert psutil.wait_procs(children, timeout=HANG_SECONDS)[1] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_killed_front_takes_pages_and_worker_with_it_and_the_next_deletes_what_it_left(tmp_path):
    with started(tmp_path, "--most-voxels", 4321) as (command, _):
        front = psutil.Process(command.pid)
        until(lambda: programs(front.children(recursive=True)) == ["session", "worker"])
        children = front.children(recursive=True)
        assert len(folders(tmp_path)) == 2
        assert [child.environ()[VARIABLE] for child in children] == ["4321"] * len(children)
        command.kill()
        assert psutil.wait_procs(children, timeout=HANG_SECONDS)[1] == []
    left = folders(tmp_path)
    assert left  # of the page; the worker deletes its own
    with started(tmp_path) as (command, _):
        assert not any(folder.exists() for folder in left)
        command.send_signal(signal.SIGTERM)
        command.wait(HANG_SECONDS)
    assert folders(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_what_cannot_be_deleted_is_named_at_the_end_in_place_of_a_claim(tmp_path):
    with started(tmp_path, program=(sys.executable, "-c", KEEPS_A_FILE)) as (command, _):
        until(lambda: programs(psutil.Process(command.pid).children(recursive=True)) == ["session", "worker"])
        for folder in folders(tmp_path):
            (folder / "kept.nii").write_bytes(b"patient")
        places = {str(folder) for folder in folders(tmp_path)}
        command.send_signal(signal.SIGTERM)
        said, complained = command.stdout.read(), " ".join(command.stderr.read().split())
        assert command.wait(HANG_SECONDS) == 143
    assert "are deleted" not in said
    assert "some of their files could not be deleted: delete" in complained
    assert len(places) == 2
    assert all(place in complained for place in places)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_more_half_requests_than_files_may_be_open_stop_nothing_and_say_nothing(tmp_path, many_files):
    with ExitStack() as half, started(tmp_path, files=1024) as (command, address):
        for _ in range(1100):
            connection = socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=HANG_SECONDS)
            half.enter_context(connection).sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert status_without_token(address) == 403
        assert psutil.Process(command.pid).num_fds() < 900
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
        command.send_signal(signal.SIGTERM)
        assert command.wait(HANG_SECONDS) == 143
        assert command.stderr.read() == ""


@pytest.fixture
def many_files():
    """Lets this process open more than the other one."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2048
    if limits[0] != resource.RLIM_INFINITY and limits[0] < enough:
        if limits[1] != resource.RLIM_INFINITY and limits[1] < enough:
            pytest.skip(f"needs to open {enough} files: ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_the_help_tells_the_options(run):
    code, said, _ = run("web", "--help")
    assert code == 0
    for word in (
        "--folder",
        "--port",
        "--host",
        "--allow-remote",
        "--sessions",
        "--most-gb",
        "--most-voxels",
        "--archives",
        "--no-browser",
    ):
        assert word in said


def test_a_port_that_is_taken_is_told(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, complained = run("web", "--no-browser", "--port", taken.getsockname()[1])
    assert (code, complained.count("\n")) == (3, 1)
    assert "is taken: give another with --port" in complained


def test_other_machines_are_not_let_in_by_accident(run):
    code, _, complained = run("web", "--no-browser", "--host", IPv4Address(0))
    assert (code, complained.count("\n")) == (3, 1)
    assert "--allow-remote" in complained


def test_packages_that_are_missing_are_told_at_once(run, monkeypatch):
    monkeypatch.setattr(web, "PACKAGES", ("aiohttp", "no_such_package"))
    code, _, complained = run("web", "--no-browser")
    assert (code, complained.count("\n")) == (3, 1)
    assert "(no_such_package): pip install 'livertumorseg[web]'" in complained


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "archives.toml cannot be read"),
        ("[[archives]", "archives.toml is not valid TOML"),
        ("archives = 1", "archives.toml: archives should be a list"),
        ('[[archives]]\nname = "A"\n[archives.search.web]\nurl = "pacs"', "an address begins with http"),
    ],
)
def test_a_list_of_archives_that_is_wrong_is_told_before_anything_is_served(run, tmp_path, text, words):
    pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
    if text is not None:
        (tmp_path / "archives.toml").write_text(text)
    code, _, complained = run("web", "--no-browser", "--archives", tmp_path / "archives.toml")
    assert (code, complained.count("\n")) == (3, 1)
    assert words in complained


@pytest.mark.parametrize("words", [["none.nii.gz"], ["--folder", "none"]])
def test_a_ct_or_folder_that_is_not_there_is_told(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, _, complained = run("web", "--no-browser", *words)
    assert (code, complained.count("\n")) == (3, 1)
    assert "none" in complained
