import json
import subprocess
import sys
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.export_cases import small

from LiverTumorSegLib.export import export
from LiverTumorSegLib.export.graph import InputSizes

ELSEWHERE = """
import json, sys
sys.modules["LiverTumorSegLib"] = None  # importing it would fail
import torch
from safetensors.torch import load_file, save_file
extra = {"model.json": ""}
graph = torch.export.load(sys.argv[1] + "/model.pt2", extra_files=extra).module()
slices = load_file(sys.argv[2])
with torch.inference_mode():
    save_file({name: graph(channels).contiguous() for name, channels in slices.items()}, sys.argv[3])
print(json.loads(extra["model.json"])["name"])
"""


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("unet3d", {}),
        ("alexnet_fcn", {}),
        ("resnet18", {"classes": 1, "labels": ("background", "lesion")}),
    ],
)
def test_architectures_are_exported_and_say_the_same(tmp_path, small_phantom, name, changes):
    agreement = export(small(name, **changes), "torch-export", tmp_path / "out", volume=small_phantom.volume)
    assert agreement.same_labels == 1
    assert 0 <= agreement.largest_difference < 1e-4 * agreement.largest_logit
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.pt2", "model.json", "README.md"}


def test_another_process_without_this_library_gets_the_same_logits(tmp_path, small_phantom):
    model = small("unet", slices=3)
    export(model, "torch-export", tmp_path / "out", volume=small_phantom.volume)
    least = InputSizes.of(model).least
    slices = {"square": torch.rand(2, 3, least, least), "wide": torch.rand(1, 3, least + 16, least + 80)}
    save_file(slices, tmp_path / "slices")
    words = [str(tmp_path / name) for name in ("out", "slices", "logits")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "tiny\n"), done.stderr
    logits = load_file(tmp_path / "logits")
    with torch.inference_mode():
        assert all(torch.allclose(logits[name], model.network(given), atol=1e-5) for name, given in slices.items())


def test_the_facts_lie_beside_the_graph_and_in_it(tmp_path, small_phantom):
    model = small("unet")
    export(model, "torch-export", tmp_path / "out", volume=small_phantom.volume)
    assert json.loads((tmp_path / "out" / "model.json").read_text()) == model.description.model_dump(mode="json")
    with zipfile.ZipFile(tmp_path / "out" / "model.pt2") as archive:
        names = [name.split("/", 1)[1] for name in archive.namelist()]
        (pickled,) = [name for name in names if name.endswith(".pt")]  # which PyTorch reads with weights_only alone
        assert pickled == "data/sample_inputs/model.pt"
        with archive.open(next(name for name in archive.namelist() if name.endswith(pickled))) as example:
            torch.load(example, weights_only=True)
    assert {"extra/model.json", "extra/licence", "extra/weights_sha256"} <= set(names)
