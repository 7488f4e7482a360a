import re

import numpy as np
import pytest
from support.document_tables import commands
from typer.testing import CliRunner

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cli import console
from LiverTumorSegLib.io import volumes


@pytest.fixture
def ct(run, tmp_path):
    file = tmp_path / "ct.nii.gz"
    assert run("phantom", "-o", file, "--shape", 12, 32, 32, "--spacing", 9, 9, 9, "--quiet") == (0, "", "")
    return file


def test_input_and_output_are_options_as_well(run, ct, tmp_path, model_folder):
    given = "--model", model_folder, "--device", "cpu"
    assert run("segment", ct, "-o", tmp_path / "one.nii.gz", *given)[0] == 0
    assert run("segment", "-i", ct, "-o", tmp_path / "two.nii.gz", *given)[0] == 0
    one, two = (volumes.read_stored(tmp_path / f"{name}.nii.gz").values for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "error: INPUT is missing: give it as an argument, or by --input.\n"),
        (("a", "-i", "b"), "error: a and --input b are both given: leave one of them out.\n"),
    ],
)
@pytest.mark.parametrize("command", ["segment", "segment-cohort"])
def test_an_input_is_given_once(run, command, words, sentence):
    assert run(command, *words, "-o", "out.seg.nrrd") == (3, "", sentence)


SHEETS = ("export-slices", "-o", "dump", "--chain", "li"), ("foreground-statistics",)


@pytest.mark.parametrize(
    ("command", "words", "sentence"),
    [
        (("preprocess", "--chain", "li"), ("a", "-i", "b"), "a and --input b are both given: leave one of them out."),
        (("web", "--no-browser"), ("a", "-i", "b"), "a and --input b are both given: leave one of them out."),
        (("lesions", "add", "-o", "c.nii.gz"), (), "INPUT is missing: give it as an argument, or by --input."),
        (
            ("lesions", "add", "-o", "c.nii.gz"),
            ("a", "b", "c"),
            "c is one path too many: give a CT, by itself or after",
        ),
        (
            ("lesions", "add", "-o", "c.nii.gz"),
            ("a", "b", "-i", "d"),
            "b is one path too many: give a CT, by itself or",
        ),
        *((command, (), "CT is missing: give it as an argument, or by --input.") for command in SHEETS),
        *((command, ("a", "-i", "b"), "a and --input b are both given: leave one of them out.") for command in SHEETS),
    ],
)
def test_every_command_of_a_ct_takes_it_as_an_option_once(run, command, words, sentence):
    code, said, complained = run(*command, *words)
    assert (code, said, complained.startswith(f"error: {sentence}")) == (3, "", True)


def options_of(command):
    return {name for parameter in command.params for name in parameter.opts}


def test_every_command_that_writes_can_be_quiet():
    loud = [name for name, each in commands() if "--output" in options_of(each) and "--quiet" not in options_of(each)]
    assert loud == []


def test_every_command_of_one_ct_takes_it_after_i():
    taking = {name for name, each in commands() if "-i" in options_of(each)}
    known = {"segment", "segment-cohort", "lesions add", "preprocess", "export-slices", "foreground-statistics"}
    assert taking >= {f"livertumorseg {name}" for name in (*known, "export", "web")}
    several = {"livertumorseg follow-up"}  # which takes them in the order in which they were taken
    of_a_ct = {name for name, each in commands() if any("CT" in (one.metavar or "") for one in each.params)}
    assert of_a_ct <= taking | several


def test_quiet_prints_warnings_and_errors_alone(run, ct, tmp_path, model_folder):
    given = "segment", ct, "-o", tmp_path / "out.seg.nrrd", "--model", model_folder, "--device", "cpu", "-q"
    code, said, complained = run(*given)
    assert (code, said) == (0, "")
    assert all(line.startswith("warning: ") for line in complained.splitlines())
    code, said, complained = run(*given)
    assert (code, said) == (3, "")
    assert complained.startswith("error: ")
    assert not console.out.quiet


def test_h_is_help_everywhere():
    for words in ([], ["segment"], ["models"], ["models", "import"], ["pacs", "check"]):
        done = CliRunner().invoke(cli.app, [*words, "-h"])
        assert done.exit_code == 0
        assert "--help" in done.output


def test_the_help_groups_the_commands():
    said = CliRunner().invoke(cli.app, ["-h"], env={"COLUMNS": "140"}).output
    order = [
        "Segment",
        "segment-cohort",
        "Results",
        "evaluate",
        "Models",
        "export",
        "Research",
        "train",
        "Serve",
        "pacs",
    ]
    places = [re.search(rf"[│─] {word} ", said).start() for word in order]
    assert places == sorted(places)


def test_every_option_shows_its_default():
    untold = [
        f"{name} {parameter.opts[0]}"
        for name, command in commands()
        for parameter in command.params
        if not parameter.required and parameter.default is None and not isinstance(parameter.show_default, str)
    ]
    assert untold == []


def test_completion_can_be_had(monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = CliRunner().invoke(cli.app, ["--show-completion", "bash"], prog_name="livertumorseg")
    assert done.exit_code == 0
    assert "complete" in done.output
    assert "_LIVERTUMORSEG_COMPLETE" in done.output
