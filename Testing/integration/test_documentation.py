"""The README and the pages of the documentation: links, commands, paths, code and made tables."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from support.document_tables import PAGES, ROOT, renewed
from support.documented_commands import commands, fences, of_program, tokens
from support.repository import TESTING
from typer.main import get_command

import LiverTumorSegLib
from LiverTumorSegLib.apps.cli import app
from LiverTumorSegLib.models import model_folder, store

README = ROOT / "README.md"
ALL = [README, *sorted(PAGES.glob("*.md"))]
MOST_BYTES = 15_000
DEMO = {"ct.nii.gz", "segmentation.seg.nrrd", "lesions.csv", "patient.csv", "lesions.json", "report.html"}
"""Files that `make demo` writes into `demo`."""

FILE = re.compile(r"\.(csv|gz|html|json|md|nrrd|py|toml|txt|ui|yaml)$")
OUTPUTS = {"-o", "--output", "--report", ">"}
TOP = ("LiverTumorSeg/", "LiverTumorSegLib/", "Testing/", "Resources/")
PACKAGES = ("core", "io", "inference", "reporting", "apps", "models", "networks", "preprocessing", "training")

pages = pytest.mark.parametrize("page", ALL, ids=lambda page: page.relative_to(ROOT).as_posix())


def spans(page):
    return [token.content for token in tokens(page) if token.type == "code_inline"]


@cache
def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    found = tokens(page)
    heads = [found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@cache
def program():
    return get_command(app)


def chosen(words):
    """The command that words name, its name, and the words that follow."""
    command, name, rest = program(), "livertumorseg", list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        name = rest.pop(0)
        command = command.commands[name]
    assert not rest or rest[0].startswith("-") or not hasattr(command, "commands"), f"no command {' '.join(words)}"
    return command, name, rest


def is_option(words, word):
    """Whether a word is an option of the command that words name."""
    command, _, _ = chosen(words)
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return word in names | {"--help"}


@pages
def test_links_pictures_and_anchors_lead_somewhere(page):
    links = [str(token.attrs.get("href") or token.attrs.get("src")) for token in tokens(page) if token.attrs]
    dead = []
    for link in (link for link in links if link != "None" and "://" not in link):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_named_by_the_readme():
    text = README.read_text(encoding="utf-8")
    assert [page.name for page in PAGES.glob("*.md") if f"/{page.name})" not in text and page.name != "README.md"] == []


@pages
def test_commands_in_blocks_can_be_parsed(page):
    for words in filter(None, map(of_program, commands(page))):
        if "--help" in words or "--version" in words:
            continue
        command, name, rest = chosen(words)
        assert command.make_context(name, rest) is not None


@pages
def test_commands_in_sentences_name_what_exists(page):
    for span in spans(page):
        if span.startswith("livertumorseg ") and "COMMAND" not in span:
            words = span.split()[1:]
            assert [word for word in words if word.startswith("-") and not is_option(words, word)] in (
                [],
                ["--version"],
            )


@pages
def test_what_else_a_command_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)", text)) | set(re.findall(r"^make ([\w-]+)", text, re.MULTILINE)) <= targets
    extras = re.search(r"optional-dependencies\]\n(.*?)\n\[", (ROOT / "pyproject.toml").read_text(), re.DOTALL)[1]
    asked = {extra for group in re.findall(r'"\.\[([\w,]+)\]"', text) for extra in group.split(",")}
    assert asked <= set(re.findall(r"^(\w+) = \[", extras, re.MULTILINE))
    campaigns = {path.stem for path in ROOT.glob("Testing/**/stress/campaigns/*.py")}
    assert set(re.findall(r"python -m robustness.stress ([a-z]\w*)", text)) <= campaigns


@pages
def test_paths_of_the_repository_are_there(page):
    words = [word for code in (*spans(page), *fences(page, "sh")) for word in code.split()]
    missing = [word for word in words if word.startswith(TOP) and not (ROOT / word).exists()]
    within = [word for word in spans(page) if word.partition("/")[0] in PACKAGES and word.endswith((".py", "/"))]
    missing += [word for word in within if not (ROOT / "LiverTumorSegLib" / word).exists()]
    tests = [word for word in spans(page) if re.fullmatch(r"test_\w+\.py", word)]
    missing += [word for word in tests if not any(TESTING.rglob(word))]
    kinds = tuple(f"{folder.name}/" for folder in TESTING.iterdir() if folder.is_dir())
    missing += [word for word in spans(page) if word.startswith(kinds) and not (TESTING / word).exists()]
    assert missing == []


@pages
def test_python_compiles_and_imports_what_is_there(page):
    for block in fences(page, "python"):
        for node in ast.walk(ast.parse(block)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert [name for name in modules if name.startswith("LiverTumorSegLib") and not find_spec(name)] == []


def test_the_readme_is_short():
    assert len(README.read_bytes()) < MOST_BYTES


def test_the_readme_names_the_public_api_alone():
    (block,) = fences(README, "python")
    found = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in found if is_library(node.value)}
    named = {word for word in spans(README) if re.fullmatch(r"[a-z]+_[a-z_]+", word)}
    named |= {word for span in spans(README) for word in re.findall(r"lts\.(\w+)", span)}
    assert used
    assert used | named <= set(LiverTumorSegLib.__all__)
    assert len(block.strip().splitlines()) == 3


def is_library(node):
    return isinstance(node, ast.Name) and node.id == "lts"


@pytest.mark.parametrize("page", ["README.md", "Resources/Documentation/models-and-accuracy.md"])
def test_what_is_said_of_the_model_is_what_its_card_says(page):
    figures = model_folder.read_description(store.find_model()).figures
    words = " ".join(re.sub("^> ", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE).split())
    assert figures.in_words in words
    assert figures.lesions.in_words in " ".join((store.find_model() / "README.md").read_text(encoding="utf-8").split())


def test_the_readme_names_no_path_that_an_outsider_has_not():
    made = {Path(".venv"), Path("demo"), *(Path("demo", name) for name in DEMO)}
    blocks = list(commands(README))
    for words in blocks:
        made |= {Path(after) for word, after in pairwise(words) if word in OUTPUTS}
    made |= {Path(path) for block in fences(README, "python") for path in re.findall(r', "([^"]+)"\)', block)}
    words = [word for words in (*blocks, *map(str.split, spans(README))) for word in words]
    words += [path for block in fences(README, "python") for path in re.findall(r'"([^"]+)"', block)]
    paths = [word.rpartition("=")[2] for word in words if is_path(word)]  # an option's value, too
    assert [path for path in paths if not is_known(Path(path), made)] == []


def is_path(word):
    is_ending = word.startswith(".") and "/" not in word
    return bool("/" in word or FILE.search(word)) and "://" not in word and not is_ending and "DATA" not in word


def is_known(path, made):
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and (not made.isdisjoint((path, *path.parents)) or path.parts[0] == ".venv" or (ROOT / path).exists())


def test_a_made_table_that_is_out_of_date_is_renewed():
    page = PAGES / "command-line.md"
    text = page.read_text(encoding="utf-8")
    assert renewed(text) == text
    assert renewed(text.replace("`volume_ml`", "`volume`")) == text
    assert renewed(re.sub(r"(patient columns -->\n).*?(<!-- end)", r"\1\2", text, flags=re.DOTALL)) == text
