from pathlib import Path

import pytest

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

ISSUED = [
    "alexnet_fcn", "attention_unet", "attention_unet_ds", "click_unet", "dalu_net", "plain_conv_unet_2d",
    "plain_conv_unet_3d", "residual_encoder_unet_2d", "residual_encoder_unet_3d", "resnet101", "resnet18", "resnet34",
    "resnet50", "segnet", "unet", "unet3d", "unet_valid",
]  # fmt: skip


def test_every_architecture_of_the_published_systems_has_a_name():
    assert networks.names() == ISSUED


OF_NNUNET = [name for name in ISSUED if name.startswith(("plain_conv", "residual_encoder"))]


@pytest.mark.parametrize("name", ISSUED)
def test_every_architecture_is_tested_by_the_same_tester(name):
    stem = "resnet" if name.startswith("resnet") else "nnunet" if name in OF_NNUNET else name
    text = (Path(__file__).parent / f"test_{stem}.py").read_text()
    assert "NetworkTester" in text
    assert f'name = "{name}"' in text


def test_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match="no network called “unit”: choose one of alexnet_fcn, .*, unet_valid"):
        networks.create("unit", 1, 3)


@pytest.mark.parametrize(("channels", "classes"), [(0, 3), (1, 0), ("3", 3), (1.5, 3)])
def test_counts_below_one_are_refused(channels, classes):
    with pytest.raises(UserError, match="at least one"):
        networks.create("unet", channels, classes)


def test_an_option_the_network_does_not_take_is_named():
    with pytest.raises(UserError, match="depth"):
        networks.create("unet", 1, 3, depth=5)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("segnet", {"features": [64, 64]}, "features are the channels of 5 levels"),
        ("segnet", {"features": [0] * 5}, "features are the channels of 5 levels"),
        ("resnet18", {"width": 0}, "width is a whole number from one on, not 0"),
        ("resnet50", {"width": "a"}, "width is a whole number from one on, not 'a'"),
        ("alexnet_fcn", {"fc_channels": 0}, "fc_channels is a whole number from one on"),
        ("dalu_net", {"hidden": 0}, "hidden is a whole number from one on"),
        ("dalu_net", {"slices": 3}, "1 channels are not a stack of 3 slices"),
        ("unet3d", {"norm": "none there"}, "norm is batch or instance, not 'none there'"),
        ("unet", {"norm": ["batch", {"eps": "x"}]}, r"norm is batch or instance, not \['batch', {'eps': 'x'}\]"),
    ],
)
def test_options_that_cannot_be_are_one_sentence_with_the_reason(name, options, reason):
    with pytest.raises(UserError, match=rf"“{name}” cannot be built with the options .*{reason}") as caught:
        networks.create(name, 1, 3, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"dropout": float("nan")}),
        ("resnet18", {"width": 4, "skips": "$__import__('os')"}),
        ("dalu_net", {"all_slices": 1}),
    ],
)
def test_an_option_of_another_type_is_refused_though_python_would_take_it(name, options):
    with pytest.raises(UserError, match=r"cannot be built with the options .* should be "):
        networks.create(name, 1, 3, **options)


def test_more_channels_than_fit_into_memory_are_refused():
    with pytest.raises(UserError, match="at most 1024 input channels, not 1000000"):
        networks.create("unet", 10**6, 3)
