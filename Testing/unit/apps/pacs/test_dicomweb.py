"""Servers of many habits are understood, and what is no answer is said to be none."""

from datetime import date, timedelta

import pytest
from support.pacs_cases import make_service
from support.pacs_watching import answer, look_twice, new, serving, states, watching

from LiverTumorSegLib.apps.pacs.config import Web
from LiverTumorSegLib.apps.pacs.connection import Unreachable
from LiverTumorSegLib.apps.pacs.dicomweb import AnswerTooLarge, DicomWeb
from LiverTumorSegLib.core.errors import UserError

__all__ = ["make_service", "watching"]


@pytest.mark.parametrize("traits", [{}, {"most": 100}, {"most": 1}, {"pages": False}])
def test_servers_with_pages_of_any_length_and_without_give_all_series(watching, traits):
    names = [f"1.2.3.{number}" for number in range(7 if traits.get("most") == 1 else 450)]
    with serving([answer(name) for name in names], **traits) as (url, _):
        _, watcher, clock = watching(url)
        found = []
        watcher.take = lambda study, series: found.append(series)
        look_twice(watcher, clock)
    assert found == names


def test_answers_that_name_no_series_are_passed_over(watching):
    wrong = [answer("../../secrets"), answer("1.2", **{"0020000D": "x"}), answer("1.3", **{"00080060": "MR"}), {}]
    wrong.append(answer("1.4", **{"00080020": "20200102"}))
    with serving([*wrong, answer("1.2.3")]) as (url, _):
        _, watcher, clock = watching(url)
        found = []
        watcher.take = lambda study, series: found.append(series)
        look_twice(watcher, clock)
    assert found == ["1.2.3"]


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"1", b"\xff"])
def test_a_server_that_is_no_archive_is_said_to_be_none(watching, caplog, body):
    with serving([]) as (url, server):
        server.says = body
        _, watcher, _ = watching(url)
        watcher.look()
    assert "its answer does not follow DICOMweb" in caplog.text


@pytest.mark.parametrize("body", [b'{"error": 1}', b'[{"0020000E": {"Value": 1}}]', b'[{"0020000E": "1.2.3"}]', b"[]"])
def test_answers_without_a_series_are_none(watching, body):
    with serving([]) as (url, server):
        server.says = body
        service, watcher, clock = watching(url)
        look_twice(watcher, clock)
    assert states(service) == {}


FILE = b"any\r\nbytes\r\n--with\0dashes--"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (
            'multipart/related; type="application/dicom"; boundary=with a',
            b"\r\n--with a\r\nA: b\r\n\r\n%s\r\n--with a--",
        ),
        ('multipart/related; boundary="x=\'1"', b"--x='1\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--x='1--\r\n"),
        ("application/dicom", b"%s"),
    ],
)
def test_an_image_is_taken_out_of_its_envelope(kind, body):
    with serving([]) as (url, server):
        server.says, server.kind = body % FILE, kind
        assert DicomWeb(Web(url=url), 1000).image("1.2.9", "1.2.3", "1.2.3.1") == FILE


@pytest.mark.parametrize("body", [b"--x\r\n\r\nwithout end", b"nothing", b"--x--"])
def test_a_damaged_envelope_is_no_image(body):
    with serving([]) as (url, server), pytest.raises(Unreachable, match="does not follow DICOMweb"):
        server.says, server.kind = body, "multipart/related; boundary=x"
        DicomWeb(Web(url=url), 1000).image("1.2.9", "1.2.3", "1.2.3.1")


def test_an_image_that_is_too_large_is_not_read_to_its_end():
    with serving([]) as (url, server), pytest.raises(AnswerTooLarge):
        server.says = bytes(2000)
        DicomWeb(Web(url=url), 1000).image("1.2.9", "1.2.3", "1.2.3.1")


def test_an_answer_without_end_is_not_read_to_its_end(watching, caplog):
    with serving([]) as (url, server):
        server.says = b'[{"00080060": "' + b"a" * 3_000_000
        _, watcher, _ = watching(url, limits={"image_mb": 1})
        watcher.look()
    assert "longer than" in caplog.text


def test_a_wrong_password_file_is_said_when_the_service_begins(watching, tmp_path):
    with pytest.raises(UserError, match="password in its first line"):
        watching("http://127.0.0.1:1", user="pacs", password_file=tmp_path / "nowhere")


def test_older_studies_are_not_looked_at(archive, watching, tmp_path):
    for days in (0, 2, 4):
        day = date.today() - timedelta(days=days)
        study = {"StudyDate": f"{day:%Y%m%d}", "StudyInstanceUID": f"1.2.9.{days}"}
        archive.store(*new(tmp_path / str(days), f"1.2.3.{days}", **study))
    service, watcher, clock = watching(archive.web, days=2)
    look_twice(watcher, clock)
    assert sorted(states(service)) == ["1.2.3.0", "1.2.3.2"]


@pytest.mark.parametrize("back", [True, False])
def test_an_answer_that_leads_to_another_server_is_not_followed(tmp_path, back):
    (tmp_path / "password").write_text("secret")
    with serving([answer("1.2.3")]) as (there, other), serving([]) as (url, server):
        server.leads = f"{url}/studies/1/series" if back else f"{there}/series"
        archive = DicomWeb(Web(url=url, user="me", password_file=tmp_path / "password"), 1000)
        if back:
            assert archive.ct_series("20200101") == []
        else:
            with pytest.raises(Unreachable, match="redirects to another server") as raised:
                archive.ct_series("20200101")
            assert there not in str(raised.value)
    assert other.asked == []


def test_an_answer_that_is_nested_too_deeply_is_none(watching, caplog):
    with serving([]) as (url, server):
        server.says = b"[" * 200_000
        _, watcher, _ = watching(url)
        watcher.look()
    assert "its answer does not follow DICOMweb" in caplog.text
