"""What a model of nnU-Net's kind costs from file to file, beside bare forward passes and nnunetv2's own predictor.

    python Testing/benchmarks/nnunet.py [--nnunetv2 PYTHON] [--repeats N] [--device cpu|cuda:0] [--large]

A phantom's CT as .nii.gz becomes a file of nine labels, by a network that is first trained on it for some steps, so
that the labels are shapes. All ways have the same tiles and mirrors, and are timed in turns in one run:

- the floors: the forward passes over all tiles alone, one tile at a time, in float32 (on a GPU in nnU-Net's mixed
  float16) and in the device's own precision; of many passes a few are timed and counted up;
- exact, in nnU-Net's own arithmetic, and fast, as it runs by default; the result is not cleaned up;
- nnunetv2: its own predictor, in a process of the Python given that has everything loaded as well.

Then voxels and labels beside nnunetv2's, and the peak memory of processes that make one file (Linux; of a GPU, what
PyTorch had in use), beyond one that imports torch alone. ``--large`` is 512 x 512 x 300 voxels and a network as large
as TotalSegmentator's, for a GPU. Each size may be given by itself. Exits with 1 where a target is missed: exact takes
no longer than nnunetv2 and has its labels, fast takes half as long; all beside the network takes a third of its time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import nibabel
import numpy as np
import torch
from segment import in_turns, ratio
from support.trained_nnunet import STEP, Size, save_own, save_theirs, trained_network

from LiverTumorSegLib.core.arithmetic import inference_arithmetic
from LiverTumorSegLib.core.device import DevicePlacement, choose_device
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.postprocessing.options import OPTIONS
from LiverTumorSegLib.postprocessing.settings import Postprocessing

FLOOR, OWN_FLOOR = "bare forward passes", "bare, own precision"
EXACT, FAST, THEIRS = "exact", "fast", "nnunetv2"
SMALL = Size((48, 160, 160), (3.0, 2.2, 2.2), (2.5, 2.5, 2.5), (32, 64, 64), (8, 16, 32))
LARGE = Size((300, 512, 512), (1.5, 0.75, 0.75), (1.5, 1.5, 1.5), (128, 128, 128), (32, 64, 128, 256, 320, 320))
MOST_PASSES = 24
MOST_TIMES_THEIRS, LEAST_TIMES_FASTER, MOST_BESIDE = 1.0, 2.0, 1 / 3
LEAST_EQUAL, LEAST_DICE, COMMON = 0.9999, 0.999, 0.01
UNCLEANED = Postprocessing(**{option.name: option.off for option in OPTIONS})

PEAKS = """
import json, torch
host = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0
peaks = {"host": host, "gpu": gpu}
"""
SEGMENT = """
import sys
from pathlib import Path
sys.path.insert(0, BENCHMARKS)
from nnunet import from_file_to_file, model_folder
from_file_to_file(Path(sys.argv[1]), model_folder.load(Path(sys.argv[2])), *sys.argv[3:])
"""
PREDICT = """
import json, os, sys
from pathlib import Path
folder, device, answers = Path(sys.argv[1]), sys.argv[2], sys.stdout
sys.stdout = sys.stderr
for name in ("raw", "preprocessed", "results"):
    os.environ[f"nnUNet_{name}"] = str(folder)
os.environ["nnUNet_def_n_proc"] = str(os.cpu_count())  # nor does it take more threads than that
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from safetensors.torch import load_file
dataset = json.loads((folder / "dataset.json").read_text())
plans = PlansManager(str(folder / "plans.json"))
chosen = plans.get_configuration("3d_fullres")
kinds = chosen.network_arch_class_name, chosen.network_arch_init_kwargs, chosen.network_arch_init_kwargs_req_import
network = get_network_from_plans(*kinds, 1, len(dataset["labels"]), deep_supervision=False)
keys = network.load_state_dict(load_file(folder / "weights.safetensors"), strict=False)
copies = [key for key in keys.missing_keys if "all_modules" in key or key.startswith("decoder.encoder.")]
assert copies == keys.missing_keys and not keys.unexpected_keys, keys
predictor = nnUNetPredictor(
    tile_step_size=STEP, perform_everything_on_device=device != "cpu", device=torch.device(device), allow_tqdm=False
)
mirrors = tuple(json.loads(sys.argv[3])) or None
predictor.manual_initialization(
    network.eval(), plans, chosen, [network.state_dict()], dataset, "nnUNetTrainer", mirrors
)
for line in sys.stdin:
    predictor.predict_from_files_sequential([[line.strip()]], [str(folder / "theirs")])
    exec(PEAKS)
    print(json.dumps(peaks), file=answers, flush=True)
"""


def from_file_to_file(source: Path, loaded: Model, device: str, way: str) -> np.ndarray:
    """All labels of a CT, in one array and one file."""
    volume = volumes.read_volume(source)
    options = SegmentationOptions(nnunet=way, postprocessing=UNCLEANED)  # type: ignore[arg-type]
    result = segment(volume, loaded, device, options=options)
    for other in result.others:
        np.copyto(result.labels, other.labels, where=other.labels > 0)
    volumes.write_labels(source.with_name("ours.nii.gz"), result.labels, volume, overwrite=True)
    return result.labels


class NnUNetV2:
    """nnunetv2's predictor in a process of its own, which waits for files.

    Args:
        python: that has it.
        folder: with what :func:`support.trained_nnunet.save_theirs` writes.
        size: of the network.
        device: as PyTorch calls it.
    """

    def __init__(self, python: str, folder: Path, size: Size, device: str) -> None:
        code = f"PEAKS, STEP = {PEAKS!r}, {STEP}\n{PREDICT}"
        words = [python, "-c", code, str(folder), device, json.dumps(size.mirrors)]
        self._log = folder / "nnunetv2.log"
        with self._log.open("w") as log:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self._made = folder / "theirs.nii.gz"

    def __call__(self, source: Path) -> dict[str, int]:
        """Have it make a file of a CT's labels; the peak of its memory so far."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(f"{source}\n")
        asked.flush()
        answer = answers.readline()
        if not answer:
            msg = f"nnunetv2 ended early:\n{self._log.read_text()[-3000:]}"
            raise SystemExit(msg)
        return json.loads(answer)

    def labels(self, values: tuple[int, ...]) -> np.ndarray:
        """What it wrote last, a value in place of each of its channels."""
        channels = np.asarray(nibabel.load(self._made).dataobj).astype(np.uint8).transpose(2, 1, 0)
        return np.array(values, np.uint8)[channels]

    def close(self) -> None:
        self._process.communicate()


def bare(folder: Path, size: Size, placement: DevicePlacement, *, mixed: bool) -> Callable[[], None]:
    """Some passes of a network of its own, one tile at a time."""
    network = model_folder.load(folder / "model").network.to(placement.device, placement.dtype)
    tile = torch.randn(1, 1, *size.patch, device=placement.device, dtype=placement.dtype)

    @torch.inference_mode()
    def run() -> None:
        with (
            inference_arithmetic(placement.device, placement.dtype),
            torch.autocast(placement.device.type, torch.float16, enabled=mixed),
        ):
            for _ in range(passes_timed(size)):
                network(tile)

    return run


def passes_timed(size: Size) -> int:
    return min(size.passes, MOST_PASSES)


def times(folder: Path, size: Size, device: str, repeats: int, theirs: NnUNetV2 | None) -> list[str]:
    """Print seconds and agreement; returns the targets missed."""
    source, placement, loaded = folder / "ct.nii.gz", choose_device(device), model_folder.load(folder / "model")
    wide, on_gpu = placement.in_precision("float32"), placement.device.type == "cuda"
    made: dict[str, np.ndarray] = {}
    actions: dict[str, Callable[[], object]] = {
        FLOOR: bare(folder, size, wide, mixed=on_gpu),
        OWN_FLOOR: bare(folder, size, placement, mixed=False),
    }
    for way in (EXACT, FAST):
        actions[way] = lambda way=way: made.update({way: from_file_to_file(source, loaded, device, way)})  # type: ignore[misc]
    if theirs:
        actions[THEIRS] = lambda: theirs(source)
    seconds = in_turns(actions, repeats)
    for floor in (FLOOR, OWN_FLOOR):
        seconds[floor] = [taken * size.passes / passes_timed(size) for taken in seconds[floor]]
    print(f"\n{'':24s}{'s':>9s}{'x bare':>9s}{'x own':>9s}" + (f"{'x nnunetv2':>12s}" if theirs else ""))
    for name, taken in seconds.items():
        beside = [ratio(taken, seconds[floor]) for floor in (FLOOR, OWN_FLOOR)]
        print(f"{name:24s}{median(taken):9.2f}{beside[0]:9.2f}{beside[1]:9.2f}", end="")
        print(f"{ratio(taken, seconds[THEIRS]):12.2f}" if theirs else "")
    missed = []
    if (share := ratio(seconds[EXACT], seconds[FLOOR]) - 1) > MOST_BESIDE:
        missed.append(f"beside the network, exact takes {share:.2f} of its time, not {MOST_BESIDE:.2f}")
    return missed + (too_slow(seconds) + agreement(made, theirs, loaded) if theirs else [])


def too_slow(seconds: dict[str, list[float]]) -> list[str]:
    missed = []
    if (times := ratio(seconds[EXACT], seconds[THEIRS])) > MOST_TIMES_THEIRS:
        missed.append(f"exact takes {times:.2f} times as long as nnunetv2")
    if (faster := ratio(seconds[THEIRS], seconds[FAST])) < LEAST_TIMES_FASTER:
        missed.append(f"fast is {faster:.2f} times faster than nnunetv2, not {LEAST_TIMES_FASTER:g}")
    return missed


def agreement(made: dict[str, np.ndarray], theirs: NnUNetV2, loaded: Model) -> list[str]:
    """Print how equal labels are to nnunetv2's; returns the targets that exact misses."""
    settings, missed = loaded.description.nnunet, []
    assert settings
    reference = theirs.labels(settings.values)
    names = dict(zip(settings.values[1:], settings.outputs[1:], strict=True))
    shares = {name: float((reference == value).mean()) for value, name in names.items()}
    print(f"\n{'Dice with nnunetv2':24s}{'share':>9s}" + "".join(f"{way:>9s}" for way in made))
    found = {
        way: {name: dice(labels == value, reference == value) for value, name in names.items()}
        for way, labels in made.items()
    }
    for name, share in shares.items():
        figures = [found[way][name] for way in made]
        print(f"{name:24s}{share:9.2%}" + "".join(f"{'-' if each is None else f'{each:.4f}':>9s}" for each in figures))
    equal = {way: float((labels == reference).mean()) for way, labels in made.items()}
    print(f"{'equal voxels':33s}" + "".join(f"{share:9.3%}" for share in equal.values()))
    if equal[EXACT] < LEAST_EQUAL:
        missed.append(f"exact is equal to nnunetv2 at {equal[EXACT]:.3%} of the voxels, not {LEAST_EQUAL:.2%}")
    for name, share in shares.items():
        value = found[EXACT][name]
        if share >= COMMON and (value is None or value < LEAST_DICE):
            missed.append(f"exact's Dice of {name} with nnunetv2's is {value}, not {LEAST_DICE}")
    return missed


def memory(folder: Path, size: Size, device: str, python: str | None) -> None:
    """Print the peak memory of processes that make one file."""
    voxels, source = int(np.prod(size.shape)) * 2, folder / "ct.nii.gz"
    code = SEGMENT.replace("BENCHMARKS", repr(str(Path(__file__).parent)))
    words = source, folder / "model", device
    peaks = {way: peaks_of(sys.executable, code, *words, way) for way in (EXACT, FAST)}
    base = dict.fromkeys(peaks, peaks_of(sys.executable, "")["host"])
    if python:
        theirs = NnUNetV2(python, folder, size, device)
        peaks[THEIRS], base[THEIRS] = theirs(source), peaks_of(python, "")["host"]
        theirs.close()
    print(f"\n{'peak memory':24s}{'MB':>9s}{'x CT':>9s}{'whole MB':>10s}{'GPU, MB':>9s}")
    for name, peak in peaks.items():
        own = peak["host"] - base[name]
        print(f"{name:24s}{own / 1e6:9.0f}{own / voxels:9.1f}{peak['host'] / 1e6:10.0f}{peak['gpu'] / 1e6:9.0f}")


def peaks_of(python: str, code: str, *words: object) -> dict[str, int]:
    """Peak memory of a new process that runs some code, in bytes."""
    whole = f"{code}\n{PEAKS}\nprint(json.dumps(peaks))"
    said = subprocess.check_output([python, "-c", whole, *map(str, words)], text=True)
    return json.loads(said.splitlines()[-1])


def chosen_size(args: argparse.Namespace) -> Size:
    usual = LARGE if args.large else SMALL
    given = {field.name: tuple(value) for field in fields(usual) if (value := getattr(args, field.name)) is not None}
    return replace(usual, **given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nnunetv2", metavar="PYTHON", help="of an environment that has nnunetv2")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--steps", type=int, default=60, help="that the network learns from the phantom")
    for name, kind in (("shape", int), ("ct-mm", float), ("spacing", float), ("patch", int)):
        parser.add_argument(f"--{name}", type=kind, nargs=3)
    parser.add_argument("--features", type=int, nargs="+", help="of the network's stages")
    parser.add_argument("--mirrors", type=int, nargs="*", help="axes, none for none")
    args = parser.parse_args()
    size, place = chosen_size(args), choose_device(args.device)
    device = str(place.device)
    made = phantom.create(size.shape, size.ct_mm)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_volume(folder / "ct.nii.gz", made.volume)
        network = trained_network(made, size, args.steps, device)
        save_own(folder / "model", network, size)
        save_theirs(folder, network, size)
        voxels, seen = (" x ".join(map(str, shape[::-1])) for shape in (size.shape, size.patch))
        print(f"{voxels} voxels, {size.tiles} tiles of {seen}, {size.passes} passes, on {place}")
        theirs = NnUNetV2(args.nnunetv2, folder, size, device) if args.nnunetv2 else None
        try:
            missed = times(folder, size, device, args.repeats, theirs)
        finally:
            if theirs:
                theirs.close()
        memory(folder, size, device, args.nnunetv2)
    print("\n".join(["", "Targets missed:", *missed] if missed else ["", "All targets met."]))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
