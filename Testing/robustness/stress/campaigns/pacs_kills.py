"""A service that gets many series and is killed at random moments meanwhile: each result is stored once, and no other.

The archive notes every C-STORE, since of one that it has already it would show nothing; and a result whose UIDs are
not those from before a kill would be there beside the first.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from support import archive_cases
from support.pacs_core_cases import series
from support.pacs_process import PacsProcess, send

from ..tally import Tally

TRIES = 50
_IMAGES, _SENDERS, _LONGEST_LIFE, _YOUNG, _SECONDS = 11, 3, 2.0, 0.2, 600
_QUIET_SECONDS = 2.0
"""In which a sender comes again, on a busy machine, too."""

_READY = "the service is ready"
_KINDS = Counter(SEG=1, SR=1)
_NOTE = """
function ReceivedInstanceFilter(dicom, origin)
    local noted = io.open("{}", "a")
    noted:write(dicom["SOPInstanceUID"], "\\n")
    noted:close()
    return true
end
"""
"""Orthanc asks this of each instance that comes, also of such as it has."""


def run(tries: int, seed: int, folder: Path) -> Tally:
    """Send so many series, and kill the service as often: at its start, or some time after that."""
    uids, chance = [f"1.2.3.{number + 1}" for number in range(tries)], Random(seed)
    with counting(folder) as (archive, stored):
        peer = f'[send.dicom]\nae_title = "{archive_cases.TITLE}"\naddress = "127.0.0.1"\nport = {archive.dicom}'
        service = PacsProcess(folder, peer, quiet_seconds=_QUIET_SECONDS)
        refused: list[str] = []
        parts = [uids[first::_SENDERS] for first in range(_SENDERS)]
        senders = [
            threading.Thread(target=_send_all, args=[service.port, part, refused], daemon=True) for part in parts
        ]
        try:
            for sender in senders:
                sender.start()
            _live_and_die(service, tries, chance)
            for sender in senders:
                sender.join(_SECONDS)
            service.until(lambda: _are_done(service, tries), _SECONDS)
            service.end()
        finally:
            service.kill()
        return judged(uids, archive, stored(), refused)


@contextmanager
def counting(folder: Path) -> Iterator[tuple[archive_cases.Archive, Callable[[], Counter[str]]]]:
    """An archive, and how often each SOP instance UID was stored in it so far."""
    noted, script = folder / "stored.txt", folder / "note.lua"
    script.write_text(_NOTE.format(noted))
    with archive_cases.running(folder / "orthanc", LuaScripts=[str(script)]) as archive:
        yield archive, lambda: Counter(noted.read_text().split())


def _send_all(port: int, uids: list[str], refused: list[str]) -> None:
    """Each series again and again until the service has said of each image that it has it."""
    for uid in uids:
        found: list[int | None] = [None]
        while any(found) or None in found:
            found = send(port, series(uid, _IMAGES))
            if any(found):
                refused.append(uid)
                break
            time.sleep(0.05)


def _live_and_die(service: PacsProcess, times: int, chance: Random) -> None:
    for _ in range(times):
        before = service.text().count(_READY)
        service.start(STAND_IN_SECONDS="0.1")
        if chance.random() > _YOUNG:
            service.ready(before + 1)
        time.sleep(chance.uniform(0, _LONGEST_LIFE))
        service.kill()
    service.start()


def _are_done(service: PacsProcess, tries: int) -> bool:
    if not (service.folder / "pacs" / "node.sqlite").exists():
        return False
    return Counter(state for _, state in service.states()) == Counter(done=tries)


def judged(uids: list[str], archive: archive_cases.Archive, stored: Counter[str], refused: list[str]) -> Tally:
    """Every object of the stand-in names its series and says how many images it was made from."""
    tally, found = Tally(), archive.data_sets()
    for uid in uids:
        results = [one for one in found if one.SeriesDescription == uid]
        times = [stored.pop(str(one.SOPInstanceUID), 0) for one in results]
        is_one = Counter(str(one.Modality) for one in results) == _KINDS
        is_whole = all(one.InstanceNumber == _IMAGES for one in results)
        if is_one and is_whole and set(times) == {1} and uid not in refused:
            tally.handled += 1
        else:
            said = [(str(one.Modality), one.InstanceNumber, count) for one, count in zip(results, times, strict=True)]
            tally.failed.append(f"{uid}: kind, images, times stored: {said}, refused: {uid in refused}")
    tally.failed += [f"{uid} was stored and is of no series" for uid in stored]
    return tally
