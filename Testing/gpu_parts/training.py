"""Trainings of some steps on a made-up data set."""

import math
import subprocess
import sys

import torch
from support.repository import ROOT
from support.training_cases import RECIPE, make_data, recipe_with

from gpu_parts import Found, LeftOut, Setting
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.models.model_folder import WEIGHTS
from LiverTumorSegLib.training.fit import fit

NETWORKS = {
    "unet": "{name: unet, in_channels: 3, options: {features: [16, 16, 32, 64, 128, 16]}}",
    "segnet": "{name: segnet, in_channels: 3, options: {features: [16, 16, 32, 32, 32]}}",
    "resnet18": "{name: resnet18, in_channels: 3, options: {width: 16}}",
    "attention_unet_ds": "{name: attention_unet_ds, in_channels: 3, options: {features: [16, 16, 32, 64, 64]}}",
    "dalu_net": "{name: dalu_net, in_channels: 3, options: {slices: 3, features: [16, 16, 32, 64, 64]}}",
}
_LOG = "model-log/version_0/metrics.csv"


def thirty_steps(setting: Setting) -> Found:
    data, figures = make_data(setting.folder / "data"), {}
    chosen = list(NETWORKS)[: 1 if setting.small else None]
    for name in chosen:
        place = setting.folder / name
        place.mkdir()
        said = _train(setting, place, data, f"network={NETWORKS[name]}", "schedule.precision=bf16-mixed")
        losses = _losses(place)
        assert all(map(math.isfinite, losses)), f"The loss of {name} is not finite."
        figures[name] = f"loss {losses[0]:.3f} to {losses[-1]:.3f}. {' '.join(said)}"
    return Found(f"{len(chosen)} networks train with a finite loss.", figures)


def resumed(setting: Setting) -> Found:
    """A training that is cancelled midway and gone on with, against one without a break."""
    data, cancel = make_data(setting.folder / "data"), CancelToken()
    for name in ("unbroken", "broken"):
        (setting.folder / name).mkdir()
    changes = ("callbacks={checkpoint_every: 2}", f"network={NETWORKS['unet']}")
    _train(setting, setting.folder / "unbroken", data, *changes)

    def stop(_fraction, sentence):
        if sentence.startswith(f"Step {_steps(setting) // 2 + 1} "):
            cancel.cancel()

    try:
        _train(setting, setting.folder / "broken", data, *changes, progress=stop, cancel=cancel)
    except Cancelled:
        pass
    else:
        msg = "The training could not be cancelled."
        raise AssertionError(msg)
    _train(setting, setting.folder / "broken", data, *changes, resume=True)
    first, second = ((setting.folder / name / "model" / WEIGHTS).read_bytes() for name in ("unbroken", "broken"))
    assert first == second, "A training that was gone on with has other weights than an unbroken one."
    return Found("A training that was gone on with has the bytes of an unbroken one.")


def two_gpus(setting: Setting) -> Found:
    setting.require_cuda("each process has its own")
    if torch.cuda.device_count() < 2:
        msg = "There is one GPU on this machine."
        raise LeftOut(msg)
    data = make_data(setting.folder / "data")
    (setting.folder / "quick.yaml").write_text(RECIPE)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "LiverTumorSegLib.apps.cli", "train", setting.folder / "quick.yaml", "--data", data]
    words += ["--set", "schedule.steps=30", "-o", setting.folder / "model"]
    done = subprocess.run([*torchrun, *map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"It ended with {done.returncode}: {done.stderr[-500:]}"
    return Found("Two GPUs train one model.", {"loss": _losses(setting.folder)[-1]})


def _steps(setting: Setting) -> int:
    return 6 if setting.small else 30


def _train(setting: Setting, place, data, *changes, **options) -> list[str]:
    said: list[str] = []
    plan = recipe_with(place, f"schedule.steps={_steps(setting)}", "schedule.batch=4", "validation=[]", *changes)
    fit(plan, data, place / "model", command="gpu_check.py", device=setting.device, say=said.append, **options)
    return [sentence for sentence in said if "log is in" not in sentence]


def _losses(place) -> list[float]:
    header, *rows = [line.split(",") for line in (place / _LOG).read_text().splitlines()]
    return [float(row[header.index("loss")]) for row in rows if row[header.index("loss")]]
