import asyncio
import os

import pytest
from aiohttp import web
from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from LiverTumorSegLib.apps.web.server import app as downloads

CONTENT = bytes(range(256)) * 20
NAMES = ["ct labels.seg.nrrd", "Größe.nii.gz", 'a "b" \\c;d=e.csv', "100% 50%41.csv", "肝臓.html", "a\nb.stl"]


def asked(folder, *requests):
    """Status, headers and body of a server's answers with the files of a folder."""

    async def answer(request):
        return downloads.download_response(folder, request.match_info["name"])

    async def use():
        app = web.Application()
        app.router.add_get("/{name}", answer)
        async with TestClient(TestServer(app), auto_decompress=False) as client:
            return [await one(client, *request) for request in requests]

    async def one(client, method, name, headers=None):
        url = URL.build(path=f"/{name}") if isinstance(name, str) else URL(name.decode(), encoded=True)
        async with client.request(method, url, headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    return asyncio.run(use())


@pytest.fixture
def folder(tmp_path):
    """A folder with a file, beside one that must not be fetched."""
    inside = tmp_path / "downloads"
    inside.mkdir()
    (inside / "a.nii.gz").write_bytes(CONTENT)
    (tmp_path / "secret").write_text("secret")
    return inside


@pytest.mark.parametrize("name", NAMES)
def test_a_download_has_the_name_of_the_file(folder, name):
    (folder / name).write_bytes(CONTENT)
    [(status, headers, body)] = asked(folder, ("GET", name))
    assert (status, body) == (200, CONTENT)
    kind, words = parse_content_disposition(headers["Content-Disposition"])
    assert (kind, content_disposition_filename(words)) == ("attachment", name)
    assert headers["Content-Disposition"].isascii()


def test_what_knows_plain_names_alone_gets_one_without_harm():
    said = downloads.content_disposition('Grö"ße\\%41.csv')
    assert said.split("; ")[1] == 'filename="Gr___e__41.csv"'


def test_a_packed_file_is_saved_packed(folder):
    [(_, headers, body)] = asked(folder, ("GET", "a.nii.gz"))
    assert "Content-Encoding" not in headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert body == CONTENT


def test_the_head_and_parts_of_a_file_can_be_asked_for(folder):
    head, part = asked(folder, ("HEAD", "a.nii.gz"), ("GET", "a.nii.gz", {"Range": "bytes=3-5"}))
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, str(len(CONTENT)), b"")
    assert (part[0], part[2]) == (206, bytes([3, 4, 5]))


def test_nothing_but_plain_files_of_the_folder_can_be_fetched(folder, tmp_path):
    (folder / "inside").mkdir()
    (folder / "inside" / "b.csv").touch()
    (folder / "link.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    names = ["link.csv", "inside", "pipe", "none", b"/..%2Fsecret", b"/%2E%2E", b"/inside%2Fb.csv", b"/a.nii.gz%00"]
    names += [f"/%2F{'%2F'.join(tmp_path.parts[1:])}%2Fsecret".encode()]
    assert {status for status, _, _ in asked(folder, *(("GET", name) for name in names))} == {404}


def test_before_there_are_downloads_there_is_nothing(tmp_path):
    assert asked(tmp_path / "none", ("GET", "a"))[0][0] == 404
