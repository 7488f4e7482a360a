"""What ``node.toml`` says: a strict schema."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .. import DEFAULT_MODEL
from ..errors import UserError
from ..validation_words import in_words
from .config_values import AeTitle, Database, Days, Host, Number, OrNone, Pattern, Port, Seconds, WebAddress, Whole

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

_MOST_DOUBLINGS = 30


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tls(_Entry):
    """Certificates of an encrypted connection, PEM files each.

    Args:
        certificate: this node's own, with those that vouch for it.
        key: of the certificate, without a password.
        authorities: those whose certificates are accepted; on receiving, senders must show one of theirs.
    """

    certificate: Path
    key: Path
    authorities: Path


class Sender(_Entry):
    """An application entity that may send images here.

    Args:
        ae_title: that it calls itself.
        address: of the machine it connects from, a name or an IP address; None for any.
    """

    ae_title: AeTitle
    address: Host | None = None


class Receive(_Entry):
    """Images that come by C-STORE.

    Args:
        ae_title: that senders must call.
        address: of this machine, to listen on.
        port: to listen on.
        senders: who is served; nobody else.
        quiet_seconds: a series is whole when no image of it has come for so long.
        associations: at once.
        tls: encryption with certificates of both sides; None for none.
    """

    ae_title: AeTitle = "LIVERTUMORSEG"
    address: Host = "127.0.0.1"
    port: Port = 11112
    senders: tuple[Sender, ...] = Field(min_length=1)
    quiet_seconds: Seconds = 30
    associations: Whole = Field(10, ge=1, le=200)
    tls: Tls | None = None


class Web(_Entry):
    """A DICOMweb service.

    Args:
        url: of the service, under which ``/studies`` is.
        user, password_file: for HTTP basic authentication; the password is the first line of the file.
        tls: own certificate and accepted authorities; None for those of the system and no own one.
        timeout_seconds: for each answer.
    """

    url: WebAddress
    user: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None
    timeout_seconds: Seconds = 60

    @model_validator(mode="after")
    def _is_consistent(self) -> Web:
        if (self.user is None) != (self.password_file is None):
            msg = "user and password_file belong together"
            raise ValueError(msg)
        if self.tls and not self.url.lower().startswith("https:"):
            msg = "tls is given, and url does not begin with https://, so nothing would be encrypted"
            raise ValueError(msg)
        return self


class Watch(Web):
    """A DICOMweb server that is asked for new series.

    Args:
        every_seconds: between two questions.
        quiet_seconds: a series is whole when its number of images has not changed for so long.
        days: studies of so many days back are asked for; 0 for today's alone.
    """

    every_seconds: Seconds = 60
    quiet_seconds: Seconds = 60
    days: Whole = Field(1, ge=0, le=365)


class Peer(_Entry):
    """An application entity that objects are sent to by C-STORE.

    Args:
        ae_title: of it.
        address: of its machine, a name or an IP address.
        port: of it.
        calling: what this node calls itself.
        tls: encryption with certificates of both sides; None for none.
        timeout_seconds: for each answer.
    """

    ae_title: AeTitle
    address: Host
    port: Port
    calling: AeTitle = "LIVERTUMORSEG"
    tls: Tls | None = None
    timeout_seconds: Seconds = 60


class Send(_Entry):
    """Where objects go: one of the two.

    Args:
        dicom: by C-STORE.
        web: by STOW-RS.
    """

    dicom: Peer | None = None
    web: Web | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Send:
        if (self.dicom is None) == (self.web is None):
            msg = "[send] needs one of dicom and web"
            raise ValueError(msg)
        return self


class Rule(_Entry):
    """Which series run: all that is stated has to fit.

    Args:
        body_part: any of these, in any case; empty for any, also where none is stated.
        description: regular expression found in the series' description, in any case; None for any.
        not_description: regular expression that must not be found there.
        thinnest_mm, thickest_mm: of slice thickness; a series that states none fits where neither is given.
        fewest_images: in the series.
    """

    body_part: tuple[str, ...] = ()
    description: Pattern | None = None
    not_description: Pattern | None = None
    thinnest_mm: Number | None = Field(None, gt=0)
    thickest_mm: Number | None = Field(None, gt=0)
    fewest_images: Whole = Field(10, ge=2)

    @model_validator(mode="after")
    def _leaves_room(self) -> Rule:
        if self.thinnest_mm and self.thickest_mm and self.thinnest_mm > self.thickest_mm:
            msg = "thinnest_mm is more than thickest_mm, so nothing fits"
            raise ValueError(msg)
        return self


class Segmenting(_Entry):
    """How series are segmented.

    Args:
        model: name of a model, or a path to its folder, with a slash in it.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        lesion_segments: ``each`` lesion a segment of its own, or one for ``all``.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    lesion_segments: Literal["each", "all"] = "each"


class Limits(_Entry):
    """What is accepted, and how long is tried.

    Args:
        image_mb: of one image.
        series_images: of one series.
        waiting_series: that are not yet done.
        free_gb: that the disk must have left.
        segment_minutes: a job that takes longer is ended.
        retry_seconds: until the second try; the pause doubles with each failure.
        longest_retry_seconds: between two tries.
        segment_tries: of a series whose segmenting fails for reasons that may pass.
        send_days: an archive that cannot be reached is tried for so long.
        keep_days: reports and measurements stay on this machine for so long.
    """

    image_mb: Number = Field(64, gt=0)
    series_images: Whole = Field(5000, ge=2)
    waiting_series: Whole = Field(500, ge=1)
    free_gb: Number = Field(2, ge=0)
    segment_minutes: Number = Field(60, gt=0)
    retry_seconds: Seconds = 30
    longest_retry_seconds: Seconds = 3600
    segment_tries: Whole = Field(3, ge=1)
    send_days: Days = 7
    keep_days: Days = 30

    def pause_seconds(self, failures: int) -> float:
        """Until the next try of what has failed once, and so many times before."""
        return float(min(self.retry_seconds * 2 ** min(failures, _MOST_DOUBLINGS), self.longest_retry_seconds))


class Page(_Entry):
    """The page in a browser, on this machine alone.

    Args:
        port: to listen on; 0 for one that is free.
    """

    port: Whole = Field(0, ge=0, le=65535)


class Share(_Entry):
    """A queue that several nodes take their work from.

    Args:
        database: of PostgreSQL, as ``postgresql://user@host/name``; a password belongs into ``~/.pgpass``.
    """

    database: Database


class Config(_Entry):
    """A node's configuration.

    Args:
        folder: of the node's own: its queue, images until they are done, reports.
        rules: a series runs where one of them fits.
        page: None for no page, which is ``false`` in the file.
        share: None where this node works alone.
    """

    folder: Path
    receive: Receive | None = None
    watch: Watch | None = None
    rules: tuple[Rule, ...] = Field((Rule(),), min_length=1)
    segment: Segmenting = Segmenting()
    send: Send
    limits: Limits = Limits()
    page: Annotated[Page | None, OrNone] = Page()
    share: Share | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> Config:
        if self.receive is None and self.watch is None:
            msg = "one of [receive] and [watch] is needed, else no series come"
            raise ValueError(msg)
        if self.share and self.watch is None:
            msg = "[share] needs [watch]: every node gets the images of its series from there"
            raise ValueError(msg)
        if self.share and self.receive:
            msg = "[share] and [receive] do not go together, else a series that comes both ways has two results"
            raise ValueError(msg)
        return self


def read(path: Path) -> Config:
    """Read a configuration; relative paths in it are relative to its folder.

    Raises:
        UserError: it is missing or wrong.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is no UTF-8'}): check the name."
        raise UserError(msg) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is no TOML ({error}): mend it there."
        raise UserError(msg) from error
    try:
        return Config.model_validate(_placed(content, path.absolute().parent))
    except ValidationError as error:
        msg = f"{path}: {in_words(error, Config)}"
        raise UserError(msg) from error


_PATHS = frozenset({"folder", "certificate", "key", "authorities", "password_file"})


def _placed(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content with relative paths, and such as begin with ``~``, wherever they are in it, made absolute."""
    placed: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            placed[name] = _placed(value, folder)
        elif isinstance(value, str) and _is_path(name, value):
            placed[name] = str(folder / _from_home(value))
        else:
            placed[name] = value
    return placed


def _from_home(path: str) -> Path:
    with suppress(RuntimeError):  # there is no such user: it is a name like any other
        return Path(path).expanduser()
    return Path(path)


def _is_path(name: str, value: str) -> bool:
    return name in _PATHS or (name == "model" and ("/" in value or "\\" in value))
