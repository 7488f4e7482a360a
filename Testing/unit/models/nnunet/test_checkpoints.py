import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.nnunet_folders import checkpoint_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled
from LiverTumorSegLib.models.nnunet import checkpoints
from LiverTumorSegLib.models.nnunet.checkpoints import Checkpoint

MARK = Path(tempfile.gettempdir()) / "livertumorseg-was-here"
WEIGHTS = {
    "encoder.stages.0.0.convs.0.conv.weight": torch.arange(4.0),
    "encoder.stages.0.0.convs.0.norm.weight": torch.ones(2),
    "decoder.seg_layers.0.bias": torch.zeros(3),
}


@pytest.fixture
def saved(tmp_path):
    def write(name="checkpoint_final.pth", **changes):
        torch.save(checkpoint_of(WEIGHTS, **changes), tmp_path / name)
        return tmp_path / name

    return write


def extract(path, tmp_path):
    """In this process, which is the same but for the limit of memory."""
    return checkpoints._extract([path], tmp_path / "w.safetensors")


@pytest.fixture(autouse=True)
def unbound(monkeypatch):
    monkeypatch.setattr(checkpoints, "_bound_memory", lambda _: None)


def test_each_tensor_comes_out_once_with_what_the_checkpoint_says(saved, tmp_path):
    assert extract(saved(), tmp_path) == [Checkpoint("nnUNetTrainer", "3d_fullres", (0, 1, 2))]
    found = load_file(tmp_path / "w.safetensors")
    assert sorted(found) == sorted(f"folds.0.{name}" for name in WEIGHTS)
    assert found["folds.0.encoder.stages.0.0.convs.0.conv.weight"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("axes", [None, "missing"])
def test_without_mirror_axes_nothing_is_mirrored(saved, tmp_path, axes):
    content = checkpoint_of(WEIGHTS, inference_allowed_mirroring_axes=None)
    if axes == "missing":
        del content["inference_allowed_mirroring_axes"]
    torch.save(content, tmp_path / "c.pth")
    assert extract(tmp_path / "c.pth", tmp_path)[0].mirror_axes == ()


def test_prefixes_of_wrappers_go(tmp_path):
    content = checkpoint_of(WEIGHTS)
    content["network_weights"] = {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}
    torch.save(content, tmp_path / "c.pth")
    extract(tmp_path / "c.pth", tmp_path)
    assert sorted(load_file(tmp_path / "w.safetensors")) == sorted(f"folds.0.{name}" for name in WEIGHTS)


def test_half_precision_becomes_float32(tmp_path):
    torch.save(checkpoint_of({name: tensor.half() for name, tensor in WEIGHTS.items()}), tmp_path / "c.pth")
    extract(tmp_path / "c.pth", tmp_path)
    assert {tensor.dtype for tensor in load_file(tmp_path / "w.safetensors").values()} == {torch.float32}


def test_scalars_that_another_numpy_wrote_are_read(saved, tmp_path):
    """NumPy 1 wrote numpy.core.multiarray, NumPy 2 writes numpy._core.multiarray; both can be met."""
    path = saved()
    own, other = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    if not hasattr(np, "_core"):
        own, other = other, own
    with zipfile.ZipFile(path) as entries:
        content = {entry: entries.read(entry) for entry in entries.namelist()}
    with zipfile.ZipFile(path, "w") as entries:
        for name, data in content.items():
            entries.writestr(name, data.replace(own, other))
    assert any(other in data for data in content.values()) or any(own in data for data in content.values())
    assert extract(path, tmp_path)[0].trainer == "nnUNetTrainer"


class Harmful:
    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


@pytest.mark.parametrize("place", ["logging", "network_weights", "init_args"])
def test_a_hostile_pickle_is_refused_and_not_run(saved, tmp_path, place):
    path = saved(**{place: {"x": Harmful()}})
    with pytest.raises(UserError, match="could run code, and is refused"):
        extract(path, tmp_path)
    assert not MARK.exists()
    assert not (tmp_path / "w.safetensors").exists()


def test_a_bare_pickle_of_before_zip_files_is_refused_where_it_holds_code(tmp_path):
    (tmp_path / "c.pth").write_bytes(pickle.dumps({"network_weights": Harmful()}))
    with pytest.raises(UserError):
        extract(tmp_path / "c.pth", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged, or not an nnU-Net checkpoint"),
        (b"PK\x03\x04 and no more", "is damaged, or not an nnU-Net checkpoint"),
        (b"some text", "is (damaged|refused)|and is refused"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, words):
    (tmp_path / "c.pth").write_bytes(content)
    with pytest.raises(UserError, match=words):
        extract(tmp_path / "c.pth", tmp_path)


def test_a_truncated_file_is_named(saved, tmp_path):
    path = saved()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="is damaged, or not an nnU-Net checkpoint"):
        extract(path, tmp_path)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], {"network_weights": [1]}])
def test_another_kind_of_checkpoint_is_named(tmp_path, content):
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(UserError, match="has no network_weights"):
        extract(tmp_path / "c.pth", tmp_path)


def test_weights_that_are_no_tensors_are_refused(saved, tmp_path):
    path = saved(network_weights={"decoder.seg_layers.0.bias": [1.0]})
    with pytest.raises(UserError, match="weights that are not tensors"):
        extract(path, tmp_path)


def test_mirror_axes_that_are_no_numbers_are_refused(saved, tmp_path):
    path = saved(inference_allowed_mirroring_axes=("x",))
    with pytest.raises(UserError, match="no axes for mirrored passes"):
        extract(path, tmp_path)


def test_a_link_and_a_file_of_no_checkpoints_size_are_refused(saved, tmp_path):
    path = saved()
    (tmp_path / "link.pth").symlink_to(path)
    with pytest.raises(UserError, match="or only a link"):
        checkpoints.extract_weights([tmp_path / "link.pth"], tmp_path / "w", lambda: None)
    huge = tmp_path / "huge.pth"
    with huge.open("wb") as file:
        file.truncate(checkpoints.LARGEST_CHECKPOINT + 1)
    with pytest.raises(UserError, match="larger than 8 GB"):
        checkpoints.extract_weights([huge], tmp_path / "w", lambda: None)


@pytest.mark.slow
def test_another_process_reads_and_can_be_stopped(saved, tmp_path):
    path = saved()
    found = checkpoints.extract_weights([path, path], tmp_path / "w", lambda: None)
    assert [one.trainer for one in found] == ["nnUNetTrainer"] * 2
    assert len(load_file(tmp_path / "w")) == 2 * len(WEIGHTS)

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        checkpoints.extract_weights([path], tmp_path / "x", stop)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "tensor", [torch.zeros(1).expand(1 << 34), torch.zeros(3).to_sparse(), torch.zeros(3, device="meta")]
)
def test_a_tensor_that_is_more_than_the_file_holds_is_refused(saved, tmp_path, tensor):
    path = saved(network_weights={"decoder.seg_layers.0.bias": tensor})
    with pytest.raises(UserError, match="more memory than its size explains|not tensors"):
        extract(path, tmp_path)
    assert not (tmp_path / "w.safetensors").exists()
