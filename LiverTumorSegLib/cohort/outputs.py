"""The files of a case."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .. import files, report_files
from ..description import Description
from ..files import probabilities
from ..inference import Segmentation
from ..label_writer import CERTAIN
from ..lesions import LesionTable
from ..volume import Volume
from .settings import Settings
from .unfinished import remove, whole_files


@dataclass(frozen=True)
class Outputs:
    """Where the files of a case go.

    Args:
        case: its name.
        labels: file.
        maps: file of probabilities by structure.
        report: folder.
    """

    case: str
    labels: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    report: Path | None = None

    @classmethod
    def of(cls, case: str, output: Path, settings: Settings, description: Description) -> Outputs:
        """The files that the settings ask for."""
        structures = description.labels[1:] if settings.probabilities else ()
        maps = probabilities.paths(settings.probabilities or output, case, structures)
        report = settings.report / case if settings.report else None
        return cls(case, output / f"{case}.{settings.format}", maps, report)

    @property
    def files(self) -> list[Path]:
        """Every one."""
        report = [self.report / name for name in sorted(report_files.NAMES)] if self.report else []
        return [self.labels, *self.maps.values(), *report]

    @property
    def are_whole(self) -> bool:
        """Whether all are there; each appears whole or not at all."""
        return all(path.is_file() for path in self.files)

    def check_grid(self, volume: Volume) -> None:
        """Raise :class:`UserError` where a format cannot hold the volume's grid."""
        files.check_grid(self.labels, volume)
        if self.maps:
            probabilities.check_grid(volume)

    def write(self, result: Segmentation, table: LesionTable) -> None:
        """Write every file, in place of what is there."""
        with whole_files(self.labels.parent, self.case) as scratch:
            files.write_labels(scratch / self.labels.name, result.labels, result.volume)
        for structure, path in self.maps.items():
            with whole_files(path.parent, self.case) as scratch:
                own = {structure: scratch / path.name}
                probabilities.write(own, result.probabilities, CERTAIN, result.volume)
        if self.report:
            with whole_files(self.report, self.case) as scratch:
                report_files.write(scratch, result, table)

    def remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it wrote."""
        for folder in {path.parent for path in self.files}:
            remove(folder, self.case)

    def remove(self) -> None:
        """Remove every file, so that a case that failed shows nothing of an earlier run."""
        for path in self.files:
            if path.is_file():
                path.unlink()
        if self.report:
            with suppress(OSError):  # it is not there, or holds what is not ours
                self.report.rmdir()
