"""Client of a DICOMweb server, which searches by QIDO-RS, fetches by WADO-RS and stores by STOW-RS (PS3.18)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import responses
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests
from dicomweb_client import DICOMwebClient
from pydicom import Dataset
from requests.auth import HTTPBasicAuth

from ...core.errors import UserError
from . import connection
from .archived_series import ArchivedSeries, is_uid, stated_time
from .config import Web
from .connection import Rejected, Unreachable
from .image_header import CT_KINDS

_NO_DICOMWEB = "its answer does not follow DICOMweb"
_PAGE = 200
_MOST_PAGES = 1000
_FINAL = frozenset({400, 409, 413, 415, 422})
"""HTTP statuses that come again however often is asked; others may pass, as when a wrong password is put right."""

_NOT_ALLOWED, _NOT_SERVED = frozenset({401, 403}), frozenset({404, 405, 501})
_CONFLICT = 409
"""STOW-RS: none was stored (PS3.18, table 10.5.3-1)."""

_FIELDS = ("NumberOfSeriesRelatedInstances", "SeriesDescription", "BodyPartExamined", "StudyDate", "StudyTime")
_STUDY, _SERIES, _IMAGE, _CLASS = "0020000D", "0020000E", "00080018", "00080016"
_MODALITY, _DESCRIPTION, _BODY_PART, _IMAGES = "00080060", "0008103E", "00180015", "00201209"
_DAY, _TIME = "00080020", "00080030"

Json = Mapping[str, Any]


class AnswerTooLarge(Rejected):
    """An answer is longer than it may be."""


class DicomWeb:
    """A connection to a DICOMweb server.

    Args:
        web: where it is, and how to be let in.
        longest: bytes of an answer that is taken.

    Raises:
        UserError: a certificate, the password or their files are missing or wrong.
    """

    def __init__(self, web: Web, longest: int) -> None:
        self._url, self._timeout = web.url.rstrip("/"), web.timeout_seconds
        self._session = _session(web, longest)
        self._client = DICOMwebClient(self._url, session=self._session, timeout=web.timeout_seconds)
        self._client.set_http_retry_params(retry=False)

    @property
    def name(self) -> str:
        """Name of the machine, with its port."""
        return urlsplit(self._url).netloc

    def ct_series(self, since: str) -> list[ArchivedSeries]:
        """The CT series of studies from a day on.

        Args:
            since: the day, as YYYYMMDD.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        asked = {"Modality": "CT", "StudyDate": f"{since}-"}
        answers = self._pages(self._client.search_for_series, _SERIES, search_filters=asked, fields=_FIELDS)
        return [_archived_series(answer) for answer in answers if _is_asked_for(answer, since)]

    def ct_images(self, study: str, series: str) -> list[str]:
        """The SOP instance UIDs of a series' CT images.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        return list(self.ct_kinds(study, series))

    def ct_kinds(self, study: str, series: str) -> dict[str, str]:
        """The SOP class of each of a series' CT images by its UID; empty where it is not said.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        answers = self._pages(self._client.search_for_instances, _IMAGE, study, series)
        found = {attribute_text(answer, _IMAGE): attribute_text(answer, _CLASS) for answer in answers}
        return {image: kind for image, kind in found.items() if not kind or kind in CT_KINDS}

    def instances(self, study: str, series: str, kinds: Collection[str]) -> list[str]:
        """The SOP instance UIDs of a series' objects of some SOP classes, and of those whose class it does not say.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        answers = self._pages(self._client.search_for_instances, _IMAGE, study, series)
        return [attribute_text(a, _IMAGE) for a in answers if attribute_text(a, _CLASS) in ("", *kinds)]

    def studies(self, asked: Mapping[str, str], fields: Sequence[str], most: int) -> list[Json]:
        """What is known of studies, so many at most, in the JSON of PS3.18, annex F.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        words = [*asked.items(), *(("includefield", field) for field in fields), ("limit", most)]
        query = urlencode(words, quote_via=quote, safe="*?")  # Orthanc takes %2A for itself, and not for a wildcard
        with _explained_errors():
            answer = self._session.get(f"{self._url}/studies?{query}", timeout=self._timeout)
            answer.raise_for_status()
            found = answer.json() if answer.content else []
            return [study for study in found if is_uid(attribute_text(study, _STUDY))][:most]

    def series_of(self, study: str, fields: Sequence[str]) -> list[Json]:
        """What is known of the series of a study, likewise.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        return list(self._pages(self._client.search_for_series, _SERIES, study, fields=fields))

    def check(self) -> None:
        """Search for nothing in particular.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        with _explained_errors():
            self._client.search_for_series(search_filters={"Modality": "CT"}, limit=1)

    def has(self, study: str, series: str, instance: str) -> bool:
        """Whether an object is there already; False where it cannot be asked so.

        Raises:
            Unreachable: it does not answer.
        """
        try:
            with _explained_errors():
                found = self._client.search_for_instances(study, series, search_filters={"SOPInstanceUID": instance})
        except (Rejected, _NotServed):
            return False
        return any(attribute_text(answer, _IMAGE) == instance for answer in found)

    def image(self, study: str, series: str, instance: str) -> bytes:
        """A file of PS3.10, in the transfer syntax that it is stored in.

        Raises:
            AnswerTooLarge: it is longer than allowed.
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        address = f"{self._url}/studies/{study}/series/{series}/instances/{instance}"
        accepted = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        with _explained_errors():
            answer = self._session.get(address, headers=accepted, timeout=self._timeout)
            answer.raise_for_status()
            return _only_part(answer.headers.get("Content-Type", ""), answer.content)

    def store(self, instance: Dataset) -> Dataset:
        """Store an object; returns the answer (PS3.18, table 10.5.3-1), also where it says that it was not stored.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        with _explained_errors():
            try:
                return self._client.store_instances([instance])
            except requests.HTTPError as error:
                if error.response is None or error.response.status_code != _CONFLICT:
                    raise
                return Dataset.from_json(error.response.json())

    def _pages(self, search: Callable[..., list[Json]], key: str, *where: str, **asked: Any) -> Iterator[Json]:
        """All answers, page after page, until one has nothing new: some servers know no pages and give all again."""
        seen: set[str] = set()
        offset = 0
        for _ in range(_MOST_PAGES):
            with _explained_errors():
                page = search(*where, limit=_PAGE, offset=offset, **asked)
                new = {uid: answer for answer in page if is_uid(uid := attribute_text(answer, key)) and uid not in seen}
            if not new:
                return
            yield from new.values()
            seen.update(new)
            offset += len(page)


class _NotServed(Unreachable):
    """There is no such service at that address, or not for this user."""


def _session(web: Web, longest: int) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # neither proxies nor passwords of whoever starts the service
    session.headers["Accept"] = "application/dicom+json"
    session.hooks["response"] += [_refuse_elsewhere, _LengthLimit(longest)]
    if web.tls:
        connection.client_context(web.tls)  # says what is wrong with its files
        session.cert, session.verify = (str(web.tls.certificate), str(web.tls.key)), str(web.tls.authorities)
    else:
        paths = ssl.get_default_verify_paths()
        session.verify = paths.cafile or paths.capath or True
    if web.user is not None:
        session.auth = HTTPBasicAuth(web.user.encode(), _password(web).encode())
    return session


def _password(web: Web) -> str:
    if web.password_file is None:
        return ""
    try:
        lines = web.password_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        msg = f"{web.password_file} cannot be read ({why}): it must hold the password in its first line."
        raise UserError(msg) from error
    return lines[0] if lines else ""


def _refuse_elsewhere(response: requests.Response, **_: Any) -> None:
    """Follow no answer to another server, with what it would be told of patients."""
    if response.is_redirect:
        there = urlsplit(urljoin(response.url, response.headers["location"]))
        if (there.scheme, there.netloc) != urlsplit(response.url)[:2]:
            msg = "it redirects to another server, which is not followed: if that is intended, give that server's url"
            raise Unreachable(msg)


@dataclass(frozen=True)
class _LengthLimit:
    """Lets no answer be longer than so many bytes, before it is read."""

    longest: int

    def __call__(self, response: requests.Response, **_: Any) -> None:
        read = response.iter_content

        def bounded(*arguments: Any, **options: Any) -> Iterator[bytes]:
            length = 0
            for part in read(*arguments, **options):
                length += len(part)
                if length > self.longest:
                    response.close()
                    msg = "its answer is longer than this service accepts"
                    raise AnswerTooLarge(msg)
                yield part

        response.iter_content = bounded  # type: ignore[method-assign]


@contextmanager
def _explained_errors() -> Iterator[None]:
    """Say why it failed, without the address, which has UIDs."""
    try:
        yield
    except requests.HTTPError as error:
        raise _status_error(0 if error.response is None else error.response.status_code) from error
    except requests.Timeout as error:
        msg = "it did not answer in time"
        raise Unreachable(msg) from error
    except requests.exceptions.SSLError as error:
        msg = "no encrypted connection is possible: the certificates of both sides do not match"
        raise Unreachable(msg) from error
    except requests.JSONDecodeError as error:
        raise Unreachable(_NO_DICOMWEB) from error
    except requests.RequestException as error:
        msg = "it cannot be connected to"
        raise Unreachable(msg) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreachable(_NO_DICOMWEB) from error


def _status_error(status: int) -> Exception:
    says = f"it says {status}, {responses.get(status, 'an unknown status')}"
    if status in _NOT_ALLOWED:
        return _NotServed(f"{says}: the user, the password or the certificate is not accepted")
    if status in _NOT_SERVED:
        return _NotServed(says)
    return Rejected(says) if status in _FINAL else Unreachable(says)


def _only_part(content_type: str, body: bytes) -> bytes:
    """The content of a multipart message that has one part (RFC 2046); some servers give it without the envelope."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if boundary is None:
        return body
    mark = b"--" + boundary.encode()
    begin = body.index(b"\r\n\r\n", body.index(mark)) + 4
    return body[begin : body.index(b"\r\n" + mark, begin)]


def _archived_series(answer: Json) -> ArchivedSeries:
    images = attribute_text(answer, _IMAGES)
    description, part = (attribute_text(answer, tag) if tag in answer else None for tag in (_DESCRIPTION, _BODY_PART))
    return ArchivedSeries(
        attribute_text(answer, _STUDY),
        attribute_text(answer, _SERIES),
        int(images) if images.isdecimal() else None,
        description,
        part,
        stated_time(attribute_text(answer, _DAY), attribute_text(answer, _TIME)),
    )


def _is_asked_for(answer: Json, since: str) -> bool:
    """Whether a series is what was searched for: some servers know not all attributes, and then answer with more."""
    day = attribute_text(answer, _DAY)
    return (
        attribute_text(answer, _MODALITY) == "CT"
        and (not day or day >= since)
        and is_uid(attribute_text(answer, _STUDY))
    )


def attribute_text(answer: Json, tag: str) -> str:
    """The first value of an attribute (PS3.18 annex F); empty where there is none."""
    element = answer.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    first = values[0] if isinstance(values, list) and values else None
    return "" if first is None else str(first)
