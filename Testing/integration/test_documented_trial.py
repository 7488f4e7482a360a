"""A trial by the commands that the documentation prints, as they stand there, with small models in place of ours.

Other programs that the pages name, such as pip and docker, are left out by name.
"""

import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from support import dicom_slices
from support.archive_cases import TITLE, free_port
from support.click_cases import save_click_model
from support.cohort_cases import save, save_cohort
from support.document_tables import PAGES
from support.documented_commands import commands, of_program
from support.models import describe
from support.nnunet_models import write_banded_model
from support.repository import PYTHON_PATH, SUPPORT
from support.waiting import PATIENCE, wait_until

from LiverTumorSegLib import networks
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description

pytest.importorskip("highdicom", reason="needs highdicom: pip install livertumorseg[dicom]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

ON_THE_COMMAND_LINE, BESIDE_A_PACS = PAGES / "command-line.md", PAGES / "pacs.md"
OTHERS = {
    "pip",
    "docker",
    "openssl",
    "chmod",
    "useradd",
    "python3",
    "/opt/livertumorseg/bin/pip",
    "mkdir",
    "createuser",
}
OTHERS |= {"createdb"}
"""Programs that the pages name beside this one and pynetdicom's."""

OUTPUTS = ("-o", "--report")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder of a user who has what the pages speak of; models of its own hide those that ship."""
    models = tmp_path / "models"
    torch.manual_seed(0)
    description = describe()
    known = {name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")}
    network = networks.create("unet", 1, 3, **description.network.options)
    model_folder.save(models / "unet-lits", network, lambda d: f"# {d.title}\n", **known)
    save_click_model(models / "lesion-click")
    for name, structure, edge in (
        ("LIVER", "liver", 40),
        ("LESIONS", "lesion", -30),
        ("VESSELS", "liver_vessels", 130),
        ("SEGMENTS", "liver_segment_1", 130),
    ):
        folder, spacing = models / name, (9.0, 6.0, 6.0)
        write_banded_model(folder, ["background", structure], [edge], name=name.lower(), spacing_mm=spacing)
    work = tmp_path / "work"
    save_cohort(work / "FOLDER", 2)
    write_series(work / "SERIES")
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(models))
    monkeypatch.chdir(work)
    return work


def write_series(folder):
    """A DICOM series of a phantom."""
    made = phantom.create((12, 48, 48), (15.0, 8.0, 8.0), lesions=1)
    slices = dicom_slices.plain("1.2.777.5", count=12)
    for number, (one, plane) in enumerate(zip(slices, made.volume.axial.of(made.volume.voxels), strict=True)):
        dicom_slices.store(one, plane)
        one.RescaleIntercept, one.PixelSpacing, one.SliceThickness = 0, [8, 8], 4
        one.ImagePositionPatient = [0, 0, 15 * number]
    dicom_slices.write(slices, folder)


def of_page(page):
    """What the page has of this program, and that all else is of programs that are known."""
    printed = list(commands(page))
    unknown = {words[0] for words in printed if of_program(words) is None} - OTHERS
    assert unknown <= {"python"}, f"{page.name} names programs that no test knows"
    return [words for words in printed if of_program(words) is not None]


def ready(words):
    """Put away what an earlier command of the page wrote under the same names."""
    for option, name in pairwise(words):
        if option in OUTPUTS and name != "OUT" and Path(name).exists():
            shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()


def test_what_the_page_of_the_command_line_prints_runs_as_it_stands(place, run):
    printed = [of_program(words) for words in of_page(ON_THE_COMMAND_LINE)]
    assert {words[0] for words in printed} >= {"segment", "segment-cohort", "lesions", "phantom"}
    for words in sorted(printed, key=lambda words: words[0] != "phantom"):  # the CT of all others
        ready(words)
        code, said, complained = run(*words)
        assert (code, "error" in complained) == (0, False), f"{words}: {complained}"
        last = said.splitlines()[-1]
        assert "Wrote " in last
        assert all(name in last for option, name in pairwise(words) if option in OUTPUTS)
        if words[0] == "phantom":
            save(
                place / "ct.nii.gz", phantom.create((24, 64, 64), (9.0, 6.0, 6.0), seed=3).volume
            )  # as large, in seconds
    assert sorted(path.name for path in (place / "DIR").iterdir()) == ["measurements.dcm", "segmentation.dcm"]
    assert (place / "report" / "report.html").is_file()


def changed(configuration, port, archive):
    """The example as a user changes it who has an Orthanc on this machine and sends with storescu."""
    for old, new in (
        ("port = 11112", f"port = {port}"),
        ('ae_title = "SCANNER"', 'ae_title = "STORESCU"'),
        ("# quiet_seconds = 30 ", "quiet_seconds = 3 "),
        ("fewest_images = 20", "fewest_images = 10"),
        ('ae_title = "PACS"', f'ae_title = "{TITLE}"'),
        ("port = 104", f"port = {archive.dicom}"),
    ):
        assert configuration.count(old) == 1, old
        configuration = configuration.replace(old, new)
    return configuration


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_what_the_page_beside_a_pacs_prints_runs_as_it_stands(place, run, archive):
    example, check, start, status, retry, *_ = of_page(BESIDE_A_PACS)
    (send,) = [words for words in commands(BESIDE_A_PACS) if "storescu" in words]
    port = free_port()
    assert example[-2:] == [">", "pacs.toml"]
    code, printed, _ = run(*of_program(example))
    Path(example[-1]).write_text(changed(printed, port, archive), encoding="utf-8")
    code, said, complained = run(*of_program(check))
    assert (code, "Everything can be used." in said) == (0, True), complained
    assert run(*of_program(status))[0] == 3, "it has not run yet"

    light = [sys.executable, str(SUPPORT / "pacs_program.py"), *of_program(start)]
    log = place / "log.txt"
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH, "STAND_IN_LOG": str(place / "asked.txt")}
    with log.open("wb") as printed:
        service = subprocess.Popen(light, env=environment, stdout=printed, stderr=printed)
    try:
        wait_until(lambda: "the service is ready" in log.read_text() or service.poll() is not None)
        words = [sys.executable, *((word != "11112" and word) or str(port) for word in send[1:])]
        subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE)
        wait_until(lambda: "done" in run(*of_program(status))[1] or service.poll() is not None)
        assert sorted(one.Modality for one in archive.data_sets()) == ["SEG", "SR"], log.read_text()
        code, _, complained = run(*of_program(retry))
        assert (code, "There is no job 12: livertumorseg pacs status lists the jobs." in complained) == (3, True)
    finally:
        service.terminate()
        service.wait(PATIENCE)
