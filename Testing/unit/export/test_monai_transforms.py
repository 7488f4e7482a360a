import pytest
import torch
from support.export_cases import WINDOW, parsed, prepared, small
from support.models import describe

from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.export import monai_bundle, monai_transforms
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models.description import NetworkSpec

FOREGROUND = {"step": "z_score", "over": "foreground", "mean": 100, "deviation": 40, "low": -20, "high": 190}


@pytest.mark.parametrize(
    ("steps", "slices"),
    [
        ([WINDOW], 1),
        ([{"step": "hu_range", "low": -100, "high": 150}, {"step": "resample", "spacing_mm": 5.3}], 3),
        ([{"step": "resize", "height": 80, "width": 150}, FOREGROUND], 5),
        ([WINDOW, {"step": "resample", "spacing_mm": 2.7}], 3),
    ],
)
def test_channels_are_those_of_our_own_chain(tmp_path, small_phantom, steps, slices):
    volume, model = small_phantom.volume, small("unet", steps=steps, slices=slices)
    monai_bundle.write(tmp_path, model)
    image = prepared(parsed(tmp_path), volume, tmp_path)["image"].as_tensor()
    store = SliceCache(
        volume.axial.of(volume.voxels), volume.spacing, model.description, choose_device("cpu", "float32")
    )
    ours = store.channels(range(store.count), choose_device("cpu", "float32")).transpose(0, 1)
    rows, columns = ours.shape[2:]
    assert image.shape[2] % 16 == image.shape[3] % 16 == 0
    assert torch.allclose(image[..., :rows, :columns], ours, atol=1e-5)
    assert torch.equal(
        image[:, :, rows:, :columns], image[:, :, rows - 1 : rows, :columns].expand_as(image[:, :, rows:, :columns])
    )


@pytest.mark.parametrize(
    "step",
    [
        {"step": "clahe"},
        {"step": "gaussian", "sigma": 1},
        {"step": "z_score"},
        {"step": "crop", "rows": [0, 9], "columns": [0, 9]},
        {"step": "channels", "chains": [[WINDOW]]},
    ],
)
def test_a_step_that_monai_lacks_is_named(step):
    with pytest.raises(UserError, match=f"MONAI has no equal of the preprocessing “{step['step']}”: export .* as onnx"):
        monai_transforms.check_transforms(describe(preprocessing=[WINDOW, step]))


def test_resizing_twice_and_a_margin_are_refused():
    resampled = {"step": "resample", "spacing_mm": 2}
    with pytest.raises(UserError, match="resizes slices once, and this model does it twice"):
        monai_transforms.check_transforms(describe(preprocessing=[WINDOW, resampled, resampled]))
    with pytest.raises(UserError, match="margin that unet_valid needs"):
        monai_transforms.check_transforms(describe(network=NetworkSpec(name="unet_valid", in_channels=1)))
