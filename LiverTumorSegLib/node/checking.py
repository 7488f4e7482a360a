"""Tries what a configuration names, so that what is wrong is known before any image comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..errors import UserError
from . import sender, tls
from .config import Config, Segmenting, Tls, Watch
from .dicomweb import DicomWeb
from .reaching import Rejected, Unreachable

_LONGEST_ANSWER = 10_000_000


def failures(config: Config, say: Callable[[str], None]) -> int:
    """Try everything, and say of each part what came of it; nothing is received, segmented or stored.

    Args:
        config: of the node, which may be running.
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
    yield "The model", partial(_model, config.segment)
    if config.receive and config.receive.tls:
        yield "The certificates for receiving", partial(_certificates, config.receive.tls)
    if config.watch:
        yield f"The archive that is watched, {config.watch.url}", partial(_watched, config.watch)
    yield "The archive that results go to", lambda: sender.archive(config.send).check()


def _model(segment: Segmenting) -> str:
    from .. import model, model_store
    from ..device import place

    loaded = model.load(model_store.find(segment.model))
    return f"{loaded.description.name}, on {place(segment.device)}."


def _certificates(certificates: Tls) -> str:
    tls.for_server(certificates)
    return "can be used."


def _watched(watch: Watch) -> str:
    DicomWeb(watch, _LONGEST_ANSWER).check()
    return "answers to QIDO-RS."
