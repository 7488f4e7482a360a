"""The gain of each choice of the model that ships, on the same patients, whom none of the models was trained on.

    python Testing/benchmarks/choices.py LABEL=MODEL... [--data DIR] [--least-probability P] [--least-contrast HU]
        [--card MODEL]

Measures the models, from the first to the last choice, with no filter of unlikely or faint lesions, and the last one
with the one and then with both.
Beside each mean stands the difference from the row above, paired by patient, with the 95 % interval of a bootstrap over
patients. --card puts the table into a model's card. Needs the training data; nothing here is timed.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from LiverTumorSegLib.evaluation.comparison import paired_statistics
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models import store as model_store
from LiverTumorSegLib.models.description import Evidence, PatientDice
from LiverTumorSegLib.training.validate import measure_case, source_of, store_figures

SHARED = Path(__file__).resolve().parents[3] / "shared"
HEAD = ("choice", "liver Dice", "lesion Dice", "gain in lesion Dice", "false lesions, ml", "commands of training")
TITLE = "What each choice gained"
NONE = {"least_contrast_hu": 0.0, "least_probability": 0.0}

Cases = Mapping[str, PatientDice]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL")
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--least-contrast", type=float, default=10)
    parser.add_argument("--least-probability", type=float, default=0.85)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--card", help="name or folder of the model whose card gets the table")
    args = parser.parse_args()
    rows, before = [], None
    contrast, probability = {"least_contrast_hu": args.least_contrast}, {"least_probability": args.least_probability}
    choices = [(*one.split("=", 1), {}) for one in args.models]
    last = choices[-1][1]
    choices += [
        (f"lesions under {args.least_contrast:g} HU of contrast dropped", last, contrast),
        (f"lesions under a mean probability of {args.least_probability:g} dropped", last, contrast | probability),
    ]
    for label, name, filters in choices:
        cases, command = measured(name, filters, args)
        rows.append(row(label, cases, before, "the same model" if filters else command))
        print(" | ".join(rows[-1][:-1]), flush=True)
        before = cases
    if args.card:
        write(model_store.find_model(args.card), rows, ", ".join(before or ()))


def measured(name: str, filters: Mapping[str, float], args: argparse.Namespace) -> tuple[Cases, str]:
    """Figures of a model's validation patients, and the command that trained it."""
    trained = model_folder.load(model_store.find_model(name))
    cleaning = trained.description.postprocessing.model_copy(update=NONE | filters)
    options = SegmentationOptions(postprocessing=cleaning)
    names = trained.description.training.validation_patients
    cases = {
        patient: measure_case(
            trained, source_of(trained.description, args.data, patient), args.data, patient, args.device, options
        )
        for patient in names
    }
    return cases, trained.description.training.command


def row(label: str, cases: Cases, before: Cases | None, command: str) -> tuple[str, ...]:
    lesions = {name: case.lesion_dice for name, case in cases.items()}
    gain = "-"
    if before is not None:
        found = paired_statistics({name: before[name].lesion_dice for name in cases}, lesions)
        gain = f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
    false = [case.false_lesion_ml for case in cases.values() if case.lesion_dice is None]
    livers = [case.liver_dice for case in cases.values() if case.liver_dice is not None]
    shown = [value for value in lesions.values() if value is not None]
    return (label, f"{fmean(livers):.3f}", f"{fmean(shown):.3f}", gain, f"{max(false, default=0):.2f}", f"`{command}`")


def write(folder: Path, rows: list[tuple[str, ...]], patients: str) -> None:
    described = model_folder.read_description(folder)
    table = Evidence(
        title=TITLE,
        text=(
            f"Means by patient, on {patients}, whom none of these models was trained on; lesion Dice over those with "
            "lesions, false lesions: the largest volume in a patient without. Gains are from the row above. These "
            "patients were looked at while choosing, so that the gains flatter, and they are too few to tell a gain "
            "under 0.05 from chance."
        ),
        command=shlex.join(["python", *sys.argv]),
        head=HEAD,
        rows=tuple(rows),
    )
    store_figures(folder, described.with_evidence(table), described.figures)


if __name__ == "__main__":
    main()
