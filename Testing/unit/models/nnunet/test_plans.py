import copy

import pytest
import torch
from support.nnunet_folders import plans_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models.nnunet.plans import configurations, read_plans
from LiverTumorSegLib.models.nnunet.settings import NnUNet
from LiverTumorSegLib.networks import create_with_options

BEFORE = {
    "preprocessor_name": "DefaultPreprocessor",
    "patch_size": [28, 256, 224],
    "spacing": [5.0, 0.8, 0.8],
    "normalization_schemes": ["CTNormalization"],
    "use_mask_for_norm": [False],
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 32,
    "unet_max_num_features": 320,
    "n_conv_per_stage_encoder": [2, 2, 2, 2, 2, 2, 2],
    "n_conv_per_stage_decoder": [2, 2, 2, 2, 2, 2],
    "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2], [1, 2, 2]],
    "conv_kernel_sizes": [[1, 3, 3], [1, 3, 3], *[[3, 3, 3]] * 5],
}
RESIDUAL = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
    "arch_kwargs": {
        "n_stages": 3,
        "features_per_stage": [4, 8, 16],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": 3,
        "strides": [1, 2, 2],
        "n_blocks_per_stage": [1, 3, 4],
        "n_conv_per_stage_decoder": 1,
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
}


def read(plans, configuration="3d_fullres", classes=3):
    spec, settings = read_plans(plans, configuration, classes, "plans.json")
    outputs = ("background", *[""] * (classes - 1))
    return spec, NnUNet.model_validate(settings | {"outputs": outputs})


def changed(**entries):
    plans = plans_of()
    plans["configurations"]["3d_fullres"] |= entries
    return plans


def test_a_network_that_is_stated_is_built_with_its_options():
    spec, settings = read(plans_of())
    network = create_with_options(spec.name, spec.in_channels, spec.classes, spec.options)
    assert network.eval()(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)
    assert settings.patch == (16, 16, 16)
    assert settings.spacing_mm == (2, 2, 2)
    assert settings.normalisation.scheme == "ct"
    assert (settings.normalisation.low, settings.normalisation.deviation) == (-1000, 100)
    assert (settings.image.order, settings.logits.order) == (3, 1)


def test_plans_from_before_the_network_was_stated_are_read():
    plans = changed()
    plans["configurations"]["3d_fullres"] = BEFORE
    before = plans.pop("foreground_intensity_properties_per_channel")
    plans["foreground_intensity_properties_by_modality"] = before
    spec, settings = read(plans)
    assert spec.name == "plain_conv_unet_3d"
    assert spec.options["features"] == [32, 64, 128, 256, 320, 320, 320]
    assert settings.patch == (28, 256, 224)


def test_a_residual_network_may_say_its_numbers_once_for_all_stages_and_axes():
    spec, _ = read(changed(architecture=RESIDUAL))
    assert spec.name == "residual_encoder_unet_3d"
    assert spec.options["strides"] == [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
    with pytest.raises(UserError, match="kernel_sizes is no short list"):
        read(changed(architecture=RESIDUAL | {"arch_kwargs": RESIDUAL["arch_kwargs"] | {"kernel_sizes": "3"}}))


def test_slices_have_two_numbers_of_spacing_and_patch():
    spec, settings = read(plans_of(axes=2), "2d")
    assert spec.name == "plain_conv_unet_2d"
    assert settings.patch == (16, 16)


def test_a_configuration_inherits_and_its_own_entries_come_first():
    plans = plans_of()
    plans["configurations"]["high"] = {"inherits_from": "3d_fullres", "spacing": [1.0, 0.75, 0.75]}
    _, settings = read(plans, "high")
    assert settings.spacing_mm == (1.0, 0.75, 0.75)
    assert settings.patch == (16, 16, 16)
    assert configurations(plans) == ["3d_fullres", "high"]


def test_a_reader_that_reorients_shows_ct_in_ras():
    assert read(plans_of() | {"image_reader_writer": "NibabelIOWithReorient"})[1].orientation == "RAS"
    assert read(plans_of() | {"image_reader_writer": "NibabelIO"})[1].orientation == "stored"


def test_resampling_by_pytorch_and_none_are_known():
    _, settings = read(
        changed(resampling_fn_data="resample_torch_fornnunet", resampling_fn_probabilities="no_resampling_hack")
    )
    assert (settings.image.method, settings.logits.method) == ("linear", "none")


def arch(**entries):
    plans = plans_of()
    architecture = copy.deepcopy(plans["configurations"]["3d_fullres"]["architecture"])
    architecture["arch_kwargs"] |= entries
    return changed(architecture=architecture)


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        (changed(previous_stage="3d_lowres"), "a cascade, which goes on from what “3d_lowres” finds"),
        (changed(preprocessor_name="Mine"), "preprocessor_name is 'Mine'"),
        (plans_of() | {"label_manager": "Mine"}, "label_manager is 'Mine'"),
        (changed(normalization_schemes=["CTNormalization"] * 2), "normalises 2 channels"),
        (changed(normalization_schemes=["MyNormalization"]), "MyNormalization"),
        (changed(resampling_fn_data="mine"), "resampling_fn_data is 'mine'"),
        (changed(patch_size=[16]), "patch_size has 1 numbers"),
        (changed(patch_size=[16, 16, 16.5]), "where whole numbers belong"),
        (changed(patch_size="big"), "patch_size is no short list"),
        (changed(spacing=[1, float("nan"), 1]), "where numbers belong"),
        (changed(inherits_from="3d_fullres"), "inherits from itself"),
        (changed(inherits_from="2d"), "no configuration “2d”"),
        (changed(architecture={"network_class_name": "Primus"}), "its network is Primus"),
        (changed(architecture=None), "its network is not named"),
        (arch(norm_op="torch.nn.GroupNorm"), "normalises by GroupNorm"),
        (arch(nonlin="torch.nn.SiLU"), "activates by SiLU"),
        (arch(squeeze_excitation=True), "has squeeze_excitation True"),
        (arch(strides=[[1, 1, 1]]), "not of as many stages"),
        (arch(features_per_stage=[2] * 13), "features_per_stage is no short list"),
        (plans_of() | {"foreground_intensity_properties_per_channel": {}}, "0 is missing"),
        ({}, "no configuration"),
        ([], "no configuration"),
        ("text", "no configuration"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(plans, words):
    with pytest.raises(UserError, match=words) as refused:
        read(plans)
    assert "plans.json" in str(refused.value)
