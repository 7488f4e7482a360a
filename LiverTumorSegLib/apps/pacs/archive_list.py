"""The archives that sessions of the page may use, as whoever starts the server lists them in a TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from ...core.schema import StrictModel
from . import config_file, sender
from .archive_reader import ArchiveReader, WebReader
from .config import AeTitle, Config, Host, Peer, Port, Receive, Send, Sender, Tls, Web
from .config_check import connection_warnings
from .dimse_reader import DimseReader

Name = Annotated[str, Field(min_length=1, max_length=40)]
_LONGEST_ANSWER = 10_000_000


class MoveTo(StrictModel):
    """Where an archive sends a series that a session opens, by C-MOVE; the port is open meanwhile alone.

    Args:
        ae_title: of this program, which the archive has to know with address and port.
        address: of this machine, to listen on.
        port: to listen on.
        senders: that the archive sends as; empty for its own title and address.
        tls: encryption with certificates of both sides; None for none.
    """

    ae_title: AeTitle = "LIVERTUMORSEG"
    address: Host = "127.0.0.1"
    port: Port = 11112
    senders: tuple[Sender, ...] = ()
    tls: Tls | None = None


class Search(StrictModel):
    """Where an archive is searched and opened from: one of dicom and web.

    Args:
        dicom: by C-FIND and C-GET.
        web: by QIDO-RS and WADO-RS.
        move: with ``dicom``, has it send by C-MOVE in place of C-GET.
    """

    dicom: Peer | None = None
    web: Web | None = None
    move: MoveTo | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Search:
        if (self.dicom is None) == (self.web is None):
            msg = "[archives.search] needs either dicom or web"
            raise ValueError(msg)
        if self.move and self.dicom is None:
            msg = "[archives.search.move] needs [archives.search.dicom], which is asked to send"
            raise ValueError(msg)
        return self

    @property
    def receive(self) -> Receive | None:
        """The port that is sent to by C-MOVE, open to the archive alone."""
        if self.move is None or self.dicom is None:
            return None
        own = Sender(ae_title=self.dicom.ae_title, address=self.dicom.address)
        to = self.move
        return Receive(ae_title=to.ae_title, address=to.address, port=to.port, senders=to.senders or (own,), tls=to.tls)


class ListedArchive(StrictModel):
    """An archive.

    Args:
        name: that the page shows.
        search: where it is searched and studies are opened from; None where that is not allowed.
        send: where results go, as of the process beside an archive; None where that is not allowed.
    """

    name: Name
    search: Search | None = None
    send: Send | None = None

    @model_validator(mode="after")
    def _is_of_use(self) -> ListedArchive:
        if self.search is None and self.send is None:
            msg = "an archive needs search, send or both"
            raise ValueError(msg)
        return self


class ArchiveList(StrictModel):
    """All archives of a server.

    Args:
        archives: with a name each.
    """

    archives: tuple[ListedArchive, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _names_differ(self) -> ArchiveList:
        names = [archive.name for archive in self.archives]
        if len(set(names)) < len(names):
            msg = "two archives have the same name"
            raise ValueError(msg)
        return self


def read(path: Path) -> tuple[ListedArchive, ...]:
    """Read a list of archives, or the configuration of a process beside an archive, whose archive is then the only one.

    Args:
        path: a TOML file with ``[[archives]]``, or as of ``livertumorseg pacs``.

    Raises:
        UserError: it is missing or wrong, or a certificate or a password that it names is.
    """
    content = config_file.content_of(path)
    if "archives" in content or "send" not in content:
        listed = config_file.validated(ArchiveList, content, path).archives
    else:
        listed = (_of_process(config_file.validated(Config, content, path)),)
    for archive in listed:
        if archive.send:
            sender.make_archive(archive.send)
        if archive.search:
            make_reader(archive.search, _LONGEST_ANSWER)
    return listed


def warnings(listed: tuple[ListedArchive, ...]) -> Iterator[str]:
    """Sentences on passwords and keys that others could read."""
    for archive in listed:
        ends = [end for end in (archive.search, archive.send) if end]
        receive = archive.search.receive if archive.search else None
        yield from connection_warnings([receive, *(way for end in ends for way in (end.web, end.dicom))])


def make_reader(search: Search, longest: int) -> ArchiveReader:
    """What searches an archive.

    Args:
        search: where.
        longest: bytes of an object.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """
    if search.web:
        return WebReader(search.web, longest)
    if search.dicom:
        return DimseReader(search.dicom, longest, search.receive)
    raise ValueError(search)


def _of_process(config: Config) -> ListedArchive:
    """Its name is that of the application entity, or of the machine."""
    web: Web | None = config.watch or config.send.web
    name = config.send.dicom.ae_title if config.send.dicom else sender.make_archive(config.send).name
    return ListedArchive(name=name[:40], search=Search(web=web) if web else None, send=config.send)
