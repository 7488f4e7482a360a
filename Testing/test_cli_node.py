import importlib.util
import json

import pytest
from archive_cases import free_port
from node_core_cases import Node, series

from LiverTumorSegLib import cli
from LiverTumorSegLib.node import config, example

TOML_LINES = [line for line in example.TOML.splitlines() if "page = false" not in line]


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(example.TOML.replace('"livertumorseg-node"', '"node"'))
    return path


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    node.take(*series("1.2.3333"))
    return node


def test_the_example_is_a_configuration(run, tmp_path):
    code, text, _ = run("node", "example")
    (tmp_path / "node.toml").write_text(text)
    read = config.read(tmp_path / "node.toml")
    assert code == 0
    assert read.folder == tmp_path / "livertumorseg-node"
    assert read.limits == config.Limits()


def test_what_the_example_leaves_out_is_as_it_says(tmp_path):
    """Every line that is commented out as an assignment is the default, or may stand there."""
    lines = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in TOML_LINES]
    wanted = "\n".join(lines).replace("[send.dicom]", "[gone]", 1)
    whole = without(wanted, "[gone]")
    (tmp_path / "node.toml").write_text(whole.partition("[share]")[0])
    read = config.read(tmp_path / "node.toml")
    defaults = {name: field.default for name, field in config.Limits.model_fields.items()}
    assert read.limits.model_dump() == defaults
    assert read.receive.quiet_seconds == config.Receive.model_fields["quiet_seconds"].default
    assert read.watch.every_seconds == config.Watch.model_fields["every_seconds"].default
    (tmp_path / "node.toml").write_text(whole.partition("[receive]")[0] + whole[whole.index("[watch]\n") :])
    assert config.read(tmp_path / "node.toml").share is not None


def without(text, section):
    """A text without a section of it."""
    before, _, after = text.partition(section)
    return before + after[after.index("\n[") :]


def test_status_shows_a_node_that_does_not_run(run, toml, node):
    code, text, _ = run("node", "status", "--config", toml)
    assert code == 0
    assert "receiving" in text
    assert "1 receiving." in text
    assert "The node does not run: its series go on when it starts again." in " ".join(text.split())
    assert "3333" not in text


def test_status_says_that_a_node_runs(run, toml, node):
    with node.folder.locked():
        assert "The node runs." in run("node", "status", "--config", toml)[1]
        assert json.loads(run("node", "status", "--config", toml, "--json")[1])["running"] is True


def test_status_is_there_for_programs(run, toml, node):
    code, text, _ = run("node", "status", "--config", toml, "--json")
    assert code == 0
    assert [series["images"] for series in json.loads(text)["series"]] == [12]
    assert json.loads(text)["running"] is False


def test_status_of_a_queue_that_is_damaged_is_a_sentence(run, toml, node):
    node.queue.close()
    content = bytearray(node.folder.queue.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    node.folder.queue.write_bytes(content)
    code, _, error = run("node", "status", "--config", toml)
    assert code == 3
    assert "node.sqlite" in error
    assert len(error.strip().split(". ")) == 1


def test_status_before_the_first_start_is_a_sentence(run, toml):
    code, _, error = run("node", "status", "--config", toml)
    assert code == 3
    assert "the node has not run yet" in " ".join(error.split())


def test_a_series_that_failed_is_tried_again(run, toml, node):
    node.queue.failed(1, "why")
    assert run("node", "retry", "1", "--config", toml)[:2] == (0, "Job 1 is waiting again.\n")
    code, _, error = run("node", "retry", "1", "--config", toml)
    assert code == 3
    assert "Job 1 has not failed" in error


def test_a_configuration_can_be_tried(run, toml):
    toml.write_text(toml.read_text().replace("port = 104", f"port = {free_port()}"))
    code, text, error = run("node", "check", "--config", toml)
    assert code == 3
    assert "Receives CT as LIVERTUMORSEG" in text
    assert "The model: unet-lits, on " in text
    assert "cannot be used: it cannot be connected to." in text
    assert "1 part of it cannot be used" in " ".join(error.split())
    assert not (toml.parent / "node").exists()


def test_a_node_needs_its_configuration(run):
    code, _, error = run("node")
    assert code == 3
    assert "give --config node.toml" in " ".join(error.split())


def test_missing_packages_are_named(run, toml, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "LiverTumorSegLib.cli.node.find_spec", lambda name: None if name == "pynetdicom" else found(name)
    )
    code, _, error = run("node", "--config", toml)
    assert code == 3
    assert "(pynetdicom): pip install 'livertumorseg[node]'" in " ".join(error.split())


def test_other_commands_do_not_load_what_the_node_needs():
    import subprocess
    import sys

    loaded = "import sys, LiverTumorSegLib.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydicom", "pynetdicom", "aiohttp", "highdicom", "LiverTumorSegLib.node.serving"}.isdisjoint(modules)
    assert cli.__name__ in modules
