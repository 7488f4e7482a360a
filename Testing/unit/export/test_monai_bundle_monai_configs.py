import json
from pathlib import Path

import pytest
from monai.bundle.properties import InferProperties, MetaProperties
from monai.bundle.scripts import _get_fake_spatial_shape
from support.export_cases import small

from LiverTumorSegLib.export.monai_bundle import inference_config, metadata_config

SPECIFIED = {
    *("version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
    *("task", "description", "authors", "copyright", "network_data_format"),
}
TENSOR = {
    *("type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data", "channel_def"),
}


def content(config, identifier):
    for name in identifier.removeprefix("_meta_::").split("::"):
        config = config[name]
    return config


@pytest.mark.parametrize("name", ["unet", "unet3d"])
def test_the_metadata_have_what_the_specification_asks_for(name):
    found = metadata_config(small(name))
    assert found.keys() >= SPECIFIED
    assert all(tensor.keys() >= TENSOR for kind in found["network_data_format"].values() for tensor in kind.values())
    for name_, entry in MetaProperties.items():
        if entry["required"] or name_ in ("spatial_shape", "channel_def"):
            assert content(found, entry["id"])
    assert found["network_data_format"]["inputs"]["image"]["format"] == "magnitude"  # HU no longer
    assert found["livertumorseg"]["weights"]["sha256"] == "0" * 64
    json.dumps(found)


def test_monai_can_make_up_an_input_of_the_shape_told():
    shape = metadata_config(small("segnet"))["network_data_format"]["inputs"]["image"]["spatial_shape"]
    assert _get_fake_spatial_shape(shape, p=3, n=5) == (96, 160)
    shape = metadata_config(small("unet3d"))["network_data_format"]["inputs"]["image"]["spatial_shape"]
    assert _get_fake_spatial_shape(shape) == (32, 48, 32)


def test_a_sigmoid_has_one_named_channel():
    model = small("unet", classes=1, labels=("background", "lesion"))
    pred = metadata_config(model)["network_data_format"]["outputs"]["pred"]
    assert (pred["num_channels"], pred["channel_def"]) == (1, {"0": "lesion"})


def test_the_inference_has_what_monais_workflow_asks_for():
    found = inference_config(small("unet"))
    for entry in InferProperties.values():
        if entry["required"]:
            content(found, entry["id"])
    assert found["run"] == ["$@evaluator.run()"]


def test_no_path_of_this_machine_is_written():
    assert str(Path.home()) not in json.dumps([inference_config(small("unet")), metadata_config(small("unet"))])
