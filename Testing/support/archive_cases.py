"""A real archive for the tests of DICOM: Orthanc on loopback, with ports and storage of its own, until the test ends.

The module also makes the certificates of encrypted connections, with the ``openssl`` program.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from LiverTumorSegLib.apps.pacs.config import Tls
from support import system_libraries
from support.waiting import PATIENCE, wait_until

TITLE = "ORTHANC"
_TRIES = 3
_PLUGIN = "libOrthancDicomWeb.so"


def need(*names: str) -> None:
    """The test is skipped where a program is missing, with the line that installs it."""
    if why := system_libraries.reason(*names):
        pytest.skip(why)


def free_port() -> int:
    """A port of loopback that nothing listens on, a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@dataclass(frozen=True)
class Archive:
    """A running Orthanc.

    Args:
        http: port of its REST API and of DICOMweb.
        dicom: port of C-STORE and C-FIND.
        process: of it.
        password: a user and the password, where it asks for one.
    """

    http: int
    dicom: int
    process: subprocess.Popen
    password: tuple[str, str] | None = None

    @property
    def web(self) -> str:
        """The address of DICOMweb."""
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        """The answer of the REST API."""
        with closing(HTTPConnection("127.0.0.1", self.http, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            assert answer.status == 200, f"{method} {path}: {answer.status} {answer.read().decode()[:500]}"
            return answer.read()

    @property
    def _headers(self) -> dict[str, str]:
        said = ":".join(self.password).encode() if self.password else b""
        return {"Authorization": f"Basic {b64encode(said).decode()}"} if said else {}

    def store(self, *files: Path) -> None:
        """Put files in, as another machine of the hospital would."""
        for file in files:
            self.ask("/instances", "POST", file.read_bytes())

    def instances(self) -> list[str]:
        """Orthanc's own names of all that it holds."""
        return list(json.loads(self.ask("/instances")))

    def data_sets(self, modality: str = "") -> list[Any]:
        """All that it holds, of one modality where that is given, as pydicom reads it."""
        import pydicom

        held = (pydicom.dcmread(BytesIO(self.ask(f"/instances/{name}/file"))) for name in self.instances())
        return [one for one in held if modality in ("", one.Modality)]

    def clear(self) -> None:
        """Delete all that it holds."""
        for name in json.loads(self.ask("/patients")):
            self.ask(f"/patients/{name}", "DELETE")


@contextmanager
def running(
    folder: Path,
    *,
    http: int = 0,
    dicom: int = 0,
    tls: Tls | None = None,
    password: tuple[str, str] | None = None,
    **options: Any,
) -> Iterator[Archive]:
    """Start Orthanc and end it.

    Args:
        folder: for its storage and what it prints; what lies there from before is there again.
        http, dicom: its ports; 0 for any that is free.
        tls: its certificates for C-STORE; clients must show one, too.
        password: a user and the password that it asks for.
        options: more of Orthanc's configuration.
    """
    need("Orthanc", _PLUGIN)
    folder.mkdir(parents=True, exist_ok=True)
    if password:
        options |= {"AuthenticationEnabled": True, "RegisteredUsers": {password[0]: password[1]}}
    archive = replace(_started(folder, http, dicom, tls, options), password=password)
    try:
        yield archive
    finally:
        archive.process.kill()  # it takes seconds to end when asked
        archive.process.wait(PATIENCE)


@pytest.fixture(scope="session")
def _one_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with running(tmp_path_factory.mktemp("orthanc")) as archive:
        yield archive


@pytest.fixture
def archive(_one_archive: Archive) -> Archive:
    """An archive without anything in it."""
    _one_archive.clear()
    return _one_archive


def _started(folder: Path, http: int, dicom: int, tls: Tls | None, options: dict[str, Any]) -> Archive:
    """Orthanc, ready; again on other ports where somebody else has just taken one of these."""
    for _ in range(_TRIES):
        ports = http or free_port(), dicom or free_port()
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(_configuration(folder, *ports, tls) | options), encoding="utf-8")
        program = system_libraries.program("Orthanc")
        with (folder / "printed.txt").open("ab") as printed:
            process = subprocess.Popen([str(program), str(configuration)], stdout=printed, stderr=subprocess.STDOUT)
        archive = Archive(*ports, process)
        if _is_ready(archive):
            return archive
        process.kill()
        process.wait(PATIENCE)
    msg = f"Orthanc does not start: {(folder / 'printed.txt').read_text(errors='replace')[-2000:]}"
    raise AssertionError(msg)


def _is_ready(archive: Archive) -> bool:
    def has_ended() -> bool:
        return archive.process.poll() is not None

    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", archive.http)):
            return True
        return False

    wait_until(lambda: has_ended() or answers(), told=lambda: "Orthanc neither answers nor ends")
    return not has_ended()


def _configuration(folder: Path, http: int, dicom: int, tls: Tls | None) -> dict[str, Any]:
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": TITLE,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StableAge": 1,
        "Plugins": [str(system_libraries.program(_PLUGIN))],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    if tls:
        settings |= {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(tls.certificate),
            "DicomTlsPrivateKey": str(tls.key),
            "DicomTlsTrustedCertificates": str(tls.authorities),
        }
    return settings


@contextmanager
def encrypted(port: int, tls: Tls) -> Iterator[int]:
    """A port of loopback that speaks TLS in front of one that does not; clients must show a certificate.

    Orthanc's own HTTPS ends the process at the first connection, in Debian 12.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.authorities)
    context.load_cert_chain(tls.certificate, tls.key)
    context.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.new_event_loop()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pour(reader, outer), _pour(inner, writer))

    server = loop.run_until_complete(asyncio.start_server(forward, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield int(server.sockets[0].getsockname()[1])
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    server.close()
    loop.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()
    writer.close()


def certificates(folder: Path, name: str = "pacs") -> Tls:
    """A certificate for loopback and what vouches for it, valid for a day; those of one folder vouch for each other."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl: apt-get install --no-install-recommends openssl")
    folder.mkdir(parents=True, exist_ok=True)
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    if not authority.exists():
        _openssl(
            "req", "-x509", *_NEW_KEY, "-keyout", authority_key, "-out", authority, *_VOUCHES, "-subj", "/CN=tests"
        )
    made = Tls(certificate=folder / f"{name}.pem", key=folder / f"{name}.key", authorities=authority)
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text("\n".join(_EXTENSIONS), encoding="ascii")
    _openssl("req", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
    signed = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "1", "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, "-out", made.certificate, *signed)
    return made


_EXTENSIONS = (  # all that Python 3.13 asks for
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
    "basicConstraints=CA:FALSE",
    "keyUsage=digitalSignature",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
)
_VOUCHES = ("-addext", "keyUsage=critical,keyCertSign")
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)
