"""What a sender offers and this service does not take: a sentence on it, and on what is to be done about it.

A sender says at the beginning of an association which kinds of objects, in which encodings, it may send (PS3.8, section
7.1.1.13). Most offer all that they may ever send; one that offers nothing that is taken loses every image that it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.uid import UID, UID_dictionary
from pynetdicom.presentation import PresentationContext

_MOST_NAMED = 4


def taken_of(accepted: Iterable[PresentationContext], kinds: frozenset[str]) -> set[str]:
    """Those of the kinds of images that are taken here which a sender may send."""
    return {str(context.abstract_syntax) for context in accepted} & kinds


def refusal_words(refused: Iterable[PresentationContext], kinds: frozenset[str]) -> str:
    """A sentence on an offer of which no image is taken, to follow the sender's name; empty where none was offered.

    Args:
        refused: what was offered and is not taken.
        kinds: SOP classes of the images that are taken.
    """
    offered = list(refused)
    of_ct = [context for context in offered if context.abstract_syntax in kinds]
    if of_ct:
        encodings = _listed(str(syntax) for context in of_ct for syntax in context.transfer_syntax)
        return (
            f"offers CT images only in encodings that are not read here ({encodings}), so none is taken: have it send "
            "them uncompressed, in Explicit or Implicit VR Little Endian"
        )
    if offered:
        found = _listed(str(context.abstract_syntax) for context in offered)
        return (
            f"offers only what is not taken here ({found}), so nothing of it comes in: have it send CT images, and "
            "change the rule by which it sends others here"
        )
    return ""


def _listed(uids: Iterable[str]) -> str:
    """The standard's names of UIDs, the first few; what it does not name may be anything, and is not repeated."""
    names = list(dict.fromkeys(UID(uid).name if uid in UID_dictionary else "a private one" for uid in uids))
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
