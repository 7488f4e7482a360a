"""Attacks on a running service: by C-STORE, and with what its page then shows."""

import http.client
import re
import stat
import sys
from io import BytesIO
from urllib.parse import urlsplit

import pydicom
import pytest
from support.archive_cases import free_port
from support.pacs_cases import images, make_service, until
from support.pacs_core_cases import series
from support.pacs_process import PacsProcess, send

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
pytest.importorskip("aiohttp")
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from support.pacs_receiving import associated, receiving

__all__ = ["make_service", "receiving"]

SCRIPT = "<script>alert(1)</script>{{7-7}}"
TITLE = "<img src=x>"
PATHS = ("../../../evil", "/tmp/evil", "..", "1.2/../../evil", "..\\evil", "1.2.3\0/evil", "con")
DEPTH = 1500


def named(keyword, value):
    image = series(count=1)[0]
    setattr(image, keyword, value)
    return image


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "SOPInstanceUID", "StudyInstanceUID"])
@pytest.mark.filterwarnings("ignore")
def test_uids_that_are_paths_lead_nowhere(receiving, tmp_path, caplog, keyword):
    from pydicom import config

    service = receiving()
    before = set(tmp_path.rglob("*"))
    with config.disable_value_validation(), associated(service) as association:
        for number, uid in enumerate(PATHS, 1):
            store(association, encode(named(keyword, uid), False, True))
            until(lambda number=number: caplog.text.count(" UID is missing or not valid.") == number)
    assert set(tmp_path.rglob("*")) == before
    assert service.queue.all() == []


def store(association, content):
    """Send a data set as it is, under an honest UID."""
    message = C_STORE()
    message.MessageID, message.Priority = 1, 2
    message.AffectedSOPClassUID, message.AffectedSOPInstanceUID = pydicom.uid.CTImageStorage, "1.2.3.1"
    message.DataSet = BytesIO(content)
    association.dimse.send_msg(message, association.accepted_contexts[0].context_id)


@pytest.mark.parametrize("is_closed", [True, False])
def test_sequences_in_sequences_end_in_a_refusal_and_the_next_image_is_taken(receiving, caplog, is_closed):
    service = receiving()
    [image] = series(count=1)
    content = encode(image, False, True)
    begin = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    at = content.index(b"\x08\x00\x60\x00CS")
    with associated(service) as association:
        store(association, content[:at] + begin * DEPTH + end * DEPTH * is_closed + content[at:])
        until(lambda: "was refused: its header is damaged" in caplog.text)
    with associated(service) as association:
        assert association.send_c_store(image).Status == 0
    assert len(images(service)) == 1


def marked(uid):
    """A series with markup in every text that is shown to people anywhere."""
    made = series(uid)
    for image in made:
        image.StudyInstanceUID = f"{uid}.9"
        for keyword in (
            "PatientName",
            "PatientID",
            "SeriesDescription",
            "StudyDescription",
            "ProtocolName",
        ):
            setattr(image, keyword, SCRIPT)
    return made


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A running service that has a series segmented, and one passed by, of a sender whose title is markup."""
    to = f'[send.dicom]\nae_title = "PACS"\naddress = "127.0.0.1"\nport = {free_port()}'
    sender = f'[[receive.senders]]\nae_title = "{TITLE}"'
    made = PacsProcess(tmp_path_factory.mktemp("pacs"), to)
    made.config.write_text(made.config.read_text().replace("[send.dicom]", f"{sender}\n[send.dicom]", 1))
    try:
        made.start()
        made.ready()
        with_few = marked("1.2.44")[:3]
        assert send(made.port, marked("1.2.43"), title=TITLE) == [0] * 12
        assert send(made.port, with_few, title=TITLE) == [0] * 3
        made.until(lambda: {state for _, state in made.states()} == {"sending", "passed"})
        yield made
    finally:
        made.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_all_that_a_service_keeps_is_for_its_user_alone(service):
    kept = list((service.folder / "pacs").rglob("*"))
    assert {path.suffix for path in kept if path.is_file()} >= {".dcm", ".sqlite", ".html", ".lock"}
    for path in [service.folder / "pacs", *kept]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_markup_in_titles_and_header_fields_is_letters_on_the_page_or_not_there(service):
    address = re.search(r"http://\S+token=[\w-]+", service.text())[0]
    text = visit(address)
    assert "&lt;img src=x&gt;" in text
    assert "<img src=x>" not in text
    assert "alert(1)" not in text
    assert "{{" not in text


def visit(address):
    """The page, as a browser that was given the address gets it."""
    parts = urlsplit(address)
    machine = "127.0.0.1" if parts.hostname.endswith("localhost") else parts.hostname  # such names lead here

    def ask(path, **headers):
        connection = http.client.HTTPConnection(machine, parts.port, timeout=60)
        connection.request("GET", path, headers={"Host": parts.netloc} | headers)
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return content, answer.headers

    _, headers = ask(f"{parts.path}?{parts.query}")
    return ask("/", Cookie=headers["Set-Cookie"].partition(";")[0])[0]


@pytest.mark.parametrize("title", ["STRANGER", "scanner", "SCANNER2", "PACS", "<script>", "*"])
def test_a_title_that_is_not_listed_is_not_served(service, title):
    assert send(service.port, series("1.2.45", 1), title=title) == [None]
