"""Whole CTs on the GPU."""

import numpy as np
import torch

from gpu_parts import Found, Setting
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions, segment
from LiverTumorSegLib.models.model_folder import Model, load
from LiverTumorSegLib.models.store import find_model

LEAST_DICE = 0.99
"""Of the liver on the GPU with that on the CPU."""


def shipped() -> Model:
    return load(find_model())


def make_ct(setting: Setting, slices: int = 120) -> Volume:
    """A phantom of a whole liver."""
    if setting.small:
        return phantom.create((24, 96, 96), (9.0, 4.0, 4.0)).volume
    return phantom.create((slices, 512, 512), (240 / slices, 0.75, 0.75)).volume


def thinner(ct: Volume, times: int) -> Volume:
    """The CT with each axial slice so many times, and as thin: to make up a finer one takes minutes."""
    affine = ct.affine.copy()
    affine[:3, 2] /= times
    return Volume(np.repeat(ct.voxels, times, axis=0), affine)


def livers_alike(found: Segmentation, wanted: Segmentation) -> float:
    """Dice of two livers, which is high enough."""
    alike = dice(found.labels > 0, wanted.labels > 0)
    assert alike >= LEAST_DICE, f"The livers' Dice with the CPU's is {alike:.4f}, below {LEAST_DICE}."
    return float(alike)


def twice(setting: Setting) -> Found:
    model, ct, figures = shipped(), make_ct(setting), {}
    for coarse in (True, False):
        name, options = "coarse" if coarse else "every slice", SegmentationOptions(coarse_pass=coarse)
        first, second = (segment(ct, model, setting.device, options=options) for _ in range(2))
        assert np.array_equal(first.labels, second.labels), f"Twice the same CT ({name}) gives two results."
        wanted = segment(ct, model, "cpu", options=options)
        figures |= {f"{name}: Dice with the CPU": livers_alike(first, wanted), f"{name}: seconds": second.seconds}
        figures |= {f"{name}: device": first.device, f"{name}: notes": " ".join(first.notes) or "none"}
    return Found("The same CT gives the same bytes twice, and the CPU's liver.", figures)


def many_slices(setting: Setting) -> Found:
    setting.require_cuda("peak memory is asked of it")
    ct = thinner(make_ct(setting, 200), 5)
    torch.cuda.reset_peak_memory_stats(setting.place)
    done = segment(ct, shipped(), setting.device, options=SegmentationOptions(coarse_pass=False))
    assert done.labels.any(), "No liver was found."
    peak = torch.cuda.max_memory_allocated(setting.place) / 2**30
    figures = {"peak GiB": peak, "seconds": done.seconds, "notes": " ".join(done.notes) or "none"}
    return Found(f"1,000 slices took {done.seconds:.1f} s and {peak:.1f} GiB at most.", figures)
