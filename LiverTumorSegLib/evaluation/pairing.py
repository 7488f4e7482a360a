"""Pairs of predictions and references, found by the case names of :mod:`.case_names` or by a CSV.

Folders are searched with all that is in them, but for what is hidden and for another of the given folders that lies
inside. In a folder of references, a file whose name does not say that it is a mask is the CT of one whose name does
(``volume-3`` of ``segmentation-3``). Whatever else is there twice is refused, never chosen from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..core import case_names
from ..core.case_names import CaseName
from ..core.errors import UserError
from ..io.dicom_files import is_segmentation
from ..io.volumes import stem
from . import case_list
from .label_pair import LESION_NAME, LIVER_NAME

_ENDINGS = ".nii, .nii.gz, .nrrd, .seg.nrrd, .nhdr, .mha or .mhd, and no DICOM segmentation (.dcm)"
_DICOM = ".dcm"
_OURS = "segmentation.dcm"
"""Name that ``livertumorseg segment --dicom`` gives the file in the folder of a case."""

_CHANNEL = "_0000"
"""Ending that nnU-Net gives the names of CTs."""

_PROBABILITIES = re.compile(rf"(.+)[_-]({LIVER_NAME}|{LESION_NAME})", re.IGNORECASE)

FilesByCase = dict[str, list[Path]]
"""Files by case; several where a name occurs several times."""


def find_volumes(folder: Path, others: Collection[Path] = ()) -> list[Path]:
    """Every volume in a folder and those in it, but for hidden ones, such as macOS's ``._liver_1.nii.gz``.

    Of files called ``.dcm`` those that are segmentations: others are slices, reports and the like.

    Args:
        folder: where to look.
        others: folders that are left out where they lie inside it.

    Raises:
        UserError: there is none.
    """
    inner = [other.resolve() for other in others if folder.resolve() in other.resolve().parents]
    found = [path for path in sorted(folder.rglob("*")) if _is_volume(path, folder)]
    found = [path for path in found if not any(other in path.resolve().parents for other in inner)]
    if not found:
        msg = f"{folder} holds no file that ends in {_ENDINGS}: give another folder."
        raise UserError(msg)
    return found


def holds_volume(folder: Path) -> bool:
    """Whether a folder holds a volume, in the sense of :func:`find_volumes`."""
    return any(_is_volume(path, folder) for path in folder.rglob("*"))


def group_by_case(paths: Iterable[Path]) -> FilesByCase:
    """Files by the case that their names say."""
    found: FilesByCase = {}
    for path in paths:
        found.setdefault(case_name(path).case, []).append(path)
    return found


def case_name(path: Path) -> CaseName:
    """Read a case's name from a file's name, or from its folder's where its own says nothing."""
    if path.name == _OURS:
        return CaseName(case_names.parse_case_name(path.absolute().parent.name).case, is_mask=True)
    return case_names.parse_case_name(path.stem if path.suffix.lower() == _DICOM else stem(path))


def separate_masks(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Split files into those whose names say that they are masks, and the others."""
    marked: list[Path] = []
    others: list[Path] = []
    for path in paths:
        (marked if case_name(path).is_mask else others).append(path)
    return marked, others


def images_of_case(case: str, found: FilesByCase) -> list[Path]:
    """The CTs of a case, those with nnU-Net's channel at the end of the name where there are no others."""
    return next((images for name in (case, case + _CHANNEL) if (images := separate_masks(found.get(name, []))[1])), [])


def probability_files(paths: Iterable[Path]) -> dict[str, FilesByCase]:
    """Files called ``CASE_liver`` and ``CASE_lesion``, by structure and case."""
    found: dict[str, FilesByCase] = {LIVER_NAME: {}, LESION_NAME: {}}
    for path in paths:
        if parts := _PROBABILITIES.fullmatch(stem(path)):
            case = case_names.parse_case_name(parts[1]).case
            found[parts[2].lower()].setdefault(case, []).append(path)
    return found


def _is_volume(path: Path, folder: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
        return False
    return is_segmentation(path) if path.suffix.lower() == _DICOM else stem(path) != path.name


_TWICE = "keep one, or name the cases in a CSV (--csv)."
_SWAPPED = "keep one, or are the two folders swapped (predictions come first)?"


@dataclass(frozen=True)
class EvaluationPair:
    """The files of one case.

    Args:
        case: its name.
        patient: whom it shows; the case's name where nothing else is said.
        prediction, reference: masks.
        image: the CT, where there is one.
        probabilities: files by ``liver`` and ``lesion``, those there are.
    """

    case: str
    patient: str
    prediction: Path
    reference: Path
    image: Path | None = None
    probabilities: dict[str, Path] = field(default_factory=dict)

    @property
    def folders(self) -> frozenset[Path]:
        """Folder of its files, which no report names."""
        files = (self.prediction, self.reference, *([self.image] if self.image else []), *self.probabilities.values())
        return frozenset(path.parent for path in files)


@dataclass(frozen=True)
class PairedCases:
    """The pairs that can be compared, and the files that cannot.

    Args:
        pairs: by name, ``volume-2`` before ``volume-10``; none where nothing can be compared.
        failed: a sentence by case, in the same order.
    """

    pairs: tuple[EvaluationPair, ...]
    failed: dict[str, str]


def find_pairs(
    predictions: Path,
    references: Path,
    *,
    csv: Path | None = None,
    images: Path | None = None,
    probabilities: Path | None = None,
) -> PairedCases:
    """Pair predictions with references.

    Args:
        predictions: folder of masks, or one.
        references: the same; two single files are a pair whatever they are called, and this one names the case.
        csv: list of pairs, as :func:`.case_list.read` reads it; its paths may be relative to ``predictions`` and
            ``references``, those of CTs to ``images`` or, where that is not given, to ``references``.
        images: folder of CTs, whose names may end in nnU-Net's ``_0000``; of two single files the CT itself, also one
            that is a folder of DICOM slices.
        probabilities: folder of ``CASE_liver`` and ``CASE_lesion``.

    Raises:
        UserError: something does not exist or holds nothing, is a file where a folder is needed, or is of no use.
    """
    sources = _Sources(predictions, references, csv, images, probabilities)
    sources.check()
    maps = sources.maps()
    candidates = sorted(sources.candidates(maps), key=lambda each: case_names.natural_sort_key(each.case))
    settled = {each.case: each.settled(maps) for each in candidates}
    pairs = tuple(result for result in settled.values() if isinstance(result, EvaluationPair))
    failed = {case: result for case, result in settled.items() if isinstance(result, str)}
    if pairs:
        case = pairs[0].case
        if images and not any(pair.image for pair in pairs):
            raise UserError(_unused_message("image", images, case))
        if probabilities and not any(pair.probabilities for pair in pairs):
            raise UserError(_unused_message("probability map", probabilities, f"{case}_{LESION_NAME}"))
    return PairedCases(pairs, failed)


@dataclass
class _Candidates:
    """Files that are said to be of one case."""

    case: str
    predictions: list[Path]
    references: list[Path]
    images: list[Path]
    patient: str = ""

    def settled(self, maps: dict[str, FilesByCase]) -> EvaluationPair | str:
        """The pair, or a sentence that says why there is none."""
        try:
            return self._pair(maps)
        except UserError as error:
            return str(error)

    def _pair(self, maps: dict[str, FilesByCase]) -> EvaluationPair:
        if not (self.predictions and self.references):
            alone, kind = (self.predictions, "reference") if self.predictions else (self.references, "prediction")
            msg = f"{alone[0]} has no {kind}: give the two files one name, or pair them with --csv."
            raise UserError(msg)
        return EvaluationPair(
            self.case,
            self.patient or self.case,
            self._only(self.predictions, _SWAPPED if _are_with_cts(self.predictions) else _TWICE),
            self._only(self.references),
            self._only(self.images) if self.images else None,
            {name: self._only(found[self.case]) for name, found in maps.items() if self.case in found},
        )

    def _only(self, paths: list[Path], advice: str = _TWICE) -> Path:
        if len(paths) > 1 and paths[0] == paths[1]:
            msg = f"{paths[0]} stands in two rows of the CSV, as {self.case}: keep one."
            raise UserError(msg)
        if len(paths) > 1:
            msg = f"{paths[0]} and {paths[1]} are both called {self.case}: {advice}"
            raise UserError(msg)
        _refuse_missing(paths[0])
        return paths[0]


@dataclass(frozen=True)
class _Sources:
    """The arguments of :func:`find_pairs`."""

    predictions: Path
    references: Path
    csv: Path | None
    images: Path | None
    probabilities: Path | None

    @property
    def given(self) -> list[Path]:
        return [path for path in vars(self).values() if path is not None]

    @property
    def in_folders(self) -> bool:
        """Whether these are many cases, not two files."""
        return self.csv is not None or self.predictions.is_dir()

    def check(self) -> None:
        for path in self.given:
            _refuse_missing(path)
        if self.predictions.is_dir() != self.references.is_dir():
            one, other = sorted((self.predictions, self.references), key=Path.is_dir)
            msg = f"{one} is a file and {other} is a folder: give two files or two folders."
            raise UserError(msg)
        for path in (self.probabilities, *((self.predictions, self.images) if self.in_folders else ())):
            if path is not None and not path.is_dir():
                msg = f"{path} is a file: give the folder that it is in."
                raise UserError(msg)

    def maps(self) -> dict[str, FilesByCase]:
        """Probabilities by structure and case."""
        paths = find_volumes(self.probabilities, self.given) if self.probabilities else []
        return probability_files(paths)

    def candidates(self, maps: dict[str, FilesByCase]) -> list[_Candidates]:
        if self.csv:
            return self._listed(self.csv)
        if self.predictions.is_dir():
            return self._by_name(maps)
        case = _case(self.references)
        return [_Candidates(case, [self.predictions], [self.references], self._images()(case))]

    def _images(self) -> Callable[[str], list[Path]]:
        """A function that finds the CTs of a case."""
        images = self.images
        if images is None:
            return lambda _: []
        if images.is_file() or not (self.in_folders or holds_volume(images)):
            return lambda _: [images]
        found = group_by_case(find_volumes(images, self.given))
        return lambda case: images_of_case(case, found)

    def _listed(self, csv: Path) -> list[_Candidates]:
        images_of = self._images()
        found: dict[str, _Candidates] = {}
        for row in case_list.read(csv):
            case = row.case or _case(Path(row.reference))
            own = [(self.images or self.references) / row.image] if row.image else images_of(case)
            candidates = found.setdefault(case, _Candidates(case, [], [], own, row.patient))
            candidates.predictions.append(self.predictions / row.prediction)
            candidates.references.append(self.references / row.reference)
        return list(found.values())

    def _by_name(self, maps: dict[str, FilesByCase]) -> list[_Candidates]:
        images_of = self._images()
        probabilities = {path for found in maps.values() for paths in found.values() for path in paths}
        masks = [path for path in find_volumes(self.predictions, self.given) if path not in probabilities]
        found = group_by_case(masks)
        wanted = group_by_case(find_volumes(self.references, self.given))
        candidates = []
        for case in found.keys() | wanted.keys():
            marked, others = separate_masks(wanted.get(case, []))
            references, beside = (marked, others) if marked else (others, [])
            own = images_of(case) or beside
            candidates.append(_Candidates(case, found.get(case, []), references, own))
        return candidates


def _case(path: Path) -> str:
    return case_name(path).case


def _are_with_cts(paths: list[Path]) -> bool:
    return all(separate_masks(paths))


def _unused_message(kind: str, folder: Path, wanted: str) -> str:
    return f"No {kind} in {folder} is named after a case: expected names such as {wanted}.nii.gz."


def _refuse_missing(path: Path) -> None:
    if not path.exists():
        msg = f"{path} does not exist: check the name."
        raise UserError(msg)
