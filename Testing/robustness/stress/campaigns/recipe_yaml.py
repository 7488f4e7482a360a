"""Recipes for training in YAML: tags, anchors, cycles, kinds and bytes, read as ``train`` reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import yaml

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training import recipe

from ..batches import Batches
from ..mutations import WORDS, as_bytes, damaged
from ..structure_mutations import changed, places
from ..volume_tries import check_refusal

TRIES = 50_000

_RECIPES = Path(recipe.__file__).parent / "recipes"
_MARK = "@@raw@@"
_RAW = (
    "!!python/object/apply:os.system ['touch ran']", "!!python/name:os.system", "!!binary aGk=", "!!binary ?",
    "!!set {a, b}", "!!omap [a: 1]", "!!timestamp 2020-01-01", "!!int x", "!!float y", "!!x y", "&a [*a]",
    "&a {a: *a}", "*gone", "*", "[[[[", "{{}}: 1", "{[1]: 2}",
    "2020-01-01", "2020-99-99", "1:30:00", "0o777", "0b11", ".inf", ".nan", "-.inf", "1e999",
    "9" * 5000, "1_000", "~", "yes", "? a", "- a", "|", ">-", "'", '"', '"\\x00"', '"\\ud800"', "@a", "`a`",
    "%a", "\t", "<<: 1", "{<<: [1]}", "[" * 20_000, "{a: " * 3000,
)  # fmt: skip
_LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])


@cache
def _contents() -> tuple[dict, ...]:
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_RECIPES.glob("*.yaml")))


def attempt(random: Random, folder: Path) -> bool:
    content = random.choice(_contents())
    sound = random.random() < 0.02
    path = folder / "recipe.yaml"
    path.write_bytes(_dumped(content) if sound else _damaged(random, content))
    try:
        recipe.load(path)
    except UserError as error:
        return check_refusal(error, path, sound=sound)
    finally:
        assert [each.name for each in folder.iterdir()] == [path.name], "something was run"
    return True


def _dumped(content: object) -> bytes:
    return yaml.safe_dump(content, allow_unicode=True).encode(errors="surrogatepass")


def _damaged(random: Random, content: dict) -> bytes:
    kind = random.choice(("structure", "structure", "raw", "raw", "bytes", "word", "laughs"))
    if kind == "structure":
        return _dumped(changed(random, content))
    if kind == "bytes":
        return damaged(random, _dumped(content), _dumped(random.choice(_contents())))
    if kind == "laughs":
        return _laughing(random, content)
    copied = yaml.safe_load(_dumped(content))
    holder, key = random.choice(list(places(copied)))
    holder[key] = _MARK
    raw = random.choice(_RAW if kind == "raw" else WORDS)
    return as_bytes(_dumped(copied).decode().replace(f"'{_MARK}'", raw))


def _laughing(random: Random, content: dict) -> bytes:
    """A list of a billion entries in a few lines, where a recipe wants something else."""
    key = random.choice(list(content))
    rest = {name: value for name, value in content.items() if name != key}
    return f"{_LAUGHS}\n{key}: *a{random.randrange(12)}\n".encode() + _dumped(rest)


BATCHES = Batches("recipe_yaml", attempt)
run, only = BATCHES.run, BATCHES.only
