"""A service as a process of its own, with a light worker, and what sends series to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom
from pydicom.uid import CTImageStorage

from support.archive_cases import free_port
from support.repository import PYTHON_PATH, SUPPORT

PROGRAM = SUPPORT / "pacs_program.py"
PATIENCE = 300
"""Seconds that nothing takes, also where many others load models on the same cores."""

_SENDERS = '[[receive.senders]]\nae_title = "SCANNER"'


class PacsProcess:
    """A service that is started, killed and started again.

    Args:
        folder: of its configuration, and of what it prints.
        send: the part of its configuration that says where results go.
        more: parts that are added to it.
        quiet_seconds: as its configuration has them, longer than a busy machine takes between two images; None for a
            service that receives nothing.
        program: words for Python that begin the command line.
    """

    def __init__(
        self,
        folder: Path,
        send: str,
        more: str = "",
        quiet_seconds: float | None = 3.0,
        program: Sequence[str] = (str(PROGRAM),),
    ) -> None:
        self.folder, self.port, self._program = folder, free_port(), program
        self.config = folder / "pacs.toml"
        receive = f"[receive]\nport = {self.port}\nquiet_seconds = {quiet_seconds}\n{_SENDERS}" if quiet_seconds else ""
        limits = "[limits]\nfree_gb = 0\nretry_seconds = 0.5"
        self.config.write_text(f'folder = "pacs"\npage = {{}}\n{receive}\n{send}\n{limits}\n{more}\n')
        self.printed, self.asked = folder / "printed.txt", folder / "asked.txt"
        self._environment = os.environ | {"PYTHONPATH": PYTHON_PATH, "STAND_IN_LOG": str(self.asked)}
        self.process: subprocess.Popen | None = None

    def command(self, *words: str) -> subprocess.CompletedProcess:
        """Run a command line beside the service."""
        command = [sys.executable, *self._program, *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=PATIENCE)

    def start(self, **environment: str) -> None:
        """Start the service without waiting until it is ready."""
        command = [sys.executable, *self._program, "pacs", "--config", str(self.config)]
        with self.printed.open("ab") as printed:
            self.process = subprocess.Popen(
                command, env=self._environment | environment, stdout=printed, stderr=printed
            )

    def text(self) -> str:
        """All that it has printed."""
        return self.printed.read_text() if self.printed.exists() else ""

    def ready(self, times: int = 1) -> None:
        """Wait until it has been ready so many times."""
        self.until(lambda: self.text().count("the service is ready") >= times)

    def until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, self.text()
            assert self.process is None or self.process.poll() is None, self.text()
            time.sleep(0.1)

    def states(self) -> list[tuple[int, str]]:
        """The number and the state of every series, read beside the service."""
        from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
        from LiverTumorSegLib.apps.pacs.storage import ServiceFolder

        queue = SeriesQueue(ServiceFolder(self.folder / "pacs").queue, create=False)
        found = [(series.number, series.state.value) for series in reversed(queue.all())]
        queue.close()
        return found

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def end(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code


def times_asked(service: PacsProcess) -> dict[str, int]:
    """How often the worker was asked to segment each job."""
    lines = re.findall(r"(\d+)$", service.asked.read_text(), re.MULTILINE) if service.asked.exists() else []
    return {number: lines.count(number) for number in lines}


def send(port: int, images: Sequence[pydicom.Dataset], title: str = "SCANNER") -> list[int | None]:
    """Send images in one association; the status of each, None for those that could not be sent."""
    from pynetdicom import AE

    entity = AE(title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(CTImageStorage)
    association = entity.associate("127.0.0.1", port, ae_title="LIVERTUMORSEG")
    found: list[int | None] = []
    for image in images:
        try:
            answer = association.send_c_store(image) if association.is_established else {}
        except RuntimeError:  # the association has just ended
            answer = {}
        found.append(answer.get("Status") if isinstance(answer, dict) else getattr(answer, "Status", None))
    if association.is_established:
        association.release()
    return found
