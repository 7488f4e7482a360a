"""Values pass as the source states them, valid or not, and nothing is said of them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pydicom import config

_LOGGERS = ("pydicom", "highdicom")


@contextmanager
def as_stated() -> Iterator[None]:
    """Carry what the source states over as it is, silently: what libraries say of it names the patient."""
    with ExitStack() as stack:
        stack.enter_context(config.disable_value_validation())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        yield
