"""The container file's steps work as a script, and what lies beside it fits together.

No container engine is needed, and none is asked: the image itself is not built here.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support.archive_cases import running
from support.pacs_cases import series
from support.repository import ROOT
from support.waiting import wait_until

from LiverTumorSegLib.apps.pacs import config_check, config_file

yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install livertumorseg[train]")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

CONTAINER = ROOT / "Resources" / "Container"
SERVICES = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
ORTHANC = json.loads((CONTAINER / "orthanc.json").read_text())


def copied():
    """What the container file copies out of the repository, and where to."""
    for line in (CONTAINER / "Containerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            *sources, target = line.split()[1:]
            yield sources, target


def test_what_is_copied_is_there_and_is_not_left_out_of_the_context():
    left_in = {
        line[1:] for line in (CONTAINER / "Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    }
    sources = {source for found, _ in copied() for source in found}
    assert sources == left_in
    assert all((ROOT / source).exists() for source in sources)


def test_the_steps_install_the_service_from_what_is_copied(tmp_path):
    """All but the download of packages, which are those of this environment."""
    for sources, target in copied():
        for source in sources:
            into = tmp_path / target.strip("/") / (Path(source).name if target.endswith("/") else "")
            into.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, into)
    here = sysconfig.get_path("purelib")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": here}
    environment["PIP_OPTIONS"] = "--no-deps --no-build-isolation --no-index --no-compile --quiet"
    words = ["sh", "source/install.sh", tmp_path / "source", tmp_path / "opt" / "livertumorseg"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (installed,) = tmp_path.glob("opt/livertumorseg/lib/python*/site-packages/LiverTumorSegLib")
    assert (installed / "apps" / "pacs" / "templates" / "pacs.html").is_file()


def test_the_service_has_no_rights_and_a_root_that_it_cannot_write_to():
    service = SERVICES["livertumorseg"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service
    assert re.search(r"^USER 10001:10001$", (CONTAINER / "Containerfile").read_text(), re.MULTILINE)
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["orthanc"]["ports"])


def test_every_file_that_is_mounted_is_there_and_cannot_be_changed():
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service["volumes"] if mount[0] == "."]
    assert len(mounts) == 3
    for source, _, mode in mounts:
        assert (CONTAINER / source).is_file()
        assert mode == "ro"


def test_the_service_and_its_archive_know_each_other():
    config = config_file.read(CONTAINER / "pacs.toml")
    assert not [one for one in config_check.configuration_sentences(config) if one.startswith("Warning")]
    receive, peer = config.receive, config.send.dicom
    assert ORTHANC["DicomModalities"]["livertumorseg"] == [receive.ae_title, "livertumorseg", receive.port]
    assert (peer.ae_title, peer.address, peer.port) == (ORTHANC["DicomAet"], "orthanc", ORTHANC["DicomPort"])
    assert [(one.ae_title, one.address) for one in receive.senders] == [(ORTHANC["DicomAet"], "orthanc")]
    assert {"orthanc", "livertumorseg"} == set(SERVICES)
    assert str(config.folder).startswith("/var/lib/livertumorseg/")


def test_orthanc_takes_its_configuration_and_its_script_sends_what_is_stored(tmp_path):
    places = {"DicomPort", "HttpPort", "StorageDirectory", "LuaScripts", "RemoteAccessAllowed", "StableAge"}
    options = {name: value for name, value in ORTHANC.items() if name not in places}
    with running(tmp_path, **options, LuaScripts=[str(CONTAINER / "to-livertumorseg.lua")]) as archive:
        assert "livertumorseg" in json.loads(archive.ask("/modalities"))
        archive.store(*series(tmp_path / "sent"))
        wait_until(lambda: json.loads(archive.ask("/jobs")) != [])
        (job,) = (json.loads(archive.ask(f"/jobs/{name}")) for name in json.loads(archive.ask("/jobs")))
    assert (job["Type"], job["Content"]["RemoteAet"]) == ("DicomModalityStore", "LIVERTUMORSEG")
