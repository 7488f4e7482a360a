"""By which identifier each lesion is known at each visit, so that a lesion keeps its own from report to report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..reporting.dicom_common import UidMaker
from .dicom_objects import Tracking, VisitImages
from .matching import Link

_NUMBERED = re.compile(r"Lesion (\d{1,6})")


def track(
    visits: Sequence[VisitImages],
    links: Sequence[Sequence[Link]],
    known: Sequence[Mapping[int, Tracking]],
) -> tuple[dict[int, Tracking], ...]:
    """Identifiers of the lesions of each visit, by their numbers.

    One lesion in one lesion keeps its identifier; lesions that merged, split, or are new have their own. Where nothing
    was known before, it follows from the CT's images and the lesion's place in it: a comparison that is made again has
    the same.

    Args:
        visits: in their order.
        links: between each and the next.
        known: what lesions of each visit were known by before, see :meth:`.dicom_objects.EarlierObjects.trackings`.
    """
    taken = _Taken()
    found = [{one.number: taken.give(one.number, known[0], visits[0]) for one in visits[0].scan.table.lesions}]
    for visit, between, before in zip(visits[1:], links, known[1:], strict=True):
        same = {link.later[0]: found[-1][link.earlier[0]] for link in between if link.relation == "one"}
        numbers = [one.number for one in visit.scan.table.lesions]
        found.append({n: same.get(n) or taken.give(n, before, visit) for n in numbers})
    return tuple(found)


class _Taken:
    """Identifiers that are in use, each by one lesion."""

    def __init__(self) -> None:
        self._uids: set[str] = set()
        self._names: set[str] = set()

    def give(self, number: int, known: Mapping[int, Tracking], visit: VisitImages) -> Tracking:
        """What a lesion is known by; its own where another lesion has that already."""
        before = known.get(number)
        if before is None or before.uid in self._uids:
            place = next(one.inside_voxel for one in visit.scan.table.lesions if one.number == number)
            uid = UidMaker("lesion", *visit.numbers)(" ".join(map(str, place)))
            before = Tracking(uid, f"Lesion {number}")
        named = Tracking(before.uid, self._free(before.name or f"Lesion {number}"))
        self._uids.add(named.uid)
        self._names.add(named.name)
        return named

    def _free(self, name: str) -> str:
        """The name, or the next number that no lesion has."""
        return name if name not in self._names else f"Lesion {1 + max(_numbers(self._names), default=0)}"


def _numbers(names: Iterable[str]) -> list[int]:
    return [int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name))]
