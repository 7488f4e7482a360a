"""The service's configuration as a strict schema, with the types of its values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...core.about import AUTO_LIVER, DEFAULT_MODEL
from ...core.schema import StrictModel

_LONGEST_TITLE, _MOST_DAYS = 16, 36_500
WholeNumber = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Port = Annotated[WholeNumber, Field(ge=1, le=65535)]
Seconds = Annotated[Number, Field(gt=0, le=7 * 24 * 3600)]
Days = Annotated[Number, Field(ge=0, le=_MOST_DAYS)]


def _is_title(text: str) -> str:
    if not 1 <= len(text.strip()) <= _LONGEST_TITLE or not (text.isascii() and text.isprintable()) or "\\" in text:
        msg = "an AE title has 1 to 16 ASCII characters, not only spaces, and no backslash"
        raise ValueError(msg)
    return text.strip()


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        msg = f"“{text}” is not a valid regular expression ({error})"
        raise ValueError(msg) from error
    return text


def _is_web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+", text):
        msg = "an address begins with http:// or https://, and has no name or password in it"
        raise ValueError(msg)
    return text


def _is_database(text: str) -> str:
    if not re.fullmatch(r"postgres(ql)?://\S+", text):
        msg = "a database is given as postgresql://user@host/name"
        raise ValueError(msg)
    return text


def _none_if_false(value: object) -> object:
    return None if value is False else value


Host = Annotated[str, Field(min_length=1)]
"""A name or an address; an empty one would be taken for all addresses of this machine."""

AeTitle = Annotated[str, AfterValidator(_is_title)]
Pattern = Annotated[str, AfterValidator(_is_pattern)]
WebAddress = Annotated[str, AfterValidator(_is_web_address)]
Database = Annotated[str, AfterValidator(_is_database)]
OrNone = BeforeValidator(_none_if_false)
"""TOML has no null: ``false`` says that there is none."""

_MOST_DOUBLINGS = 30


class Tls(StrictModel):
    """Certificates of an encrypted connection, PEM files each.

    Args:
        certificate: this service's own, with those that vouch for it.
        key: of the certificate, without a password.
        authorities: those whose certificates are accepted; on receiving, senders must show one of theirs.
    """

    certificate: Path
    key: Path
    authorities: Path


class Sender(StrictModel):
    """An application entity that may send images here.

    Args:
        ae_title: that it calls itself.
        address: of the machine it connects from, a name or an IP address; None for any.
    """

    ae_title: AeTitle
    address: Host | None = None


class Receive(StrictModel):
    """Images that come by C-STORE.

    Args:
        ae_title: that senders must call.
        address: of this machine, to listen on.
        port: to listen on.
        senders: who is served; nobody else.
        quiet_seconds: a series is whole when no image of it has come for so long.
        associations: at once; more are rejected, and have to come again.
        tls: encryption with certificates of both sides; None for none.
    """

    ae_title: AeTitle = "LIVERTUMORSEG"
    address: Host = "127.0.0.1"
    port: Port = 11112
    senders: tuple[Sender, ...] = Field(min_length=1)
    quiet_seconds: Seconds = 30
    associations: WholeNumber = Field(10, ge=1, le=200)
    tls: Tls | None = None


class Web(StrictModel):
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
            msg = "tls is given but url does not begin with https://, so nothing would be encrypted"
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
    days: WholeNumber = Field(1, ge=0, le=365)


class CatchUp(StrictModel):
    """The archive is searched at the start and every night for series that this service missed.

    Args:
        days: studies of so many days back at most; never such as began before the service's first start.
        at_once: no more is fetched while so many series are not yet done; of ``[watch]``, ``waiting_series`` holds.
        hour: of the night, in this machine's zone.
    """

    days: WholeNumber = Field(2, ge=1, le=365)
    at_once: WholeNumber = Field(20, ge=1)
    hour: WholeNumber = Field(2, ge=0, le=23)


class Peer(StrictModel):
    """An application entity that objects are sent to by C-STORE.

    Args:
        ae_title: of it.
        address: of its machine, a name or an IP address.
        port: of it.
        calling: what this service calls itself.
        tls: encryption with certificates of both sides; None for none.
        timeout_seconds: for each answer.
    """

    ae_title: AeTitle
    address: Host
    port: Port
    calling: AeTitle = "LIVERTUMORSEG"
    tls: Tls | None = None
    timeout_seconds: Seconds = 60


class Send(StrictModel):
    """The archive that objects are sent to: one of the two.

    Args:
        dicom: by C-STORE.
        web: by STOW-RS.
        segmentation: the form of DICOM Segmentations; where the archive does not take it, they are binary.
    """

    segmentation: Literal["binary", "deflated", "label map"] = "binary"
    dicom: Peer | None = None
    web: Web | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Send:
        if (self.dicom is None) == (self.web is None):
            msg = "[send] needs either dicom or web"
            raise ValueError(msg)
        return self


class Rule(StrictModel):
    """A rule that chooses series to run: all that it states has to fit.

    Args:
        body_part: any of these, in any case; empty for any, also where none is stated.
        description: regular expression found in the first 128 characters of the series' description, in any case;
            None for any.
        not_description: regular expression that must not be found there.
        thinnest_mm, thickest_mm: of slice thickness; a series that states none fits where neither is given.
        fewest_images: in the series.
    """

    body_part: tuple[str, ...] = ()
    description: Pattern | None = None
    not_description: Pattern | None = None
    thinnest_mm: Number | None = Field(None, gt=0)
    thickest_mm: Number | None = Field(None, gt=0)
    fewest_images: WholeNumber = Field(10, ge=2)

    @model_validator(mode="after")
    def _leaves_room(self) -> Rule:
        if self.thinnest_mm and self.thickest_mm and self.thinnest_mm > self.thickest_mm:
            msg = "thinnest_mm is more than thickest_mm, so nothing fits"
            raise ValueError(msg)
        return self


class SegmentConfig(StrictModel):
    """The model, the device and the segments of a result.

    Args:
        model: name of a model, or a path to its folder, with a slash in it.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        lesion_segments: ``each`` lesion a segment of its own, or one for ``all``.
        liver_model: whose liver the lesions are looked for in; ``auto``: the model by default where the model marks
            lesions alone; ``none``.
        also: models of other structures.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    lesion_segments: Literal["each", "all"] = "each"
    liver_model: str = AUTO_LIVER
    also: tuple[str, ...] = ()

    @property
    def models(self) -> dict[str, Any]:
        """Those that take part, as the worker's commands take them."""
        return {"model": self.model, "liver_model": self.liver_model, "also": list(self.also)}


class Limits(StrictModel):
    """Limits on what is accepted, and on how long is tried.

    Args:
        image_mb: of one image.
        enhanced_mb: of one enhanced CT, which holds a whole series.
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
    enhanced_mb: Number = Field(1000, gt=0)
    series_images: WholeNumber = Field(5000, ge=2)
    waiting_series: WholeNumber = Field(500, ge=1)
    free_gb: Number = Field(2, ge=0)
    segment_minutes: Number = Field(60, gt=0)
    retry_seconds: Seconds = 30
    longest_retry_seconds: Seconds = 3600
    segment_tries: WholeNumber = Field(3, ge=1)
    send_days: Days = 7
    keep_days: Days = 30

    def pause_seconds(self, failures: int) -> float:
        """The pause until the next try of what has failed once, and so many times before."""
        return float(min(self.retry_seconds * 2 ** min(failures, _MOST_DOUBLINGS), self.longest_retry_seconds))


class Page(StrictModel):
    """The page in a browser, on this machine alone.

    Args:
        port: to listen on; 0 for one that is free.
        identifiers: whether it shows accession numbers and patients' IDs, which the queue's file then holds.
    """

    port: WholeNumber = Field(0, ge=0, le=65535)
    identifiers: bool = Field(False, strict=True)


class AlertConfig(StrictModel):
    """Alerts of jobs that failed for good, and of an archive that is away for long; they have no identifiers.

    Args:
        command: run without a shell, with a sentence on its standard input.
        url: that JSON is posted to.
        archive_minutes: an archive is away for long when it could not be used for so long.
    """

    command: tuple[str, ...] | None = Field(None, min_length=1)
    url: WebAddress | None = None
    archive_minutes: Number = Field(60, gt=0)

    @model_validator(mode="after")
    def _has_a_way(self) -> AlertConfig:
        if self.command is None and self.url is None:
            msg = "[alerts] needs command or url"
            raise ValueError(msg)
        return self


class Share(StrictModel):
    """A queue that several services share their work through.

    Args:
        database: of PostgreSQL, as ``postgresql://user@host/name``; a password belongs into ``~/.pgpass``.
    """

    database: Database


class Config(StrictModel):
    """The configuration of a service.

    Args:
        folder: of the service's own: its queue, images until they are done, reports.
        catch_up: None where what was missed is not searched for.
        rules: a series runs where one of them fits.
        page: None for no page, which is ``false`` in the file.
        share: None where this service works alone.
        alerts: None where nobody is told.
    """

    folder: Path
    receive: Receive | None = None
    watch: Watch | None = None
    catch_up: CatchUp | None = None
    rules: tuple[Rule, ...] = Field((Rule(),), min_length=1)
    segment: SegmentConfig = SegmentConfig()
    send: Send
    limits: Limits = Limits()
    page: Annotated[Page | None, OrNone] = Page()
    share: Share | None = None
    alerts: AlertConfig | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> Config:
        if self.receive is None and self.watch is None:
            msg = "[receive] or [watch] is needed, or no series would come"
            raise ValueError(msg)
        if self.share and self.watch is None:
            msg = "[share] needs [watch]: every service gets the images of its series from there"
            raise ValueError(msg)
        if self.share and self.receive:
            msg = "[share] and [receive] cannot be combined: a series that came both ways would have two results"
            raise ValueError(msg)
        return self
