"""A configuration in sentences, and a trial of the model, the certificates and the archives that it names."""

from __future__ import annotations

import ipaddress
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ...core.about import AUTO_LIVER, NO_LIVER
from ...core.errors import UserError
from . import connection, sender
from .config import CatchUp, Config, Peer, Receive, SegmentConfig, Send, Sender, Tls, Watch, Web
from .connection import Rejected, Unreachable
from .dicomweb import DicomWeb
from .move_archive import check_archive

_LONGEST_ANSWER = 10_000_000


def try_configuration(config: Config, say: Callable[[str], None]) -> int:
    """Try everything, and say of each part what came of it; nothing is received, segmented or stored.

    Args:
        config: of the service, which may be running.
        say: told a sentence for each part.

    Returns:
        How many parts cannot be used.
    """
    count = 0
    for part, attempt in _attempts(config):
        try:
            said = attempt()
        except (UserError, Unreachable, Rejected) as error:
            count += 1
            said = f"cannot be used: {str(error).rstrip('.')}."
        say(f"{part}: {said}")
    return count


def _attempts(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "The models" if config.segment.also else "The model", partial(_try_model, config.segment)
    if config.receive and config.receive.tls:
        yield "The certificates for receiving", partial(_try_certificates, config.receive.tls)
    if config.watch:
        yield f"The archive that is watched, {config.watch.url}", partial(_try_watched, config.watch)
    if config.catch_up and config.receive and config.send.dicom and not config.watch:
        asked = partial(check_archive, config.send.dicom, config.receive.ae_title)
        yield "The archive that is searched for what was missed", asked
    yield "The archive that results go to", lambda: sender.make_archive(config.send).check()


def _try_model(segment: SegmentConfig) -> str:
    from ...core.device import choose_device
    from ...inference.model_set import load_models

    loaded = load_models(segment.model, segment.liver_model, segment.also)
    names = ", ".join(each.name for each in loaded.descriptions)
    return f"{names}, on {choose_device(segment.device, segment.precision)}."


def _try_certificates(certificates: Tls) -> str:
    connection.server_context(certificates)
    return "can be used."


def _try_watched(watch: Watch) -> str:
    DicomWeb(watch, _LONGEST_ANSWER).check()
    return "answers to QIDO-RS."


def configuration_sentences(config: Config) -> Iterator[str]:
    """Sentences on what is received, watched, segmented and sent, and on what of that is not safe."""
    if config.receive:
        yield _receiving_sentence(config.receive)
    if config.watch:
        how = _unencrypted_note(config.watch)
        yield f"Asks {config.watch.url} for new CT series every {config.watch.every_seconds:g} s{how}."
    if config.catch_up:
        yield _catching_up_sentence(config, config.catch_up)
    if config.share:
        yield "Shares them with other services, through a queue in PostgreSQL."
    yield _segmenting_sentence(config.segment)
    yield _sending_sentence(config.send)
    yield from _warnings(config)


def _catching_up_sentence(config: Config, wanted: CatchUp) -> str:
    how = "" if config.watch else " by QIDO-RS" if config.send.web else " by C-FIND and C-MOVE"
    web, peer = config.watch or config.send.web, config.send.dicom
    where = web.url if web else peer.ae_title if peer else ""
    often = "" if config.watch else f", at the start and every night at {wanted.hour:02}:00"
    return f"Looks for missed series, up to {wanted.days} days back, in {where}{how}{often}."


def _segmenting_sentence(segment: SegmentConfig) -> str:
    liver = "" if segment.liver_model in (AUTO_LIVER, NO_LIVER) else f", in the liver of {segment.liver_model}"
    also = f", and also with {', '.join(segment.also)}" if segment.also else ""
    return f"Segments with {segment.model} on {segment.device}{liver}{also}."


def _receiving_sentence(receive: Receive) -> str:
    whom = ", ".join(_sender(sender) for sender in receive.senders)
    how = _encrypted(receive.tls)
    return f"Receives CT as {receive.ae_title} on port {receive.port} of {receive.address}, {how}, only from {whom}."


def _sender(sender: Sender) -> str:
    return f"{sender.ae_title} at {sender.address or 'any address'}"


def _sending_sentence(send: Send) -> str:
    if send.web:
        return f"Sends results to {send.web.url}{_unencrypted_note(send.web)}."
    return f"Sends results to {_peer(send.dicom)}." if send.dicom else ""


def _unencrypted_note(web: Web) -> str:
    return "" if _is_encrypted(web) else ", not encrypted"


def _peer(peer: Peer) -> str:
    return f"{peer.ae_title} on port {peer.port} of {peer.address}, {_encrypted(peer.tls)}"


def _encrypted(tls: Tls | None) -> str:
    return "encrypted" if tls else "not encrypted"


def _warnings(config: Config) -> Iterator[str]:
    if config.receive:
        yield from _of_senders(config.receive)
        yield from _of_archive(config, config.receive)
    yield from connection_warnings((config.receive, config.watch, config.send.web, config.send.dicom))


def connection_warnings(ends: Sequence[Receive | Web | Peer | None]) -> Iterator[str]:
    """Sentences on passwords that others could read, on their way or in their file, and on keys."""
    webs = [end for end in ends if isinstance(end, Web)]
    for web in webs:
        if web.user and not _is_encrypted(web) and not _is_this_machine(web.url):
            yield f"Warning: the password for {web.url} can be read on the way: give an address with https://."
    secrets = [web.password_file for web in webs if web.password_file]
    secrets += [end.tls.key for end in ends if end and end.tls]
    for file in dict.fromkeys(secrets):
        if _is_readable_by_all(file):
            yield f"Warning: all users of this machine may read {file}: let the service alone read it (chmod 600)."


def _of_senders(receive: Receive) -> Iterator[str]:
    """A title is no proof: where other machines can connect, it alone keeps nobody out."""
    if receive.tls or _is_of_this_machine(receive.address):
        return
    for listed in receive.senders:
        if listed.address is None:
            yield (
                f"Warning: any machine that calls itself {listed.ae_title} is served: give the sender's address in "
                "[receive] senders, or certificates in [receive.tls]."
            )


def _of_archive(config: Config, receive: Receive) -> Iterator[str]:
    """A C-MOVE is answered by a C-STORE, which is rejected from whom is not listed."""
    peer = config.send.dicom
    if config.catch_up and not config.watch and peer and peer.ae_title not in {one.ae_title for one in receive.senders}:
        yield (
            f"Warning: {peer.ae_title} is asked to send missed series but is not in [receive] senders: list it there."
        )


def _is_encrypted(web: Web) -> bool:
    return web.url.startswith("https:")


def _is_this_machine(url: str) -> bool:
    try:
        return _is_of_this_machine(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _is_of_this_machine(host: str) -> bool:
    """Whether other machines cannot connect to a host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _is_readable_by_all(file: Path) -> bool:
    """Whether others may read it; of one that is missing more is said elsewhere."""
    try:
        return sys.platform != "win32" and bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
