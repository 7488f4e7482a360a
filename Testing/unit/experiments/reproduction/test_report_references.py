"""What reports refer to is there: each command that a text names is run, and prints what the text says of it."""

import re
import shlex

import pytest
from support.reproduction_cases import reproduced, row_result
from typer.testing import CliRunner

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.apps.cli import app
from LiverTumorSegLib.experiments.reproduction import encoder_files, systems
from LiverTumorSegLib.experiments.reproduction.report import report_sections

NAMES = systems.names()
COMMAND = re.compile(
    r"livertumorseg ((?:[a-z_][a-z_0-9-]*|--[a-z-]+ \S+?)(?: (?:[a-z]+_[a-z_0-9]+|--[a-z-]+ [\w-]+))*)"
)
PRINTED = {
    "preprocess --chain ahmad": ["gaussian", "window", "resample", "augmentation", "rotation", "without any number"],
    "preprocess --chain dhanush": ["How contrast is improved is not given", "level 150", "width 500", "histogram"],
    "preprocess --chain elmenabawy": ["No range is given for the histogram", "-2000 to 2000", "median", "3 x 3"],
    "preprocess --chain kulkarni": ["Windows, bins and size are not given", "bins 100", "256 x 256", "width 150"],
    "networks dalu_net": ["the same 2D", "encoder", "slices of the stack", "The published network has 3D convolutions"],
    "evaluate": ["Measure segmentations against references"],
}
"""Words that each command prints because a text refers to it for them; of ``evaluate``, its help."""


def texts(name):
    """All sentences beneath the tables of a system by both protocols."""
    known = systems.load(name)
    count = len(known.metrics)
    row = row_result(known.rows[0].name, [None] * count, *[0.5] * count)
    done = reproduced(name, [row])
    both = done.with_protocol("sound", done.protocols["published"])
    said = report_sections(known, both)
    said.pop("Commands")
    return [sentence for sentences in said.values() for sentence in sentences]


def references(sentence):
    return [" ".join(shlex.split(found)).rstrip(";.,") for found in COMMAND.findall(sentence)]


REFERENCES = sorted({found for name in NAMES for sentence in texts(name) for found in references(sentence)})


def test_every_reference_is_known_here_with_what_it_promises():
    assert set(REFERENCES) <= PRINTED.keys()
    assert {found for found in PRINTED if found.startswith("preprocess")} <= set(REFERENCES)


@pytest.mark.parametrize("command", REFERENCES)
def test_a_command_that_is_referred_to_prints_what_the_text_says_of_it(command):
    words = shlex.split(command)
    asked = [*words, "--help"] if command == "evaluate" else words
    done = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    assert done.exit_code == 0
    printed = " ".join(done.output.split())
    assert [word for word in PRINTED[command] if word not in printed] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_to_stand_below_stands_below(name):
    said = texts(name)
    for at, sentence in enumerate(said):
        if "see below" in sentence:
            assert any("split" in later and "slices are drawn" in later for later in said[at + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_options_that_are_referred_to_are_options_of_reproduce(name):
    known = systems.load(name)
    said = [*texts(name), *(encoder_files.describe_missing(network) for network in known.from_weights)]
    options = {found for sentence in said for found in re.findall(r"(?<!\w)--[a-z-]+", sentence)} - {"--chain"}
    printed = CliRunner().invoke(app, ["reproduce", "--help"], env={"COLUMNS": "200"}).output
    assert [option for option in options if option not in printed] == []
