"""Sessions reach listed archives alone, which get results and nothing else; what goes wrong is one sentence."""

import asyncio
import json

import pydicom
import pytest
from support import dicom_slices
from support.archive_cases import free_port
from support.pacs_sending import held, objects

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

from LiverTumorSegLib.apps.pacs.archive_list import ListedArchive
from LiverTumorSegLib.apps.web.server.archives import SessionArchives

__all__ = ["objects"]


def listed(name="Research", **ends):
    return ListedArchive.model_validate({"name": name} | ends)


def both(archive):
    peer = {"ae_title": "ORTHANC", "address": "127.0.0.1", "port": archive.dicom}
    return listed(search={"web": {"url": archive.web}}, send={"dicom": peer})


def moving(archive):
    """The archive as one that sends by C-MOVE, which knows where to."""
    place = {"AET": "LIVERTUMORSEG", "Host": "127.0.0.1", "Port": free_port()}
    archive.ask("/modalities/livertumorseg", "PUT", json.dumps(place).encode())
    return listed(search={"dicom": both(archive).send.dicom, "move": {"port": place["Port"]}})


def asked(archives, folder, *questions):
    """The last message to each of a session's questions, one after another."""
    served = SessionArchives(archives, most_bytes=1 << 20)

    async def ask():
        answers = []
        for number, (do, chosen) in enumerate(questions):
            heard = asyncio.Queue()
            served.take("s", folder, {"archive": number, "do": do, "with": chosen}, heard.put_nowait)
            message = await heard.get()
            while "says" in message:
                message = await heard.get()
            assert message.pop("archive") == number
            answers.append(message)
        await served.drop("s")
        return answers

    return asyncio.run(asyncio.wait_for(ask(), 60))


@pytest.fixture
def filled(archive, tmp_path):
    """The archive with a CT series of three images."""
    archive.store(*dicom_slices.write(dicom_slices.plain(count=3), tmp_path / "sent"))
    return archive


@pytest.fixture
def result(objects, tmp_path):
    """A session's folder with a result in it."""
    place = tmp_path / "session" / "objects" / "made"
    place.mkdir(parents=True)
    for file, name in zip(objects, ("segmentation.dcm", "measurements.dcm"), strict=True):
        (place / name).write_bytes(file.read_bytes())
    return tmp_path / "session"


@pytest.mark.parametrize("way", [both, moving])
def test_a_study_is_found_and_fetched_into_the_sessions_uploads(filled, tmp_path, caplog, way):
    found, series, fetched = asked(
        [way(filled)],
        tmp_path,
        ("search", {"at": 0, "name": "Some"}),
        ("series", {"at": 0, "study": "1.2.9"}),
        ("fetch", {"at": 0, "study": "1.2.9", "series": "1.2.3", "modality": "CT", "into": "batch"}),
    )
    assert [study["name"] for study in found["result"]["studies"]] == ["Some^One"]
    assert found["result"]["more"] is False
    assert [one["series"] for one in series["result"]["series"]] == ["1.2.3"]
    assert fetched == {"result": {"objects": 3}}
    files = sorted((tmp_path / "uploads" / "batch").iterdir())
    assert [file.name for file in files] == ["00001.dcm", "00002.dcm", "00003.dcm"]
    assert {pydicom.dcmread(file).SeriesInstanceUID for file in files} == {"1.2.3"}
    assert not any(word in caplog.text for word in ("Some", "1.2.9", "1.2.3"))


def test_a_result_is_sent_once(archive, result):
    chosen = {"at": 0, "folder": "made"}
    assert asked([both(archive)], result, ("send", chosen), ("send", chosen)) == [{"result": {"sent": 2}}] * 2
    assert held(archive) == ["1.2.3.100.1", "1.2.3.101.1"]


def test_what_is_no_result_is_not_sent(archive, result):
    place = result / "objects" / "made"
    dicom_slices.write(dicom_slices.plain(count=1), place)[0].rename(place / "segmentation.dcm")
    (said,) = asked([both(archive)], result, ("send", {"at": 0, "folder": "made"}))
    assert said["error"] == "The result's DICOM objects are gone: send it again."
    assert held(archive) == []


@pytest.mark.parametrize("folder", ["../made", "..", "", "/etc", 3, None])
def test_no_folder_but_a_sessions_own_is_read_or_written(archive, result, folder):
    sent, fetched = asked(
        [both(archive)],
        result,
        ("send", {"at": 0, "folder": folder}),
        ("fetch", {"at": 0, "study": "1.2.9", "series": "1.2.3", "modality": "CT", "into": folder}),
    )
    assert sent["error"] == fetched["error"] == "That folder is not one of a session: load the page again."


@pytest.mark.parametrize(
    ("do", "chosen", "words"),
    [
        ("search", {"at": 1, "name": "A"}, "There is no such archive"),
        ("search", {"at": -1, "name": "A"}, "There is no such archive"),
        ("search", {"at": True, "name": "A"}, "There is no such archive"),
        ("delete", {"at": 0}, "There is no such archive"),
        ("search", None, "There is no such archive"),
        ("search", {"at": 0}, "Give a name"),
        ("series", {"at": 0, "study": "../studies"}, "not a valid DICOM UID"),
        ("fetch", {"at": 0, "study": "1.2", "series": "1.3", "modality": "MR", "into": "b"}, "Only CTs and results"),
        ("search", {"at": 0, "name": "A"}, "The archive “Research” cannot be used now: it cannot be connected to."),
        ("send", {"at": 0, "folder": "made"}, "The archive “Research” cannot be used now: it cannot be connected to."),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(result, do, chosen, words):
    down = free_port()
    peer = {"ae_title": "ORTHANC", "address": "127.0.0.1", "port": down}
    archive = listed(search={"web": {"url": f"http://127.0.0.1:{down}/dicom-web"}}, send={"dicom": peer})
    (said,) = asked([archive], result, (do, chosen))
    assert words in said["error"]
    assert said["error"].count(". ") == 0


def test_an_archive_is_used_for_what_it_is_listed_for_alone(result):
    search, send = (
        listed(search={"web": {"url": "http://127.0.0.1:9"}}),
        listed(send={"web": {"url": "http://127.0.0.1:9"}}),
    )
    sent, searched, cards = asked(
        [search, send], result, ("send", {"at": 0, "folder": "made"}), ("search", {"at": 1, "name": "A"}), ("list", {})
    )
    assert "Nothing can be sent to “Research”" in sent["error"]
    assert "only takes results and cannot be searched" in searched["error"]
    assert [(one["search"], one["send"]) for one in cards["result"]["archives"]] == [(True, False), (False, True)]


def test_a_session_is_told_nothing_of_addresses_and_files_of_passwords(result, tmp_path):
    web = {"url": "http://127.0.0.1:9/secret", "user": "secret-user", "password_file": str(tmp_path / "secret.txt")}
    answers = asked([listed(search={"web": web})], result, ("list", {}), ("search", {"at": 0, "name": "A"}))
    assert "secret" not in str(answers)
    assert "not set up correctly: tell whoever started the program" in answers[1]["error"]


def test_a_series_that_is_larger_than_a_session_may_hold_is_refused(filled, tmp_path):
    served, heard = SessionArchives([both(filled)], most_bytes=1000), []
    chosen = {"at": 0, "study": "1.2.9", "series": "1.2.3", "modality": "CT", "into": "b"}

    async def ask():
        served.take("s", tmp_path, {"archive": 0, "do": "fetch", "with": chosen}, heard.append)
        while not heard:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(ask(), 60))
    assert heard[-1]["error"] == "The series is larger than a session may hold: choose another."


def test_a_session_that_ends_gets_no_answer_and_its_folder_nothing_more(filled, tmp_path):
    served, heard = SessionArchives([both(filled)]), []
    chosen = {"at": 0, "study": "1.2.9", "series": "1.2.3", "modality": "CT", "into": "b"}

    async def ask():
        served.take("s", tmp_path, {"archive": 0, "do": "fetch", "with": chosen}, heard.append)
        served.take("s", tmp_path, {"archive": 1, "do": "search", "with": {"at": 0, "name": "A"}}, heard.append)
        served.take("s", tmp_path, {"archive": 0, "cancel": True}, heard.append)
        await served.drop("s")

    asyncio.run(asyncio.wait_for(ask(), 60))
    assert [message.get("archive") for message in heard] == [1]
    assert "still answering the last question" in heard[0]["error"]
    assert not (tmp_path / "uploads").exists()
