"""No word of a patient in what a service prints: every text and UID of what it is sent can be recognised."""

import sys

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from support.archive_cases import free_port
from support.pacs_core_cases import series
from support.pacs_process import PacsProcess, send

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")

WORD, DIGITS = "Xyzzy", "987650123"
TEXTS = """
    PatientName PatientID PatientAddress SeriesDescription StudyDescription ProtocolName AccessionNumber StudyID
    InstitutionName ReferringPhysicianName OperatorsName StationName PatientComments ImageComments Manufacturer
    DeviceSerialNumber RequestedProcedureDescription AdditionalPatientHistory
"""


def marked(uid, count=12):
    """A series in which every text and every UID can be recognised."""
    images = series(f"1.2.{DIGITS}.{uid}", count)
    for image in images:
        for keyword in TEXTS.split():
            setattr(image, keyword, WORD)
        image.BodyPartExamined = WORD.upper()
        image.StudyInstanceUID = f"1.2.{DIGITS}.9.{uid}"
        image.FrameOfReferenceUID = f"1.2.{DIGITS}.8.{uid}"
        image.file_meta.ImplementationVersionName = WORD
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return images


def broken():
    """Images that each have something wrong with them."""
    for number, (keyword, value) in enumerate(
        [
            ("Modality", WORD[:5].upper()),
            ("SeriesInstanceUID", f"1.2.{WORD}"),
            ("StudyInstanceUID", ""),
            ("PixelData", b"\0"),
            ("Rows", 0),
            ("SliceThickness", ""),
            ("SOPInstanceUID", f"1.2.0{DIGITS}"),
            ("SpecificCharacterSet", WORD),
        ]
    ):
        image = marked(50 + number, 1)[0]
        setattr(image, keyword, value)
        yield image


@pytest.mark.filterwarnings("ignore")
def test_neither_the_log_nor_the_status_names_a_patient(tmp_path, run):
    from pydicom import config

    service = PacsProcess(tmp_path, f'[send.dicom]\nae_title = "PACS"\naddress = "127.0.0.1"\nport = {free_port()}')
    with config.disable_value_validation():
        try:
            service.start()
            service.ready()
            send(service.port, marked(1))
            service.until(lambda: "will be sent again" in service.text())
            send(service.port, [marked(1, 13)[-1], *broken(), *marked(2, 3)])
            send(service.port, marked(3), title=WORD)
            service.until(lambda: "passed by" in service.text())
            shown = [run("pacs", "status", "--config", service.config, *more)[1] for more in ((), ("--json",))]
            service.end()
        finally:
            service.kill()
    assert "passed" in shown[0]
    assert "passed" in shown[1]
    told = service.text().replace(f"“{WORD}”", "the AE title")
    assert "was refused" in told
    for text in (told, *shown):
        assert WORD.lower() not in text.lower()
        assert DIGITS not in text
