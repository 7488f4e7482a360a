import importlib.util
import json

import pytest
from support.archive_cases import free_port
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.pacs import config, config_file, example_config

TOML_LINES = [line for line in example_config.TOML.splitlines() if "page = false" not in line]


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "pacs.toml"
    path.write_text(example_config.TOML.replace('"livertumorseg-pacs"', '"pacs"'))
    return path


@pytest.fixture
def service(tmp_path):
    service = PacsService(tmp_path)
    service.take(*series("1.2.3333"))
    return service


def test_the_example_is_a_configuration(run, tmp_path):
    code, text, _ = run("pacs", "example")
    (tmp_path / "pacs.toml").write_text(text)
    read = config_file.read(tmp_path / "pacs.toml")
    assert code == 0
    assert read.folder == tmp_path / "livertumorseg-pacs"
    assert read.limits == config.Limits()


def test_what_the_example_leaves_out_is_as_it_says(tmp_path):
    """Every line that is commented out as an assignment is the default, or may stand there."""
    lines = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in TOML_LINES]
    wanted = "\n".join(lines).replace("[send.dicom]", "[gone]", 1)
    whole = without(wanted, "[gone]")
    (tmp_path / "pacs.toml").write_text(whole.partition("[share]")[0])
    read = config_file.read(tmp_path / "pacs.toml")
    defaults = {name: field.default for name, field in config.Limits.model_fields.items()}
    assert read.limits.model_dump() == defaults
    assert read.receive.quiet_seconds == config.Receive.model_fields["quiet_seconds"].default
    assert read.watch.every_seconds == config.Watch.model_fields["every_seconds"].default
    (tmp_path / "pacs.toml").write_text(whole.partition("[receive]")[0] + whole[whole.index("[watch]\n") :])
    assert config_file.read(tmp_path / "pacs.toml").share is not None


def without(text, section):
    """A text without a section of it."""
    before, _, after = text.partition(section)
    return before + after[after.index("\n[") :]


def test_status_shows_a_service_that_does_not_run(run, toml, service):
    code, text, _ = run("pacs", "status", "--config", toml)
    assert code == 0
    assert "receiving" in text
    assert "1 receiving." in text
    assert "The service does not run: its series go on when it starts again." in " ".join(text.split())
    assert "3333" not in text


def test_status_says_that_a_service_runs(run, toml, service):
    with service.folder.locked():
        assert "The service runs." in run("pacs", "status", "--config", toml)[1]
        assert json.loads(run("pacs", "status", "--config", toml, "--json")[1])["running"] is True


def test_status_is_there_for_programs(run, toml, service):
    code, text, _ = run("pacs", "status", "--config", toml, "--json")
    assert code == 0
    assert [series["images"] for series in json.loads(text)["series"]] == [12]
    assert json.loads(text)["running"] is False


def test_status_of_a_queue_that_is_damaged_is_a_sentence(run, toml, service):
    service.queue.close()
    content = bytearray(service.folder.queue.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    service.folder.queue.write_bytes(content)
    code, _, error = run("pacs", "status", "--config", toml)
    assert code == 3
    assert "node.sqlite" in error
    assert len(error.strip().split(". ")) == 1


def test_status_before_the_first_start_is_a_sentence(run, toml):
    code, _, error = run("pacs", "status", "--config", toml)
    assert code == 3
    assert "the service has not run yet" in " ".join(error.split())


def test_a_series_that_failed_is_tried_again(run, toml, service):
    service.queue.failed(1, "why")
    assert run("pacs", "retry", "1", "--config", toml)[:2] == (0, "Job 1 is waiting again.\n")
    code, _, error = run("pacs", "retry", "1", "--config", toml)
    assert code == 3
    assert "Job 1 has not failed" in error


def test_a_configuration_can_be_tried(run, toml):
    exposed = toml.read_text().replace('address = "127.0.0.1"        # of', 'address = "0.0.0.0"        # of')
    toml.write_text(exposed.replace("port = 104", f"port = {free_port()}"))
    code, text, error = run("pacs", "check", "--config", toml)
    assert code == 3
    assert "Receives CT as LIVERTUMORSEG" in text
    assert "The model: unet-lits, on " in text
    assert "Warning: any machine that calls itself SCANNER is served" in " ".join(text.split())
    assert "cannot be used: it cannot be connected to." in text
    assert "1 part of the configuration cannot be used" in " ".join(error.split())
    assert not (toml.parent / "pacs").exists()


def test_a_service_needs_its_configuration(run):
    code, _, error = run("pacs")
    assert code == 3
    assert "give --config pacs.toml" in " ".join(error.split())


def test_missing_packages_are_named(run, toml, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "LiverTumorSegLib.core.optional_packages.find_spec", lambda name: None if name == "pynetdicom" else found(name)
    )
    code, _, error = run("pacs", "--config", toml)
    assert code == 3
    assert "(pynetdicom): pip install 'livertumorseg[pacs]'" in " ".join(error.split())


def test_other_commands_do_not_load_what_the_service_needs():
    import subprocess
    import sys

    loaded = "import sys, LiverTumorSegLib.apps.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydicom", "pynetdicom", "aiohttp", "highdicom", "LiverTumorSegLib.apps.pacs.service"}.isdisjoint(modules)
    assert cli.__name__ in modules
