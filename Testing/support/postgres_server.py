"""A PostgreSQL of a test's own, in a temporary folder, reached through a socket in it alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from support import archive_cases, system_libraries

USER, ACCOUNT = "livertumorseg", "nobody"
PATIENCE = 60
_OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60")


def programs() -> Path:
    """The folder of PostgreSQL's programs; the test is skipped where there are none."""
    archive_cases.need("postgres")
    found = system_libraries.program("postgres")
    assert found is not None
    return found.resolve().parent


@dataclass
class Server:
    """A PostgreSQL that can be ended and started again.

    Args:
        folder: of its data, its socket and what it prints.
    """

    folder: Path
    process: subprocess.Popen | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [programs() / "postgres", "-D", self.folder / "data", "-k", self.folder, *_OPTIONS]
        with (self.folder / "printed.txt").open("ab") as printed:
            self.process = subprocess.Popen(command, stdout=printed, stderr=printed, **_as_other())
        end = time.monotonic() + PATIENCE
        while subprocess.run([programs() / "pg_isready", "-q", "-h", self.folder, "-U", USER]).returncode:
            assert time.monotonic() < end, (self.folder / "printed.txt").read_text()
            time.sleep(0.05)

    def end(self) -> None:
        """End it as a power cut does; its data stays."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def database(self) -> str:
        """A new, empty database: its address."""
        name = f"pacs{next(self.numbers)}"
        subprocess.run([programs() / "createdb", "-h", self.folder, "-U", USER, name], check=True, timeout=PATIENCE)
        return f"postgresql://{USER}@/{name}?host={self.folder}"


@contextmanager
def serving() -> Iterator[Server]:
    """A running server, whose files are deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
    server = Server(folder)
    try:
        if _is_root():
            shutil.chown(folder, ACCOUNT)
        command = [programs() / "initdb", "-D", folder / "data", "-U", USER, "--auth=trust", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE, **_as_other())
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _as_other() -> dict:
    """Options of a process: PostgreSQL refuses to be run by root."""
    return {"user": ACCOUNT, "group": "nogroup", "extra_groups": [], "cwd": "/"} if _is_root() else {}
