"""A series goes from dcmtk into a real service, and its result into a real archive, whatever else comes along."""

import csv
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from support import archive_cases, dicom_slices
from support.archive_cases import free_port, running
from support.dicom_object_cases import dciodvfy
from support.models import describe
from support.pacs_cases import dcmtk
from support.pacs_process import PacsProcess

from LiverTumorSegLib import networks
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models.description import Description

highdicom = pytest.importorskip("highdicom", reason="needs highdicom: pip install livertumorseg[dicom]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

PATIENT = "Some^One"
IMAGES = 12
ROOT = "1.2.777"
"""What UIDs of these tests begin with, and nothing else in a log does."""


@pytest.fixture(scope="module")
def thresholds_folder(tmp_path_factory):
    """A saved U-Net whose weights pass a voxel on to the end, so that labels follow from the voxels alone.

    Liver is what is above 60 HU, a lesion above 140 HU; of the series here that is a block of it.
    """
    spec = describe().network
    network = networks.create(spec.name, 1, 3, **spec.options)
    with torch.no_grad():
        for name, weights in network.named_parameters():
            weights.zero_()
            if name.startswith(("body.conv_0.", "body.upcat_1.convs.")):
                if name.endswith("conv.weight"):
                    weights[0, 0, 1, 1] = 1
                elif name.endswith("N.weight"):
                    weights.fill_(1)
        network.body.final_conv.weight[:, 0, 0, 0] = torch.tensor([0.0, 20.0, 60.0])
        network.body.final_conv.bias[:] = torch.tensor([0.0, -10.0, -46.0])
    fields = {name: getattr(describe(), name) for name in Description.model_fields if name not in ("weights", "format")}
    folder = tmp_path_factory.mktemp("model") / "thresholds"
    model.save(folder, network, lambda d: f"# {d.title}\n", **fields)
    return folder


def series(folder, uid="1", keep=lambda number: True, **changes):
    """The files of a CT series of today's, as far as they are kept; others lie beside them."""
    made = dicom_slices.plain(f"{ROOT}.{uid}", count=IMAGES)
    for one in made:
        one.StudyDate, one.StudyInstanceUID = f"{date.today():%Y%m%d}", f"{ROOT}.0.{uid}"
        for keyword, value in changes.items():
            setattr(one, keyword, value)
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    return dicom_slices.write([one for number, one in enumerate(made) if keep(number)], folder)


@pytest.fixture
def started(tmp_path):
    """Start a service that lives until the test ends, with a real worker where it is given a model's folder."""
    made = []

    def start(send, more, model=None):
        if model:
            more += f'\n[segment]\nmodel = "{model}"\ndevice = "cpu"'
            service = PacsProcess(tmp_path, send, more, program=("-m", "LiverTumorSegLib.apps.cli"))
        else:
            service = PacsProcess(tmp_path, send, more)
        made.append(service)
        service.start(OMP_NUM_THREADS="1")
        service.ready()
        return service

    yield start
    for service in made:
        service.kill()


def storescu(service, *files, calling="SCANNER", options=()):
    return dcmtk("storescu", "-aet", calling, "-aec", "LIVERTUMORSEG", *options, "127.0.0.1", service.port, *files)


def by_command(folder, series_folder, model_folder, run):
    """The labels and the report folder of `livertumorseg segment` on the same series."""
    labels, report = folder / "labels.nii.gz", folder / "report"
    words = ["-m", model_folder, "--device", "cpu", "--force", "--report", report]
    code, _, said = run("segment", series_folder, "-o", labels, *words)
    assert code == 0, said
    return sitk.ReadImage(str(labels)), report


def by_dcmqi(file, folder, reference):
    """The voxels of a DICOM Segmentation on a grid, by the places that another library gives them."""
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent)) or shutil.which(
        "segimage2itkimage"
    )
    if program is None:
        pytest.skip("needs dcmqi: pip install dcmqi")
    command = [program, "--inputDICOM", file, "--outputDirectory", folder, "--outputType", "nrrd", "--mergeSegments"]
    subprocess.run(command, check=True, capture_output=True, timeout=archive_cases.PATIENCE)
    found = sitk.Resample(
        sitk.ReadImage(str(folder / "1.nrrd")), reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0
    )
    return sitk.GetArrayFromImage(found)


def volumes(report):
    """The volume of the liver and of each lesion in ml, as highdicom reads a report."""
    content = highdicom.sr.srread(report).content
    groups = [*content.get_image_measurement_groups(), *content.get_volumetric_roi_measurement_groups()]
    volume = highdicom.sr.CodedConcept("118565006", "SCT", "Volume")
    return {
        group.tracking_identifier: measured.value for group in groups for measured in group.get_measurements(volume)
    }


def stored(archive, folder):
    """The files of the objects that an archive holds besides CT, by modality."""
    found = {}
    for one in archive.data_sets():
        if one.Modality != "CT":
            assert one.Modality not in found, "more than one result"
            found[one.Modality] = folder / f"{one.Modality}.dcm"
            one.save_as(found[one.Modality])
    return found


def assert_result(found, sent, folder, model_folder, run):
    """What the archive holds says the same as the command line on the same series, by other libraries' reading."""
    assert sorted(found) == ["SEG", "SR"]
    assert [dciodvfy(file) for file in found.values()] == [[], []]
    reference, report = by_command(folder, sent, model_folder, run)
    voxels, expected = by_dcmqi(found["SEG"], folder, reference), sitk.GetArrayFromImage(reference)
    np.testing.assert_array_equal(np.minimum(voxels, 2), expected)
    assert np.all(expected[:, 8:11, 5:9] == 2)
    (patient,) = csv.DictReader((report / "patient.csv").open(encoding="utf-8"))
    lesions = list(csv.DictReader((report / "lesions.csv").open(encoding="utf-8")))
    assert len(lesions) == 1
    stated = {"Liver with its lesions": patient["liver_ml"]} | {
        f"Lesion {one['number']}": one["volume_ml"] for one in lesions
    }
    assert volumes(found["SR"]) == {name: float(ml) for name, ml in stated.items()}
    source = pydicom.dcmread(next(sent.iterdir()))
    for file in found.values():
        one = pydicom.dcmread(file)
        assert (one.PatientName, one.StudyInstanceUID) == (source.PatientName, source.StudyInstanceUID)


def assert_no_identifiers(log):
    for secret in (PATIENT, "Some", ROOT, "series 1", "slice-"):
        assert secret not in log


def to_peer(port):
    return f'[send.dicom]\nae_title = "{archive_cases.TITLE}"\naddress = "127.0.0.1"\nport = {port}'


def test_a_series_comes_out_as_objects_whatever_else_comes_in(
    started,
    archive,
    thresholds_folder,
    tmp_path,
    run,
):
    service = started(to_peer(archive.dicom), "image_mb = 1", thresholds_folder)
    sent = series(tmp_path / "sent")
    assert storescu(service, *sent, calling="STRANGER").returncode != 0
    service.until(lambda: "“STRANGER” at 127.0.0.1 was rejected: it is not listed" in service.text())

    large = pydicom.dcmread(sent[0])
    dicom_slices.store(large, np.zeros((2000, 2000), np.uint16))
    large.save_as(tmp_path / "large.dcm")
    assert storescu(service, tmp_path / "large.dcm").returncode != 0
    service.until(lambda: "sent an image of more than 1 MB: its association was ended" in service.text())

    other = series(tmp_path / "mr", "2", SOPClassUID=pydicom.uid.MRImageStorage)
    assert storescu(service, *other, options=["-R"]).returncode != 0
    service.until(lambda: "only what is not taken here (MR Image Storage)" in service.text())
    storescu(service, *series(tmp_path / "disguised", "3", Modality="MR"))
    service.until(lambda: "was refused: it is not a CT image" in service.text())

    broken = pydicom.dcmread(sent[0])
    broken.PixelData = broken.PixelData[:100]
    broken.save_as(tmp_path / "broken.dcm")
    storescu(service, tmp_path / "broken.dcm")
    service.until(lambda: "was refused: it is damaged" in service.text())
    assert service.states() == []

    storescu(service, *series(tmp_path / "gap", "4", lambda number: number != 5))
    service.until(lambda: service.states() == [(1, "failed")])
    assert storescu(service, *sent).returncode == 0
    service.until(lambda: service.states() == [(1, "failed"), (2, "done")])
    assert_result(stored(archive, tmp_path), tmp_path / "sent", tmp_path, thresholds_folder, run)
    assert_no_identifiers(service.text())
    assert service.end() == 128 + 15


def test_a_watched_archive_that_comes_back_gets_its_results(started, tmp_path):
    ports = {"http": free_port(), "dicom": free_port()}
    web = f'url = "http://127.0.0.1:{ports["http"]}/dicom-web"'
    watch = f"[watch]\n{web}\nevery_seconds = 0.3\nquiet_seconds = 3"
    service = started(f"[send.web]\n{web}", f"longest_retry_seconds = 0.5\n{watch}")
    service.until(lambda: "is asked again later" in service.text())
    files = series(tmp_path / "sent")
    with running(tmp_path / "orthanc", **ports) as late:
        late.store(*files)
        service.until(lambda: "waits to be segmented" in service.text())
    service.until(lambda: (1, "sending") in service.states() and "will be sent again" in service.text())
    with running(tmp_path / "orthanc", **ports) as late:
        service.until(lambda: service.states() == [(1, "done")])
        assert sorted(stored(late, tmp_path)) == ["SEG", "SR"]
    assert service.states() == [(1, "done")]
    assert_no_identifiers(service.text())
