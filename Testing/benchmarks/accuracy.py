"""Accuracy of a model beside the reference network's, on the same patients through the same steps.

    python Testing/benchmarks/accuracy.py [--model NAME] [--data DIR] [--reference FILE] [--write]

Prints Dice by patient of the model with and without the coarse pass, and of the reference network (MONAI BasicUNet,
256 px, one slice). Both get the model's postprocessing. Needs the training data; nothing here is timed.
"""

import argparse
from pathlib import Path

import torch
from monai.networks.nets import BasicUNet
from safetensors.torch import load_file

from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models import store as model_store
from LiverTumorSegLib.models.description import NetworkSpec, PatientDice, SliceStack
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.networks import SliceNetwork
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.training.validate import measure_case, source_of, store_figures

SHARED = Path(__file__).resolve().parents[3] / "shared"
REFERENCE_STEPS = [{"step": "window", "level": 60, "width": 200}, {"step": "resize", "height": 256, "width": 256}]


REMARK = (
    "Columns to the right: `python Testing/benchmarks/accuracy.py --write`; “every slice” is this model without its "
    "coarse pass. The reference network left volumes 8, 18, 36 and 43 out of its training, not 11 and 32: only those "
    "four compare like with like. A difference in lesion Dice under 0.05 is noise on so few patients."
)


class Reference(SliceNetwork):
    """The reference network, padded to what its four halvings need."""

    stride = 16

    def __init__(self, weights: Path) -> None:
        super().__init__(1, 3)
        self.body = BasicUNet(2, 1, 3, features=(16, 32, 64, 128, 256, 16))
        self.body.load_state_dict({name: values.float() for name, values in load_file(weights).items()})

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return self.body(slices)


def reference_model(ours: Model, weights: Path) -> Model:
    """The reference network with our description but for its input."""
    changes = {
        "network": NetworkSpec(name="unet", in_channels=1),
        "stack": SliceStack(),
        "preprocessing": Chain.model_validate(REFERENCE_STEPS),
    }
    return Model(ours.description.model_copy(update=changes), Reference(weights).eval())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--reference", type=Path, default=SHARED / "weights" / "basicunet16-256.safetensors")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", action="store_true", help="put the comparison into the model's card")
    args = parser.parse_args()
    folder = model_store.find_model(args.model)
    ours = model_folder.load(folder)
    if not ours.description.training.validation_patients:
        parser.error(f"{folder} was trained on everybody: give a --model that kept patients for validation")
    ways = {
        "coarse pass, then box": (ours, SegmentationOptions()),
        "every slice": (ours, SegmentationOptions(coarse_pass=False)),
        "reference network": (reference_model(ours, args.reference), SegmentationOptions(coarse_pass=False)),
    }
    measured = {}
    for way, (network, options) in ways.items():
        print(f"\n{way}", end="")
        measured[way] = measure(network, options, ours, args)
    if args.write and ours.description.figures:
        others = {way: cases for way, cases in measured.items() if way != "coarse pass, then box"}
        store_figures(
            folder, ours.description, ours.description.figures.model_copy(update={"compared": others, "remark": REMARK})
        )


def measure(
    network: Model, options: SegmentationOptions, ours: Model, args: argparse.Namespace
) -> dict[str, PatientDice]:
    print("\npatient      liver  lesion  false lesions ml")
    cases = {}
    for name in ours.description.training.validation_patients:
        source = source_of(ours.description, args.data, name)
        cases[name] = case = measure_case(network, source, args.data, name, args.device, options)
        lesion = "    -" if case.lesion_dice is None else f"{case.lesion_dice:.3f}"
        print(f"{name:11s}  {case.liver_dice:.3f}  {lesion}   {case.false_lesion_ml:.2f}")
    known = [case.lesion_dice for case in cases.values() if case.lesion_dice is not None]
    livers = [case.liver_dice for case in cases.values()]
    print(f"{'mean':11s}  {sum(livers) / len(livers):.3f}  {sum(known) / len(known):.3f}")
    return cases


if __name__ == "__main__":
    main()
