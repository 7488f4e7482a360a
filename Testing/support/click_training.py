"""A patient with a small lesion and a large one, for training with clicks; around the liver is the same grey."""

import numpy as np
import torch

from LiverTumorSegLib.datasets.slices import Patient

SMALL, LARGE = np.s_[20:24, 22:26, 26:30], np.s_[8:16, 30:50, 40:60]
LIVER_GREY, LESION_GREY = 180, 90


def patient(name="a", *, lesions=(SMALL, LARGE), labels=None, numbers=None, slice_mm=2.0, lesions_apart=True):
    if labels is None:
        labels = torch.zeros(40, 64, 72, dtype=torch.uint8)
        labels[4:36, 8:56, 10:66] = 1
        for lesion in lesions:
            labels[lesion] = 2
    pixels = torch.full((len(labels), 1, *labels.shape[1:]), LIVER_GREY, dtype=torch.uint8)
    pixels[:, 0][labels == 2] = LESION_GREY
    return Patient(
        name, np.arange(len(labels)) if numbers is None else numbers, pixels, labels, slice_mm, lesions_apart
    )
