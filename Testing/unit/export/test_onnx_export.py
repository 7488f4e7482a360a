import importlib
import json

import pytest
import torch
from support.export_cases import small

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.export import export, onnx_export


@pytest.fixture
def runtime():
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name, reason="needs the extra “export”")
    return pytest.importorskip("onnxruntime", reason="needs the extra “export”")


@pytest.mark.parametrize(
    ("name", "changes"),
    [("segnet", {"classes": 1, "labels": ("background", "liver")}), ("unet3d", {}), ("alexnet_fcn", {})],
)
def test_architectures_are_exported_and_say_the_same(runtime, tmp_path, small_phantom, name, changes):
    agreement = export(small(name, **changes), "onnx", tmp_path / "out", volume=small_phantom.volume)
    assert agreement.same_labels == 1
    assert 0 < agreement.largest_difference < 1e-4 * agreement.largest_logit
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.onnx", "model.json", "README.md"}


def test_other_sizes_than_the_traced_one_and_the_facts(runtime, tmp_path, small_phantom):
    model = small("unet", slices=3)
    export(model, "onnx", tmp_path / "out", volume=small_phantom.volume)
    session = runtime.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 48, 48), (3, 3, 96, 64)):
        channels = torch.rand(shape)
        (logits,) = session.run(None, {"channels": channels.numpy()})
        with torch.inference_mode():
            assert torch.allclose(torch.from_numpy(logits), model.network(channels), atol=1e-4)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["model.json"]) == model.description.model_dump(mode="json")
    assert told["licence"] == "CC0-1.0: none."


@pytest.mark.parametrize("missing", onnx_export.PACKAGES)
def test_a_missing_package_is_named_with_what_to_type(monkeypatch, tmp_path, missing):
    real = importlib.import_module

    def without(name):
        if name == missing:
            raise ImportError(name)
        return real("json") if name in onnx_export.PACKAGES else real(name)

    monkeypatch.setattr(onnx_export.importlib, "import_module", without)
    with pytest.raises(UserError, match=f"needs the package {missing}.*: pip install onnx onnxscript onnxruntime"):
        export(small("unet"), "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()
