"""Memory that runs out, errors that stay, and numbers that are not finite: made on purpose."""

from dataclasses import replace
from unittest import mock

import numpy as np
import torch
from support.cohort_cases import save_cohort
from support.models import Thresholds, describe

from gpu_parts import Found, Setting
from gpu_parts.cases import livers_alike, make_ct, shipped
from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.core.device_loss import has_lost_device
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference import segment as inference
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models.model_folder import Model

FRACTIONS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02)


def out_of_memory(setting: Setting) -> Found:
    """PyTorch's own limit, under which real allocations fail; the batch is that of a GPU that has it all."""
    setting.require_cuda("its memory is what runs out")
    model, ct, figures = shipped(), make_ct(setting), {}
    options = SegmentationOptions(coarse_pass=False, batch=64)
    wanted = segment(ct, model, "cpu", options=replace(options, batch=None))
    for fraction in FRACTIONS:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(fraction, setting.place)
        found = segment(ct, model, setting.device, options=options)
        alike = livers_alike(found, wanted)
        figures[f"{fraction:g} of the memory"] = (
            f"{found.device}, Dice {alike:.4f}, {' '.join(found.notes) or 'no note'}"
        )
    assert not has_lost_device(), "A lack of memory was taken for a lost GPU."
    return Found(f"With {FRACTIONS[0]} to {FRACTIONS[-1]} of the memory the CPU's liver is found.", figures)


class AssertsOnce(Thresholds):
    """Reads beyond a tensor on the GPU, once in all processes, which CUDA never forgives a process."""

    def __init__(self, marker):
        super().__init__()
        self.marker = marker

    def logits(self, slices):
        if slices.device.type == "cuda" and not self.marker.exists():
            self.marker.touch()
            beyond = torch.full((1,), 1 << 20, device=slices.device)
            torch.zeros(2, device=slices.device)[beyond].sum().item()
        return super().logits(slices)


def sticky_error(setting: Setting) -> Found:
    """A cohort whose first case loses the GPU: the second is on the GPU again, in another process."""
    setting.require_cuda("the assertion fails on it")
    model = Model(describe(), AssertsOnce(setting.folder / "asserted"))
    cts = save_cohort(setting.folder / "cts", 3)
    done = cohort.segment_cohort(cts, setting.folder / "out", model, device=setting.device)
    assert not done.failed, f"A case failed: {next(iter(done.failed.values()))}"
    first, *rest = done.done.values()
    assert first.device.startswith("cpu"), f"The case whose GPU was lost ran on {first.device}."
    assert any("stopped working" in warning for warning in first.warnings), "It was not said that the GPU was lost."
    assert all(record.device.startswith("cuda") for record in rest), "The GPU was not used again."
    return Found("After a real assertion on the GPU the next case ran on it again.", {"said": " ".join(first.warnings)})


class Overflowing(Thresholds):
    """NaN in float16."""

    def logits(self, slices):
        logits = super().logits(slices)
        return logits * float("nan") if slices.dtype == torch.float16 else logits


def not_finite(setting: Setting) -> Found:
    """A GPU that gets float16 by itself, as those before Ampere do."""
    ct, model = phantom.create((12, 48, 48), (15.0, 8.0, 8.0)).volume, Model(describe(), Overflowing())

    def choose(_, precision):
        return replace(choose_device(setting.device), dtype=torch.float16).in_precision(precision)

    with mock.patch.object(inference, "choose_device", choose):
        found = segment(ct, model)
    wanted = segment(ct, model, "cpu", options=SegmentationOptions(precision="float32"))
    assert np.mean(found.labels == wanted.labels) > 0.999, "The second try gave other labels than the CPU."
    assert found.device.startswith(str(setting.place)), f"It went on on {found.device}."
    assert "float32" in found.device, f"It was not done again in float32 but on {found.device}."
    return Found("NaN in float16 is done again in float32 on the same device.", {"said": " ".join(found.notes)})
