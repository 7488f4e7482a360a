"""From a system's name and a folder of data to its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..experiments.run_options import RunOptions
from . import data_set, encoder_files, report, results, system
from .quick import PATIENTS
from .results import Reproduction
from .run import Wanted, run
from .system import ProtocolName


def reproduce(
    name: str,
    data: Path,
    folder: Path,
    protocol: ProtocolName,
    *,
    quick: bool = False,
    weights: Sequence[Path] = (),
    intensities: tuple[float, float] | None = None,
    options: RunOptions | None = None,
) -> Reproduction:
    """Train and measure a published system, and write ``reproduction.csv``, ``.json`` and ``.md``.

    What is in the folder of this reproduction, by whichever protocol, stays and comes into the tables; what is done is
    not done again.

    Args:
        name: of :func:`.system.names`.
        data: folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures.
        folder: to write to.
        protocol: ``published``, as far as the paper says, or ``sound``.
        quick: make it small, see :mod:`.quick`.
        weights: files of ImageNet weights.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        options: where to run, and whom to tell.

    Raises:
        UserError: there is no such system, the data or weights cannot be used, or the folder holds something else.
        Cancelled: the user asked to stop; what is done stays.
    """
    chosen, options = system.load(name), options or RunOptions()
    files = encoder_files.by_network(weights)
    encoder_files.refuse_unused(files, chosen.from_weights)
    found = data_set.find(data, intensities, PATIENTS if quick else None)
    fresh = Reproduction(name=name, quick=quick, data=found.in_words, metrics=chosen.metrics)
    known = results.begun(folder, fresh, overwrite=options.overwrite)
    wanted = Wanted(chosen, protocol, files, folder, quick)
    done = known.with_protocol(protocol, run(wanted, found, options))
    report.write(folder, chosen, done)
    return done
