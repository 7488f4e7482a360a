"""What is compared with nnU-Net: networks, the plans around them, and the CTs that they are shown.

Nothing is imported here but the standard library, since both nnU-Net's environment and this program's read it.
"""

from __future__ import annotations

from dataclasses import dataclass

INTENSITIES = {"mean": 98.0, "std": 41.0, "percentile_00_5": -110.0, "percentile_99_5": 205.0}
_RESAMPLING = {
    "spline": "resample_data_or_seg_to_shape",
    "linear": "resample_torch_fornnunet",
    "none": "no_resampling_hack",
}
_SCHEMES = {"ct": "CTNormalization", "z_score": "ZScoreNormalization", "to_unit": "RescaleTo01Normalization"}
_READERS = {"stored": "SimpleITKIO", "RAS": "NibabelIOWithReorient"}
NAMES = {"liver": [1, 2], "lesion": [2]}


@dataclass(frozen=True)
class Network:
    """A small network, and the seeds that it is trained with, one a fold."""

    outputs: tuple[str, ...]
    patch: tuple[int, ...]
    spacing: tuple[float, ...]
    seeds: tuple[int, ...] = (1,)
    residual: bool = False
    features: tuple[int, ...] = (6, 12, 12)
    strides: tuple[tuple[int, ...], ...] = ()
    kernels: tuple[tuple[int, ...], ...] = ()
    scheme: str = "ct"
    regions: bool = False

    @property
    def axes(self):
        return len(self.patch)

    @property
    def all_strides(self):
        return [list(one) for one in self.strides] or [[1] * self.axes, [2] * self.axes, [2] * self.axes]

    @property
    def encoder(self):
        return [1, 2, 2] if self.residual else [2, 2, 2]

    @property
    def decoder(self):
        return [1, 1] if self.residual else [2, 2]

    @property
    def all_kernels(self):
        return [list(one) for one in self.kernels] or [[3] * self.axes] * 3


NETWORKS = {
    "plain": Network(("background", "liver", "lesion", "liver_vessels"), (16, 32, 32), (1.8, 1.6, 1.6)),
    "residual": Network(
        ("background", "liver", "lesion"), (24, 28, 32), (2.0, 2.0, 2.0), seeds=(2, 3), residual=True
    ),
    "thick": Network(
        ("background", "lesion", "liver"), (6, 36, 44), (5.0, 1.5, 1.5), seeds=(4,),
        strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)), kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
    ),
    "slices": Network(
        ("background", "liver", "lesion"), (40, 48), (1.4, 1.4), seeds=(5, 6), features=(8, 16, 16)
    ),
    "residual_slices": Network(
        ("background", "liver", "lesion"), (36, 40), (1.5, 1.7), seeds=(7,), features=(8, 16, 16), residual=True,
        scheme="z_score",
    ),
    "regions": Network(("liver", "lesion"), (16, 32, 32), (2.0, 1.7, 1.7), seeds=(8,), regions=True),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network within plans, and a CT.

    Args:
        network: of :data:`NETWORKS`.
        ct: of :data:`CTS`.
        mirrors: axes.
        folds: of the network's, that are used.
        configuration: its name.
        old: plans of before ``architecture``.
        transpose: of the axes.
        orientation: in which the network is shown the CT.
        method: of resampling.
        masked: whether intensities are normalised where they are not 0 alone.
        reader: in place of the usual one for the orientation.
        around_mm: along x, y and z, what the CT is brought to before nnU-Net sees it, as TotalSegmentator does.
    """

    network: str
    ct: str = "body"
    mirrors: tuple[int, ...] = ()
    folds: int = 1
    configuration: str = "3d_fullres"
    old: bool = False
    transpose: tuple[int, int, int] = (0, 1, 2)
    orientation: str = "stored"
    method: str = "spline"
    masked: bool = False
    reader: str = ""
    around_mm: tuple[float, float, float] | None = None


CASES = {
    "plain": Case("plain", mirrors=(0, 1, 2)),
    "old_plans": Case("plain", configuration="3d_lowres", old=True),
    "two_folds": Case("residual", folds=2, mirrors=(0, 2)),
    "one_fold": Case("residual"),
    "thick_plan": Case("thick", ct="thick", mirrors=(1, 2)),
    "thick_ct": Case("plain", ct="thick"),
    "thick_plan_thin_ct": Case("thick"),
    "slices": Case("slices", ct="thick", configuration="2d", mirrors=(0, 1)),
    "slices_two_folds": Case("slices", configuration="2d", folds=2),
    "residual_slices": Case("residual_slices", configuration="2d"),
    "masked": Case("residual_slices", ct="rim", configuration="2d", masked=True),
    "regions": Case("regions", mirrors=(0,)),
    "transposed": Case("plain", transpose=(2, 0, 1)),
    "smaller_than_the_patch": Case("plain", ct="small", mirrors=(0, 1, 2)),
    "zero_rim": Case("plain", ct="rim"),
    "turned": Case("plain", ct="turned"),
    "turned_to_ras": Case("plain", ct="turned", orientation="RAS"),
    "turned_to_ras_by_itk": Case("plain", ct="turned", orientation="RAS", reader="SimpleITKIOWithReorient"),
    "linear": Case("plain", ct="thick", method="linear"),
    "not_resampled": Case("regions", method="none"),
    "around": Case("plain", ct="turned", orientation="RAS", around_mm=(1.6, 1.6, 1.8)),
}


@dataclass(frozen=True)
class CT:
    """A synthetic CT: voxels and sides along z, y and x, and what is done to it."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    seed: int
    rim: tuple[int, ...] = ()
    turned: bool = False


CTS = {
    "body": CT((26, 47, 50), (2.0, 1.5, 1.5), 101),
    "thick": CT((9, 62, 66), (6.0, 1.3, 1.3), 102),
    "small": CT((11, 27, 60), (2.0, 1.5, 1.5), 103),
    "rim": CT((31, 50, 52), (2.0, 1.5, 1.5), 104, rim=(3, 4, 7, 2, 5, 6)),
    "turned": CT((24, 44, 52), (1.9, 1.5, 1.4), 105, turned=True),
}


def plans(case: Case) -> dict:
    """nnU-Net's ``plans.json``."""
    network = NETWORKS[case.network]
    chosen = {
        "data_identifier": "nnUNetPlans", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": list(network.patch), "median_image_size_in_voxels": list(network.patch),
        "spacing": list(network.spacing), "normalization_schemes": [_SCHEMES[network.scheme]],
        "use_mask_for_norm": [case.masked], "batch_dice": False,
    }  # fmt: skip
    for what, order in (("data", 3), ("seg", 1), ("probabilities", 1)):
        name, options = _RESAMPLING[case.method], {"is_seg": what == "seg", "force_separate_z": None}
        if case.method == "spline":
            options |= {"order": order, "order_z": 0}
        chosen[f"resampling_fn_{what}"] = name
        chosen[f"resampling_fn_{what}_kwargs"] = {} if case.method == "none" else options
    chosen |= _old_network(network) if case.old else {"architecture": architecture(network)}
    key = "foreground_intensity_properties_" + ("by_modality" if case.old else "per_channel")
    back = [case.transpose.index(axis) for axis in range(3)]
    return {
        "dataset_name": "Dataset999_Reference", "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
        "original_median_shape_after_transp": [64, 64, 64],
        "image_reader_writer": case.reader or _READERS[case.orientation],
        "transpose_forward": list(case.transpose), "transpose_backward": back,
        "configurations": {case.configuration: chosen}, "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager", key: {"0": INTENSITIES},
    }  # fmt: skip


def architecture(network: Network) -> dict:
    """The entry that plans have since nnU-Net 2.2."""
    blocks = "n_blocks_per_stage" if network.residual else "n_conv_per_stage"
    convolution, norm = (
        f"torch.nn.modules.{kind}{network.axes}d" for kind in ("conv.Conv", "instancenorm.InstanceNorm")
    )
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet."
        + ("ResidualEncoderUNet" if network.residual else "PlainConvUNet"),
        "arch_kwargs": {
            "n_stages": 3, "features_per_stage": list(network.features), "conv_op": convolution,
            "kernel_sizes": network.all_kernels, "strides": network.all_strides, blocks: network.encoder,
            "n_conv_per_stage_decoder": network.decoder, "conv_bias": True, "norm_op": norm,
            "norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }  # fmt: skip


def _old_network(network: Network) -> dict:
    return {
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": network.features[0],
        "unet_max_num_features": network.features[-1], "n_conv_per_stage_encoder": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2], "pool_op_kernel_sizes": network.all_strides,
        "conv_kernel_sizes": network.all_kernels, "num_pool_per_axis": [2, 2, 2],
    }  # fmt: skip


def dataset(case: Case) -> dict:
    """nnU-Net's ``dataset.json``."""
    network = NETWORKS[case.network]
    if network.regions:
        labels = {"background": 0} | {name: NAMES[name] for name in network.outputs}
        more = {"regions_class_order": [1, 2]}
    else:
        labels, more = {name: number for number, name in enumerate(network.outputs)}, {}
    return {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 3, "file_ending": ".nii.gz"} | more


def settings(case: Case) -> dict:
    """The same as this program's ``NnUNet``, without reading any of nnU-Net's files."""
    network = NETWORKS[case.network]
    normalisation = {"scheme": network.scheme, "within_mask": case.masked}
    if network.scheme == "ct":
        low, high = INTENSITIES["percentile_00_5"], INTENSITIES["percentile_99_5"]
        normalisation |= {"low": low, "high": high, "mean": INTENSITIES["mean"], "deviation": INTENSITIES["std"]}
    found = {
        "configuration": case.configuration, "outputs": network.outputs, "regions": network.regions,
        "order": tuple(range(len(network.outputs))) if network.regions else (), "spacing_mm": network.spacing,
        "patch": network.patch, "transpose": case.transpose, "normalisation": normalisation,
        "image": {"method": case.method, "order": 3}, "logits": {"method": case.method, "order": 1},
        "mirror_axes": case.mirrors, "folds": case.folds, "orientation": case.orientation,
    }  # fmt: skip
    return found | ({"around": {"spacing_mm": case.around_mm}} if case.around_mm else {})


def network_spec(case: Case) -> dict:
    """The same as this program's ``NetworkSpec``."""
    network = NETWORKS[case.network]
    kind = "residual_encoder_unet" if network.residual else "plain_conv_unet"
    options = {
        "features": list(network.features), "strides": network.all_strides, "kernels": network.all_kernels,
        "encoder": network.encoder, "decoder": network.decoder,
    }  # fmt: skip
    return {"name": f"{kind}_{network.axes}d", "in_channels": 1, "classes": len(network.outputs), "options": options}
