"""Models that come from nnU-Net on the GPU, beside the labels that nnunetv2 gave on a CPU."""

import numpy as np
from support import nnunet_reference as reference

from gpu_parts import Found, Setting
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.inference.nnunet.export import NnUNetOutput
from LiverTumorSegLib.inference.nnunet.segment import label_volume
from LiverTumorSegLib.inference.segment import SegmentationOptions

LEAST = {"exact": 0.999, "fast": 0.995}
"""Share of equal voxels: on a GPU nnU-Net itself computes in float16 where it has float32 on a CPU."""

FEW = ("thick_plan", "slices", "smaller_than_the_patch")


def labels(setting: Setting) -> Found:
    names = FEW if setting.small else reference.names()
    figures, wrong = {}, []
    for name in names:
        ct, model, theirs = reference.ct(name), reference.model(name), reference.labels(name)
        for arithmetic, least in LEAST.items():
            out = NnUNetOutput(np.zeros(ct.voxels.shape, np.uint8))
            options = SegmentationOptions(nnunet=arithmetic)
            place, notes = label_volume(out, ct, model, choose_device(setting.device), options, Job())
            alike = float((out.labels == theirs).mean())
            figures[f"{name}, {arithmetic}"] = f"{alike:.4%}, {place}, {' '.join(notes) or 'no note'}"
            if alike < least or notes:
                wrong.append(f"{name}, {arithmetic} ({alike:.3%})")
    assert not wrong, f"These differ from nnU-Net's labels by more than is allowed: {', '.join(wrong)}."
    return Found(f"{len(names)} networks of nnU-Net's kind give its labels on {setting.place}.", figures)
