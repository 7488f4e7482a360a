"""Links between lesions as a user changes them: what was said by hand stays, whatever is computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.errors import UserError
from .matching import Link, Relation


def pair(links: Sequence[Link], earlier: int, later: int) -> tuple[Link, ...]:
    """Say that two lesions are one, or belong together: what either was linked with stays linked with both.

    Of two that are linked with each other alone, the link is then the user's.

    Args:
        links: every lesion in one of them.
        earlier: number of the one.
        later: number of the other.

    Raises:
        UserError: there is no such lesion.
    """
    first, second = _link_of(links, earlier, "earlier"), _link_of(links, later, "later")
    if first is second and first.relation != "one":
        return tuple(links)
    if first is second:
        return tuple(_by_hand(link.earlier, link.later) if link is first else link for link in links)
    joined = _by_hand((*first.earlier, *second.earlier), (*first.later, *second.later))
    return _sorted([*(link for link in links if link not in (first, second)), joined])


def unpair(links: Sequence[Link], earlier: int, later: int) -> tuple[Link, ...]:
    """Say that two lesions do not belong together: the earlier one is taken out of what they are linked in.

    Of a link of one earlier lesion with several later ones the later one is taken out.

    Raises:
        UserError: there is no such lesion, or they are not linked.
    """
    link = _link_of(links, earlier, "earlier")
    if later not in link.later:
        msg = f"Lesion {earlier} of the earlier CT is not paired with lesion {later} of the later one."
        raise UserError(msg)
    if len(link.earlier) == 1 and len(link.later) > 1:
        parts = [_by_hand(link.earlier, (n for n in link.later if n != later)), _by_hand((), (later,))]
    else:
        parts = [_by_hand((earlier,), ()), _by_hand((n for n in link.earlier if n != earlier), link.later)]
    return _sorted([*(each for each in links if each is not link), *parts])


def was_there(links: Sequence[Link], later: int) -> tuple[Link, ...]:
    """Say that a lesion without an earlier one was there, though nothing was marked.

    Raises:
        UserError: there is no such lesion, or it is linked with an earlier one.
    """
    link = _link_of(links, later, "later")
    if link.earlier:
        msg = f"Lesion {later} of the later CT is paired with an earlier one already."
        raise UserError(msg)
    said = Link((), link.later, "was there", "certain", by_hand=True)
    return _sorted([*(each for each in links if each is not link), said])


def _link_of(links: Sequence[Link], number: int, which: str) -> Link:
    for link in links:
        if number in (link.earlier if which == "earlier" else link.later):
            return link
    msg = f"There is no lesion {number} in the {which} CT."
    raise UserError(msg)


def _by_hand(earlier: Iterable[int], later: Iterable[int]) -> Link:
    before, after = tuple(sorted(earlier)), tuple(sorted(later))
    return Link(before, after, _relation(len(before), len(after)), "certain", by_hand=True)


def _relation(before: int, after: int) -> Relation:
    if not before:
        return "new"
    if not after:
        return "gone"
    if before == after == 1:
        return "one"
    if after == 1:
        return "merged"
    return "split" if before == 1 else "unclear"


def _sorted(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: (not link.later, link.later, link.earlier)))
