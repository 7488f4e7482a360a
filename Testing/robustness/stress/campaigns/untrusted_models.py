"""Models, archives, weights, recipes, checkpoints and caches from somebody who means harm: no code runs, nothing else
is written, and each is refused in a sentence; then ever more of them, with random bytes changed."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from support import hostile_archives
from support.models import describe
from support.sandbox import Outcome, Sandbox

from LiverTumorSegLib import networks
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description
from robustness.untrusted_models import folders, single_files

from ..tally import Tally

TRIES = 20_000
_SECONDS, _MEMORY = 60, 3 << 30
_LOADED = (
    "LiverTumorSegLib.models.store",
    "LiverTumorSegLib.training.checkpoints",
    "LiverTumorSegLib.training.recipe",
    "LiverTumorSegLib.datasets.cache",
    "robustness.untrusted_models.attempts",
)
_LATER = ("description", "weights", "archive", "checkpoint")


@dataclass(frozen=True)
class _Place:
    """Where a try happens: its own folder, a sound model to spoil, and what nothing may create.

    Args:
        folder: of the try.
        sound: the model.
    """

    folder: Path
    sound: Path

    @property
    def marker(self) -> Path:
        return self.folder / "ran"

    @property
    def within(self) -> Path:
        return self.folder / "given"


def run(tries: int, seed: int, folder: Path) -> Tally:
    """The table first, then random changes of what is sound."""
    sound, tally = _sound_model(folder), Tally()
    sandbox = Sandbox(*_LOADED, LIVERTUMORSEG_MODELS=str(folder / "models"))
    try:
        for number in range(tries):
            place = _Place(folder / f"try-{number}", sound)
            place.within.mkdir(parents=True)
            _judge(tally, number, seed, place, sandbox)
            shutil.rmtree(place.folder)
            shutil.rmtree(folder / "models", ignore_errors=True)
    finally:
        sandbox.close()
    return tally


def table() -> list[tuple[str, str]]:
    """Every attack by its kind and name, and whether a sound model is left after it by its kind."""
    kinds = {
        "folder": folders.ATTACKS,
        "folder, harmless": folders.HARMLESS,
        "archive": hostile_archives.ATTACKS,
        "archive, harmless": hostile_archives.HARMLESS,
        "file": single_files.ATTACKS,
    }
    return [(kind, name) for kind, attacks in kinds.items() for name in attacks]


def _judge(tally: Tally, number: int, seed: int, place: _Place, sandbox: Sandbox) -> None:
    rows = table()
    kind, name = rows[number] if number < len(rows) else (_LATER[number % len(_LATER)], f"{seed}-{number}")
    before = _seen(place)
    outcome = _tried(kind, name, place, sandbox)
    fits = outcome.handled if "harmless" in kind else outcome.refused
    if number >= len(rows):
        fits = outcome.handled or outcome.refused
    written = _seen(place) - before - {place.within.name, "unpacked"}
    if written or not fits:
        remark = f"wrote {', '.join(sorted(written))}; " if written else ""
        tally.failed.append(f"{kind}: {name} (try {number} of seed {seed}): {remark}{outcome}")
    else:
        tally.handled += outcome.handled
        tally.refused += not outcome.handled


def _seen(place: _Place) -> set[str]:
    return {entry.name for entry in place.folder.iterdir()}


def _tried(kind: str, name: str, place: _Place, sandbox: Sandbox) -> Outcome:
    limits = {"seconds": _SECONDS, "folder": place.folder, "memory": _MEMORY}
    if kind == "file":
        what, path = single_files.ATTACKS[name](place.within, place.marker)
        return sandbox.run(f"robustness.untrusted_models.attempts:{what}", str(path), **limits)
    if kind.startswith("archive"):
        archive = place.within / "model.zip"
        _archived(kind, name, place, archive)
        unpacked = place.folder / "unpacked"
        return sandbox.run("robustness.untrusted_models.attempts:unpack", str(archive), str(unpacked), **limits)
    if kind == "checkpoint":
        path = place.within / "weights.pth"
        torch.save({"conv1.weight": torch.arange(8.0)}, path)
        _change_bytes(path, random.Random(name))
        return sandbox.run("robustness.untrusted_models.attempts:read_weights", str(path), **limits)
    given = place.within / "model"
    shutil.copytree(place.sound, given)
    _spoil(kind, name, given, place.marker)
    return sandbox.livertumorseg("models", "import", given, **limits)


def _archived(kind: str, name: str, place: _Place, archive: Path) -> None:
    files = {file.name: file.read_bytes() for file in place.sound.iterdir()}
    known = hostile_archives.ATTACKS | hostile_archives.HARMLESS
    if name in known:
        known[name](files, archive)
    else:
        hostile_archives.pack(archive, files.items())
        _change_bytes(archive, random.Random(name))


def _spoil(kind: str, name: str, given: Path, marker: Path) -> None:
    if kind.startswith("folder"):
        (folders.ATTACKS | folders.HARMLESS)[name](given, marker)
    elif kind == "weights":
        _change_bytes(given / model_folder.WEIGHTS, random.Random(name), first=4000)
        folders.with_checksum(given)
    else:
        _change_bytes(given / model_folder.DESCRIPTION, random.Random(name))


def _change_bytes(path: Path, chance: random.Random, first: int | None = None) -> None:
    """Change, add or leave out up to eight bytes, of the first ones where they decide."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(min(first or len(content), len(content)))
        how = chance.randrange(3)
        content[at : at + (how != 1)] = bytes([chance.randrange(256)] if how != 2 else [])
    path.write_bytes(content)


def _sound_model(folder: Path) -> Path:
    torch.manual_seed(0)
    description = describe()
    network = networks.create("unet", 1, 3, **description.network.options)
    fields = {
        name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")
    }
    model_folder.save(folder / "sound", network, lambda d: f"# {d.title}\n", **fields)
    return folder / "sound"
