import io
import sys

import pytest
from support.waiting import wait_until

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cli import common_options, console
from LiverTumorSegLib.core.errors import UserError


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["livertumorseg", "train", "a b.yaml", "--set", "split={file: x.json}"])
    assert console.command_line() == "livertumorseg train 'a b.yaml' --set 'split={file: x.json}'"


def test_the_command_that_is_kept_in_files_names_no_folder_of_this_machine(monkeypatch):
    words = ["evaluate", "/home/jane doe/found", "references", "--output=/home/jane doe/report"]
    monkeypatch.setattr(sys, "argv", ["livertumorseg", *words])
    assert console.command_line() == "livertumorseg evaluate found references --output=report"


def test_a_log_gets_a_line_a_minute(monkeypatch, capsys):
    clock = iter([0, 30, 61, 61, 90, 122, 122])
    monkeypatch.setattr(console, "monotonic", lambda: next(clock))
    with console.bar() as progress:
        for step in range(4):
            progress(step / 4, f"Step {step}")
    assert capsys.readouterr().err == " 25% Step 1\n 75% Step 3\n"


def test_a_table_is_never_cut_off(capsys):
    table = console.Table("a" * 60, "b" * 60)
    console.show(table)
    assert "b" * 60 in capsys.readouterr().out


def test_a_console_without_a_character_shows_a_question_mark_in_its_place(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(cli, "app", lambda: console.say("3 – 4"))
    cli.main()
    shown.flush()
    assert shown.buffer.getvalue() == b"3 ? 4\n"


@pytest.fixture
def terminal(monkeypatch):
    """What standard error shows where it is a terminal."""
    shown = io.StringIO()
    monkeypatch.setattr(console, "err", console.Console(file=shown, force_terminal=True, width=100))
    return shown


def test_a_terminal_shows_before_anything_is_imported_that_a_command_works(terminal, capsys):
    seen = []

    def command() -> None:
        seen.append(terminal.getvalue())
        console.say("Done.")
        seen.append(terminal.getvalue())

    common_options.working(command)(quiet=False)
    assert "Loading the program" in seen[0]
    assert seen[1] == terminal.getvalue()  # gone before the line, and not back afterwards
    assert capsys.readouterr().out == "Done.\n"


def test_progress_takes_the_first_signs_place_and_moves_by_itself(terminal):
    def command() -> None:
        with console.bar():
            began = len(terminal.getvalue())
            wait_until(lambda: len(terminal.getvalue()) > began)

    common_options.working(command)(quiet=False)


@pytest.mark.parametrize(("quiet", "rank"), [(True, "0"), (False, "1")])
def test_neither_a_quiet_command_nor_another_rank_shows_a_sign(terminal, monkeypatch, quiet, rank):
    monkeypatch.setenv("LOCAL_RANK", rank)
    common_options.working(lambda: None)(quiet=quiet)
    assert terminal.getvalue() == ""


def test_the_sign_goes_where_a_command_fails(terminal):
    def command() -> None:
        message = "There is no CT: give one."
        raise UserError(message)

    with pytest.raises(UserError):
        common_options.working(command)(quiet=False)
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is empty again
