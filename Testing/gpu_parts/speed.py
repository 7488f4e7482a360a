"""Seconds of a CT's stages beside the bare forward passes over all of its slices."""

from time import perf_counter

import torch

from gpu_parts import Found, Setting
from gpu_parts.cases import make_ct, shipped
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.reporting import lesions

AIMED = 1.3
"""Every slice beside reading and writing, in bare forward passes: what is aimed at on an H100, and no condition."""


@torch.inference_mode()
def stages(setting: Setting) -> Found:
    model, ct = shipped(), make_ct(setting, 160)
    options = {coarse: SegmentationOptions(coarse_pass=coarse) for coarse in (True, False)}
    segment(ct, model, setting.device, options=options[False])  # warms up
    figures = {"bare forward passes": _bare_seconds(setting, model, ct)}
    for coarse, name in ((False, "every slice"), (True, "coarse pass, then box")):
        told = _Told()
        began = perf_counter()
        done = segment(ct, model, setting.device, told, options=options[coarse])
        figures[name] = perf_counter() - began
        figures[f"{name}: cleaning up and lesions"] = began + figures[name] - told.first["Cleaning up"]
    began = perf_counter()
    lesions.measure_lesions(done.labels, ct)
    figures["measuring"] = perf_counter() - began
    ratio = figures["every slice"] / figures["bare forward passes"]
    figures["every slice in bare forward passes"], figures["aimed at"] = ratio, AIMED
    return Found(f"Every slice takes {ratio:.2f} times the bare forward passes.", figures)


class _Told:
    """When each sentence was told first."""

    def __init__(self):
        self.first: dict[str, float] = {}

    def __call__(self, _fraction: float, sentence: str) -> None:
        self.first.setdefault(sentence, perf_counter())


def _bare_seconds(setting: Setting, model, ct) -> float:
    engine = Predictor(model.network, choose_device(setting.device))
    store = SliceCache(ct.axial.of(ct.voxels), ct.axial.spacing, model.description, engine.placement)
    starts = range(0, store.count, engine.batch)
    batches = [store.channels(range(at, min(at + engine.batch, store.count)), engine.placement) for at in starts]
    engine(batches[0])
    _wait(setting)
    began = perf_counter()
    for batch in batches:
        engine(batch)
    _wait(setting)
    return perf_counter() - began


def _wait(setting: Setting) -> None:
    if setting.place.type == "cuda":
        torch.cuda.synchronize(setting.place)
