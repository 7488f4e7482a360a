"""Folders as nnU-Net leaves them after a training, with networks of this program whose weights are named as there."""

import json
from pathlib import Path

import numpy as np
import torch

from LiverTumorSegLib.networks import create_with_options

from .nnunet_models import SCALE, banded_options, fill_bands

FOLDER = "nnUNetTrainer__nnUNetPlans__3d_fullres"
BY_HU = {"0": {"percentile_00_5": -1000.0, "percentile_99_5": 1000.0, "mean": 0.0, "std": SCALE}}


def plans_of(axes=3, **changes):
    """Plans with ``architecture`` whose network :func:`support.nnunet_models.fill_bands` fills; axes of 2 mm."""
    options = banded_options(axes)
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": options["features"],
            "conv_op": f"torch.nn.modules.conv.Conv{axes}d",
            "kernel_sizes": options["kernels"],
            "strides": options["strides"],
            "n_conv_per_stage": options["encoder"],
            "n_conv_per_stage_decoder": options["decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.batchnorm.BatchNorm{axes}d",
            "norm_op_kwargs": {"eps": options["eps"], "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    spline = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16] * axes,
        "spacing": [2.0] * axes,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": spline,
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": spline | {"order": 1},
        "architecture": architecture,
    } | changes
    return {
        "dataset_name": "Dataset900_Bands",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "foreground_intensity_properties_per_channel": BY_HU,
        "configurations": {"3d_fullres" if axes == 3 else "2d": configuration},
    }


def dataset_of(labels, /, **changes):
    """A data set of CTs with labels by name."""
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0} | labels,
        "numTraining": 3,
        "file_ending": ".nii.gz",
        "licence": "Apache-2.0",
    } | changes


def checkpoint_of(weights, **changes):
    """A checkpoint as nnU-Net's trainer saves one: the encoder's tensors four times, and a log with NumPy scalars."""
    stored = dict(weights)
    for name, tensor in weights.items():
        if name.startswith("encoder."):
            stored[f"decoder.{name}"] = tensor
        for kind, number in ((".conv.", 0), (".norm.", 1)):
            if kind in name and ".convs." in name:
                stored[name.replace(kind, f".all_modules.{number}.")] = tensor
    return {
        "network_weights": stored,
        "optimizer_state": {"state": {}, "param_groups": []},
        "logging": {"mean_fg_dice": [np.float64(0.5)], "lrs": [0.01]},
        "_best_ema": np.float32(0.5),
        "current_epoch": 7,
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "3d_fullres", "fold": 0, "device": torch.device("cpu")},
        "inference_allowed_mirroring_axes": (0, 1, 2),
    } | changes


def write_nnunet(folder: Path, labels, edges, *, folds=1, plans=None, dataset=None, checkpoint=None, axes=3) -> Path:
    """Write ``Dataset900_Bands/nnUNetTrainer__nnUNetPlans__3d_fullres`` whose network labels by bands of HU.

    Args:
        folder: the data set's, is created.
        labels: of ``dataset.json`` but for background, by name.
        edges: HU between the bands, from the lowest on, as many as labels.
        folds: how many there are.
        plans, dataset, checkpoint: changed entries of the three.
        axes: 3, or 2 for slices.

    Returns:
        The folder of the trained configuration.
    """
    content = plans_of(axes) | (plans or {})
    place = folder / (FOLDER if axes == 3 else FOLDER.replace("3d_fullres", "2d"))
    place.mkdir(parents=True)
    (place / "plans.json").write_text(json.dumps(content))
    (place / "dataset.json").write_text(json.dumps(dataset_of(labels, **(dataset or {}))))
    network = create_with_options(f"plain_conv_unet_{axes}d", 1, len(labels) + 1, banded_options(axes))
    weights = fill_bands(network, edges).state_dict()
    for fold in range(folds):
        (place / f"fold_{fold}").mkdir()
        torch.save(checkpoint_of(weights, **(checkpoint or {})), place / f"fold_{fold}" / "checkpoint_final.pth")
    return place
