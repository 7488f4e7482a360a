"""Tables of the documentation that the program itself makes: checks them, or writes them with ``--write``."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import torch
from typer.main import get_command
from typer.testing import CliRunner

from LiverTumorSegLib import networks
from LiverTumorSegLib.apps.cli import app
from LiverTumorSegLib.networks.cost import cost
from LiverTumorSegLib.preprocessing import AnyStep, Chain, Step, named_chains
from LiverTumorSegLib.reporting.lesions import Lesion, LesionTable
from support import reproduced_tables

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
PAGES = ROOT / "Resources" / "Documentation"
MADE = re.compile(r"(<!-- made by: make tables, ([\w ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
SLICE, PATCH = (512, 512), (64, 128, 128)
CLASSES = 3
CHANNELS = {"dalu_net": 5}
"""Of the networks that take a stack of slices; the others take one."""

COORDINATES = {"centroid_mm": ("centroid_r_mm", "centroid_a_mm", "centroid_s_mm")}
"""Fields that have three columns in CSV."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    head = list(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines)).replace("|  |", "| |")


def network_costs() -> str:
    """Every network with its cost and its source."""
    head = ["name", "channels", "smallest, pixels", "million parameters", "GFLOP", "training, MB", "ImageNet encoder"]
    return table([*head, "source"], map(_network, networks.names()))


def _network(name: str) -> list[str]:
    with torch.device("meta"):  # where weights take neither time nor memory
        network = networks.create(name, CHANNELS.get(name, 1), CLASSES)
    found = cost(network, SLICE if network.axes == len(SLICE) else PATCH)
    figures = f"{found.parameters / 1e6:.2f}", f"{found.gflop:.1f}", f"{found.training_bytes / 1e6:.0f}"
    encoder = getattr(network, "imagenet", "")
    return [f"`{name}`", str(network.in_channels), str(network.smallest), *figures, encoder, network.source]


def steps() -> str:
    """Every step of preprocessing with its options."""
    kinds: tuple[type[Step], ...] = get_args(get_args(AnyStep)[0])
    return table(["step", "options", "what it does"], (_step(kind) for kind in kinds))


def _step(kind: type[Step]) -> list[str]:
    options = [
        f"`{name}`" if field.is_required() or field.default is None else f"`{name}` ({_shown(field.default)})"
        for name, field in kind.model_fields.items()
        if name != "step"
    ]
    return [f"`{kind.model_fields['step'].default}`", ", ".join(options), _first_sentence(kind)]


def chains() -> str:
    """Every published chain with its steps and its source."""
    return table(["name", "steps", "source"], ([f"`{e.name}`", _chain(e.chain), e.source] for e in named_chains()))


def _chain(chain: Chain) -> str:
    return ", then ".join(_in_chain(step.model_dump(mode="json")) for step in chain.root)


def _in_chain(options: dict[str, Any]) -> str:
    name = options.pop("step")
    if "chains" in options:
        return f"`{name}` of " + "; ".join(_chain(Chain.model_validate(inner)) for inner in options["chains"])
    shown = ", ".join(f"{key} {_shown(value)}" for key, value in options.items())
    return f"`{name}` ({shown})" if shown else f"`{name}`"


def lesion_columns() -> str:
    """The columns of ``lesions.csv``, each with what it holds."""
    return _columns(LesionTable(None, 0.0, None, ()).to_csv(), Lesion)


def patient_columns() -> str:
    """The columns of ``patient.csv``, each with what it holds."""
    more = {"lesion_count": "how many lesions", "warnings": "what is doubtful about these measures, a sentence each"}
    return _columns(LesionTable(None, 0.0, None, ()).patient_csv(), LesionTable, **more)


def _columns(text: str, kind: type, **more: str) -> str:
    said = _arguments(kind) | more
    for field, names in COORDINATES.items():
        said |= dict.fromkeys(names, said.get(field, ""))
    names = next(csv.reader(text.splitlines()))
    return table(["column", "what it holds"], ([f"`{name}`", said[name]] for name in names))


def _arguments(kind: type) -> dict[str, str]:
    """What a docstring's ``Args`` says of each of them."""
    _, _, listed = str(kind.__doc__).partition("Args:\n")
    entries = re.findall(r"^ {8}(\w[\w, ]*): (.*(?:\n {12}.*)*)", listed, re.MULTILINE)
    return {name: _plain(said) for names, said in entries for name in names.split(", ")}


def _first_sentence(kind: type) -> str:
    first = str(kind.__doc__).split("\n\n")[0]
    return _plain(re.split(r"\.(?:\s|$)", first)[0])


def _plain(text: str) -> str:
    """Words of a docstring as a page has them; what is None in Python is an empty cell in CSV."""
    text = re.sub(r":\w+:`[^`]*?(\w+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("None where", "empty where").removesuffix(".")


def settings() -> str:
    """The example of a configuration that ``livertumorseg pacs example`` prints."""
    return f"```toml\n{CliRunner().invoke(app, ['pacs', 'example']).stdout.strip()}\n```\n"


def command_list() -> str:
    """Every command, with its first sentence."""
    return table(["command", "what it does"], ([f"`{name}`", _help(command)[0]] for name, command in commands()))


def command_options() -> str:
    """Every command, with its arguments and options."""
    return "\n".join(_command(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name; those of a group follow the group."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        inner: Mapping[str, Any] = getattr(command, "commands", {})
        if not inner or command.invoke_without_command:
            yield name, command
        for word, each in inner.items():
            yield from below(f"{name} {word}", each)

    root = get_command(app)
    for word, each in root.commands.items():  # type: ignore[attr-defined]
        yield from below(f"livertumorseg {word}", each)


def _help(command: Any) -> list[str]:
    return [" ".join(part.split()) for part in str(command.help).split("\n\n")]


def _command(name: str, command: Any) -> str:
    shown = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
    options = "\n" + table(["", "default", "what it is"], shown) if shown else ""
    return f"## {name}\n\n" + "\n\n".join(_help(command)) + "\n" + options


def _parameter(parameter: Any) -> list[str]:
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.metavar or parameter.name]
    said = " ".join((parameter.help or "").split()) + _limits(parameter)
    return [", ".join(f"`{name}`" for name in names), _default(parameter), said]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.default is True:
        return f"`{parameter.opts[0]}`"
    return "off" if parameter.default is False else f"`{_shown(parameter.default)}`"


def _limits(parameter: Any) -> str:
    """The smallest and largest number, or the words, that a parameter takes."""
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f" One of {', '.join(f'`{word.value}`' for word in kind)}."
    if parameter.min is None:
        return ""
    return f" From {parameter.min:g}{'' if parameter.max is None else f' to {parameter.max:g}'}."


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " x ".join(map(_shown, value))
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


MAKERS: dict[str, Callable[[], str]] = {
    "networks": network_costs,
    "steps": steps,
    "chains": chains,
    "lesion columns": lesion_columns,
    "patient columns": patient_columns,
    "settings": settings,
    "command list": command_list,
    "command options": command_options,
    **reproduced_tables.makers(PAGES / "reproductions", table),
}


def renewed(text: str) -> str:
    """A page with its tables as the program makes them now."""
    return MADE.sub(lambda found: f"{found[1]}\n{MAKERS[found[2]]()}\n{found[3]}", text)


def main() -> int:
    """Check or write all pages; 1 where a checked one is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into the pages")
    write, stale = parser.parse_args().write, []
    for page in sorted(PAGES.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        if (now := renewed(before)) != before:
            stale.append(page.relative_to(ROOT).as_posix())
            if write:
                page.write_bytes(now.encode())
    if stale and not write:
        print(f"The tables of {', '.join(stale)} are not what the program makes now: run make tables.")
    return int(bool(stale) and not write)


if __name__ == "__main__":
    raise SystemExit(main())
