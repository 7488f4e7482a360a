import io
import sys

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cli import console


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
