"""Commands that are killed at random moments: what is there is whole, and a second run ends as if nothing had been."""

from __future__ import annotations

import io
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from support.sandbox import Outcome, Sandbox

from .faulty import COUNTED, TEMPORARY
from .tally import Tally

_ATTEMPTS, _EARLIER, _SECONDS = 6, 0.6, 300
_OVERWRITE = b" --overwrite"  # a card names the options of its training
Contents = dict[str, bytes]


def is_visible(path: str) -> bool:
    """Whether a relative path is neither hidden nor a temporary file's."""
    return not any(part.startswith(".") or part == TEMPORARY for part in path.split("/"))


@dataclass(frozen=True)
class Command:
    """A command to be killed, which runs in a folder of its own.

    Args:
        words: of the command line, paths of outputs relative to that folder.
        replaced: words of a run that leaves what the command then replaces; none where it finds nothing.
        again: options of the second run, of which the next is tried where one is refused.
        is_output: whether a file, by its relative path, has to be whole at all times.
        is_result: whether it has to be what an undisturbed run writes, in the end.
        loads: modules to load beforehand.
        helped: whether it starts processes, in which Python takes a file's limit for an error and is not killed by it.
    """

    words: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    again: tuple[tuple[str, ...], ...] = ((), ("--overwrite",))
    is_output: Callable[[str], bool] = is_visible
    is_result: Callable[[str], bool] = lambda _: True
    loads: tuple[str, ...] = ()
    helped: bool = False


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody kills.

    Args:
        files: that it leaves, by their relative paths.
        before: the same of what it replaces.
        seconds: it takes.
        changes: to files.
    """

    files: Contents
    before: Contents
    seconds: float
    changes: int

    @property
    def largest(self) -> int:
        """Bytes of the largest file."""
        return max(map(len, self.files.values()))


def run(tries: int, seed: int, folder: Path, commands: Sequence[Command]) -> Tally:
    """Kill the commands in turn, so many times in all; one that is listed more than once has more turns.

    Moments are drawn from the whole run, from the changes to files (before each), and from the bytes of files (in the
    middle of a write).
    """
    sandbox = Sandbox(*{name for command in commands for name in command.loads})
    try:
        tally, known = Tally(), {}
        for number in range(tries):
            command, case = commands[number % len(commands)], folder / f"case-{number}"
            if command not in known:
                known[command] = undisturbed(sandbox, command, folder / f"undisturbed-{len(known)}")
            chance = random.Random(f"{seed} {number}")
            failure = _killed(sandbox, command, known[command], case, chance)
            if failure:
                tally.failed.append(f"seed {seed}, try {number}: {failure}")
            tally.handled += not failure
            shutil.rmtree(case, ignore_errors=True)
        return tally
    finally:
        sandbox.close()


def undisturbed(sandbox: Sandbox, command: Command, case: Path) -> Undisturbed:
    """Run a command as it should be, in a new folder."""
    before = begun(sandbox, command, case)
    outcome = sandbox.run("robustness.stress.faulty:counted", *command.words, folder=case, seconds=_SECONDS)
    assert outcome.handled, outcome
    changes = int((case / COUNTED).read_text())
    (case / COUNTED).unlink()
    files = contents(case)
    assert files, "an undisturbed run writes nothing"
    return Undisturbed(files, before, outcome.seconds, changes)


def begun(sandbox: Sandbox, command: Command, case: Path) -> Contents:
    """Make a folder, with what the command is to replace in it."""
    (case / TEMPORARY).mkdir(parents=True)
    if command.replaced:
        outcome = sandbox.run("robustness.stress.faulty:command_line", *command.replaced, folder=case, seconds=_SECONDS)
        assert outcome.handled, outcome
    return contents(case)


def _killed(sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, chance: random.Random) -> str:
    """Kill one run and run it again; what was wrong, if anything was."""
    begun(sandbox, command, case)
    outcome, when = _kill(sandbox, command, known, case, chance)
    if outcome.code not in (-signal.SIGKILL, -signal.SIGXFSZ):
        return f"{when} did not kill it: {outcome}"
    halves = halved(command, known, contents(case))
    if halves:
        return f"killed {when}, {halves[0]} is neither absent nor whole"
    again = _again(sandbox, command, case)
    if not again.handled:
        return f"killed {when}, a second run does not end: {again}"
    return difference(command, known, contents(case), when)


def _kill(
    sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, chance: random.Random
) -> tuple[Outcome, str]:
    kind, share, run = chance.randrange(2 if command.helped else 3), chance.random(), sandbox.run
    if kind == 1:
        change = int(share * known.changes)
        words = ("robustness.stress.faulty:killed_at", change, *command.words)
        return run(*words, folder=case, seconds=_SECONDS), f"before change {change} to files"
    if kind == 2:
        size = min(int(known.largest**share), known.largest - 1)  # as many kills among small files as among large ones
        words = ("robustness.stress.faulty:killed_beyond", size, *command.words)
        return run(*words, folder=case, seconds=_SECONDS), f"at byte {size} of a file"
    for _ in range(_ATTEMPTS):
        seconds = share * known.seconds
        outcome = run("robustness.stress.faulty:command_line", *command.words, folder=case, kill_after=seconds)
        if outcome.code:
            break
        share *= _EARLIER
        shutil.rmtree(case)
        begun(sandbox, command, case)
    return outcome, f"after {seconds:.3f} s"


def halved(command: Command, known: Undisturbed, files: Contents) -> list[str]:
    """The outputs that are not whole; an empty folder is none."""
    outputs = [path for path in files if command.is_output(path) and not path.endswith("/")]
    return [path for path in outputs if not _is_whole(path, files[path], known)]


def _is_whole(path: str, found: bytes, known: Undisturbed) -> bool:
    """Whether a file is all of what the command writes, or of what it replaces, or a picture."""
    return found in (known.files.get(path), known.before.get(path)) or _is_picture(found)


def _is_picture(content: bytes) -> bool:
    """Whether it is all of a PNG, such as one of an earlier step."""
    try:
        Image.open(io.BytesIO(content), formats=["PNG"]).load()
    except (OSError, SyntaxError):
        return False
    return True


def _again(sandbox: Sandbox, command: Command, case: Path) -> Outcome:
    for options in command.again:
        words = ("robustness.stress.faulty:command_line", *command.words, *options)
        outcome = sandbox.run(*words, folder=case, seconds=_SECONDS)
        if not outcome.refused:
            return outcome
    return outcome


def difference(command: Command, known: Undisturbed, files: Contents, when: str) -> str:
    """The differences from the end of an undisturbed run: a file too many (a temporary one), too few, or another."""
    wanted, found = (
        {path: content.replace(_OVERWRITE, b"") for path, content in each.items() if command.is_result(path)}
        for each in (known.files, files)
    )
    paths = [path for path in sorted(wanted.keys() | found.keys()) if wanted.get(path) != found.get(path)]
    if not paths:
        return ""
    how = "stays behind" if paths[0] not in wanted else "is another" if paths[0] in found else "is missing"
    return f"killed {when} and run again, {paths[0]} {how}"


def contents(case: Path) -> Contents:
    """Every file below a folder by its relative path, and every empty folder."""
    found = {}
    for path in sorted(case.rglob("*")):
        name = path.relative_to(case).as_posix()
        if path.is_file():
            found[name] = path.read_bytes()
        elif name != TEMPORARY and not any(path.iterdir()):
            found[f"{name}/"] = b""
    return found
