"""``model.json`` of a model folder, loaded after damage to what it says and to its bytes."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import torch
from support.models import describe

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description

from ..batches import Batches
from ..mutations import WORDS, as_bytes, damaged
from ..structure_mutations import DEEPEST, LONGEST, changed, places
from ..volume_tries import check_refusal

TRIES = 200_000

_OPTIONS = {"features": [1, 1, 2, 2, 2, 1]}
_MARK = "@@raw@@"
_RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "0." + "9" * 5000, "1e-99999", "01", "+1",
    ".5", "0x1F", r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', '"\\', '"\t"', "'a'", "undefined", "// x",
    "[1,]", '{"a":1,}', "[" * 300, '{"a":1,"a":2}', '{"a":{"a":{}}}', "\ufeff1", "", ",", "}", "]",
)  # fmt: skip


@cache
def _whole() -> tuple[bytes, dict]:
    """The weights of a sound model, and what its description says."""
    torch.manual_seed(0)
    spec = describe().network.model_copy(update={"options": _OPTIONS})
    description = describe(network=spec)
    fields = {
        name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tiny"
        model_folder.save(folder, networks.create("unet", 1, 3, **_OPTIONS), lambda _: "", **fields)
        return (folder / model_folder.WEIGHTS).read_bytes(), json.loads((folder / model_folder.DESCRIPTION).read_text())


def attempt(random: Random, folder: Path) -> bool:
    weights, content = _whole()
    sound = random.random() < 0.02
    (folder / model_folder.WEIGHTS).write_bytes(weights)
    text = json.dumps(content, indent=random.choice((None, 2))).encode() if sound else _damaged(random, content)
    (folder / model_folder.DESCRIPTION).write_bytes(text)
    try:
        loaded = model_folder.load(folder)
    except UserError as error:
        return check_refusal(error, folder, sound=sound)
    again = Description.model_validate_json(loaded.description.model_dump_json(), strict=True)
    assert again == loaded.description, "a description that does not survive being written"
    return True


def _damaged(random: Random, content: dict) -> bytes:
    kind = random.choice(("structure",) * 12 + ("raw",) * 4 + ("bytes",) * 4 + ("double", "word"))
    if random.random() < 0.0005:
        return random.choice((_deep, _long))(random)
    if kind == "structure":
        return json.dumps(changed(random, content)).encode(errors="surrogatepass")
    if kind == "bytes":
        text = json.dumps(content, indent=1).encode()
        return damaged(random, text, text)
    return _spliced(random, content, kind)


def _spliced(random: Random, content: dict, kind: str) -> bytes:
    """What no JSON library writes: raw text for a value, or a key twice."""
    copied = json.loads(json.dumps(content))
    holder, key = random.choice(list(places(copied)))
    before = json.dumps(holder[key])
    holder[key] = _MARK
    raw = {
        "raw": random.choice(_RAW),
        "double": f"{before}, {json.dumps(str(key))}: {random.choice((before, 'null', '-1'))}",
        "word": json.dumps(random.choice(WORDS), ensure_ascii=False),
    }[kind]
    return as_bytes(json.dumps(copied).replace(json.dumps(_MARK), raw))


def _deep(random: Random) -> bytes:
    opened, closed = random.choice((("[", "]"), ('{"a":', "}"), ('{"preprocessing":[', "]}")))
    return (opened * DEEPEST + "1" + closed * random.choice((DEEPEST, 0))).encode()


def _long(random: Random) -> bytes:
    key = random.choice(("title", "name", "format", "surprise"))
    return json.dumps({**_whole()[1], key: "x" * LONGEST}).encode()


def run(tries: int, seed: int, folder: Path):
    _whole()
    return BATCHES.run(tries, seed, folder)


BATCHES = Batches("model_json", attempt)
only = BATCHES.only
