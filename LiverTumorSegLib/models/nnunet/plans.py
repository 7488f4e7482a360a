"""nnU-Net's ``plans.json``: network, spacing, intensities and resampling of a configuration.

Both forms are read: with ``architecture`` (nnU-Net 2.2 on), and the one before it with ``UNet_class_name``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NoReturn

from ...core.errors import UserError
from ..description import NetworkSpec

_FAMILIES = {"PlainConvUNet": "plain_conv_unet", "ResidualEncoderUNet": "residual_encoder_unet"}
_SCHEMES = {
    "CTNormalization": "ct",
    "ZScoreNormalization": "z_score",
    "RescaleTo01Normalization": "to_unit",
    "RGBTo01Normalization": "of_bytes",
    "NoNormalization": "none",
}
_RESAMPLING = {
    "resample_data_or_seg_to_shape": "spline",
    "resample_torch_fornnunet": "linear",
    "no_resampling_hack": "none",
}
_NORMS = {"InstanceNorm": "instance", "BatchNorm": "batch"}
_REORIENTING = ("NibabelIOWithReorient",)
_MOST_STAGES = 12
_BLOCKS = ("n_blocks_per_stage", "n_conv_per_stage")
_NO_PART_IN_INFERENCE = {"deep_supervision", "dropout_op", "dropout_op_kwargs", "n_stages", "conv_op"}
_READ = {
    "features_per_stage", "kernel_sizes", "strides", "n_conv_per_stage_decoder", "conv_bias", "norm_op",
    "norm_op_kwargs", "nonlin", "nonlin_kwargs", "nonlin_first", *_BLOCKS,
}  # fmt: skip


def read_plans(content: object, configuration: str, classes: int, where: str) -> tuple[NetworkSpec, dict[str, Any]]:
    """The network of a configuration, and those settings of :class:`.settings.NnUNet` that plans decide.

    Args:
        content: of ``plans.json``.
        configuration: such as ``3d_fullres``.
        classes: channels of the logits.
        where: the file, for errors.

    Raises:
        UserError: there is no such configuration, it needs another one before it, or holds what is not known here.
    """
    if not isinstance(content, dict):
        content = {}
    return _Reader(content, where).read(configuration, classes)


def configurations(content: object) -> list[str]:
    """Names of the configurations in ``plans.json`` that stand for themselves."""
    known = content.get("configurations") if isinstance(content, dict) else None
    return list(known) if isinstance(known, dict) else []


class _Reader:
    """Reads entries, and says which of them is wrong."""

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self._content, self._where = content, where

    def read(self, configuration: str, classes: int) -> tuple[NetworkSpec, dict[str, Any]]:
        chosen = self._configuration(configuration)
        self._refuse_other_ways(configuration, chosen)
        patch = self._whole(chosen, "patch_size")
        if len(patch) not in (2, 3):
            self._refuse(f"patch_size has {len(patch)} numbers")
        settings = {
            "configuration": configuration,
            "spacing_mm": tuple(self._numbers(chosen, "spacing"))[-len(patch) :],
            "patch": tuple(patch),
            "transpose": tuple(self._whole(self._content, "transpose_forward", [0, 1, 2])),
            "normalisation": self._normalisation(chosen),
            "image": self._resampling(chosen, "resampling_fn_data", 3),
            "logits": self._resampling(chosen, "resampling_fn_probabilities", 1),
            "orientation": "RAS" if self._content.get("image_reader_writer") in _REORIENTING else "stored",
        }
        return self._network(chosen, len(patch), classes), settings

    def _refuse_other_ways(self, name: str, chosen: Mapping[str, Any]) -> None:
        if before := chosen.get("previous_stage"):
            self._refuse(f"“{name}” is a cascade, which goes on from what “{before}” finds")
        for key, usual in (("preprocessor_name", "DefaultPreprocessor"), ("label_manager", "LabelManager")):
            found = chosen.get(key, self._content.get(key, usual))
            if found != usual:
                self._refuse(f"its {key} is {found!r}, which is not nnU-Net's own")

    def _configuration(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """A configuration with what it inherits, its own entries first."""
        known = self._content.get("configurations")
        own = known.get(name) if isinstance(known, dict) else None
        if not isinstance(own, dict):
            there = ", ".join(map(str, known)) if isinstance(known, dict) and known else "none"
            self._refuse(f"it has no configuration “{name}”, but {there}")
        if name in seen:
            self._refuse(f"its configuration “{name}” inherits from itself")
        parent = own.get("inherits_from")
        return own if parent is None else {**self._configuration(str(parent), (*seen, name)), **own}

    def _network(self, chosen: Mapping[str, Any], axes: int, classes: int) -> NetworkSpec:
        stated = chosen.get("architecture")
        family, options = self._stated(stated, axes) if isinstance(stated, dict) else self._before(chosen, axes)
        return NetworkSpec(name=f"{family}_{axes}d", in_channels=1, classes=classes, options=options)

    def _stated(self, stated: Mapping[str, Any], axes: int) -> tuple[str, dict[str, Any]]:
        family = self._family(stated.get("network_class_name"))
        given = self._mapping(stated, "arch_kwargs")
        for key in given.keys() - _READ - _NO_PART_IN_INFERENCE:
            if given[key] is not None:
                self._refuse(f"its network has {key} {given[key]!r}, which is not known here")
        norm = _last(given.get("norm_op")).removesuffix("3d").removesuffix("2d")
        activation = _last(given.get("nonlin"))
        if norm not in _NORMS or activation not in ("LeakyReLU", "ReLU"):
            self._refuse(f"its network normalises by {norm or 'nothing'} and activates by {activation or 'nothing'}")
        slope = _options(given, "nonlin_kwargs").get("negative_slope", 0.01) if activation == "LeakyReLU" else 0.0
        features = self._whole(given, "features_per_stage")
        stages = len(features)
        options = self._levels(given, "strides", "kernel_sizes", features, axes) | {
            "encoder": self._counts(given, next((key for key in _BLOCKS if key in given), _BLOCKS[0]), stages),
            "decoder": self._counts(given, "n_conv_per_stage_decoder", stages - 1),
            "bias": bool(given.get("conv_bias", False)),
            "norm": _NORMS[norm],
            "eps": self._float(_options(given, "norm_op_kwargs"), "eps", 1e-5),
            "slope": self._float({"negative_slope": slope}, "negative_slope", 0.01),
            "activation_first": bool(given.get("nonlin_first", False)),
        }
        return family, options

    def _before(self, chosen: Mapping[str, Any], axes: int) -> tuple[str, dict[str, Any]]:
        """The network of plans from before they stated it."""
        family = self._family(chosen.get("UNet_class_name"))
        base, most = (self._whole_one(chosen, key) for key in ("UNet_base_num_features", "unet_max_num_features"))
        stages = len(self._list(chosen, "pool_op_kernel_sizes"))
        features = [min(base * 2**stage, most) for stage in range(min(stages, _MOST_STAGES))]
        options = self._levels(chosen, "pool_op_kernel_sizes", "conv_kernel_sizes", features, axes) | {
            "encoder": self._counts(chosen, "n_conv_per_stage_encoder", stages),
            "decoder": self._counts(chosen, "n_conv_per_stage_decoder", stages - 1),
        }
        return family, options

    def _levels(
        self, given: Mapping[str, Any], strides: str, kernels: str, features: Sequence[int], axes: int
    ) -> dict[str, Any]:
        if not 1 < len(features) <= _MOST_STAGES:
            self._refuse(f"its network has {len(features)} stages")
        stages = len(features)
        sizes = {
            name: self._sizes(given, key, stages, axes) for name, key in (("strides", strides), ("kernels", kernels))
        }
        if any(len(one) != stages for one in sizes.values()):
            self._refuse(f"{strides}, {kernels} and features are not of as many stages")
        return {"features": list(features)} | sizes

    def _family(self, name: object) -> str:
        last = _last(name)
        if last not in _FAMILIES:
            self._refuse(f"its network is {last or 'not named'}, and not {' or '.join(_FAMILIES)}")
        return _FAMILIES[last]

    def _normalisation(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        schemes, masks = chosen.get("normalization_schemes"), chosen.get("use_mask_for_norm")
        if not isinstance(schemes, list) or len(schemes) != 1:
            count = len(schemes) if isinstance(schemes, list) else "no"
            self._refuse(f"it normalises {count} channels, and a CT is one")
        if schemes[0] not in _SCHEMES:
            self._refuse(f"it normalises by {schemes[0]!r}, and not by {', '.join(_SCHEMES)}")
        scheme, masked = _SCHEMES[schemes[0]], isinstance(masks, list) and bool(masks) and bool(masks[0])
        if scheme != "ct":
            return {"scheme": scheme, "within_mask": masked}
        now, before = (f"foreground_intensity_properties_{name}" for name in ("per_channel", "by_modality"))
        own = self._mapping(self._mapping(self._content, now if now in self._content else before), "0")
        keys = {"low": "percentile_00_5", "high": "percentile_99_5", "mean": "mean", "deviation": "std"}
        return {"scheme": scheme} | {name: self._float(own, key) for name, key in keys.items()}

    def _resampling(self, chosen: Mapping[str, Any], key: str, order: int) -> dict[str, Any]:
        name, given = chosen.get(key, "resample_data_or_seg_to_shape"), _options(chosen, f"{key}_kwargs")
        if name not in _RESAMPLING:
            self._refuse(f"its {key} is {name!r}, and not {', '.join(_RESAMPLING)}")
        forced = given.get("force_separate_z")
        return {
            "method": _RESAMPLING[name],
            "order": self._whole_one({"order": given.get("order", order)}, "order"),
            "order_z": self._whole_one({"order_z": given.get("order_z", 0)}, "order_z"),
            "separate_z": None if forced is None else bool(forced),
        }

    def _sizes(self, given: Mapping[str, Any], key: str, stages: int, axes: int) -> list[list[int]]:
        """Numbers of each stage along each axis, where one may stand for all axes, or for all stages."""
        value = given.get(key)
        listed = [value] * stages if _is_number(value) else self._list(given, key)
        sizes = [each if isinstance(each, list) else [each] * axes for each in listed]
        return [self._whole({key: each}, key) for each in sizes]

    def _counts(self, given: Mapping[str, Any], key: str, stages: int) -> list[int]:
        """A number for each stage, where one may stand for all."""
        value = given.get(key)
        return self._whole({key: value if isinstance(value, list) else [value] * stages}, key)

    def _whole(self, given: Mapping[str, Any], key: str, usual: list[int] | None = None) -> list[int]:
        values = self._numbers(given, key, usual)
        if any(value != int(value) or abs(value) > 1e9 for value in values):
            self._refuse(f"{key} is {values}, where whole numbers belong")
        return [int(value) for value in values]

    def _numbers(self, given: Mapping[str, Any], key: str, usual: list[int] | None = None) -> list[float]:
        values = self._list(given, key, usual)
        if not all(_is_number(value) for value in values):
            self._refuse(f"{key} is {str(values)[:80]}, where numbers belong")
        return values

    def _list(self, given: Mapping[str, Any], key: str, usual: list[int] | None = None) -> list[Any]:
        value = given.get(key, usual)
        if not isinstance(value, list) or len(value) > _MOST_STAGES:
            self._refuse(f"{key} is {'missing' if value is None else 'no short list'}")
        return value

    def _whole_one(self, given: Mapping[str, Any], key: str) -> int:
        return self._whole({key: [given.get(key)]}, key)[0]

    def _float(self, given: Mapping[str, Any], key: str, usual: float | None = None) -> float:
        value = given.get(key, usual)
        if not _is_number(value):
            self._refuse(f"{key} is {'missing' if value is None else 'no number'}")
        return float(value)

    def _mapping(self, given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = given.get(key)
        if not isinstance(value, dict):
            self._refuse(f"{key} is missing")
        return value

    def _refuse(self, why: str) -> NoReturn:
        msg = f"{self._where} describes a model that cannot be used here: {why}."
        raise UserError(msg)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _last(name: object) -> str:
    """The last part of a dotted name: classes have moved between packages."""
    return str(name or "").rpartition(".")[2]


def _options(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    return value if isinstance(value, dict) else {}
