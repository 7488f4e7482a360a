import io
import os
import zipfile
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training import checkpoints
from LiverTumorSegLib.training.checkpoints import (
    WholeCheckpoints,
    checkpoint_path,
    newest_whole,
    remove_old_checkpoints,
)


def write(folder, *steps):
    for step in steps:
        WholeCheckpoints().save_checkpoint(
            {"global_step": step, "weights": torch.arange(1000)}, checkpoint_path(folder, step)
        )


def test_the_newest_whole_checkpoint_is_taken(tmp_path):
    write(tmp_path, 200, 1000, 400)
    path, content = newest_whole(tmp_path, lambda path: pytest.fail(f"{path} is whole"))
    assert path == checkpoint_path(tmp_path, 1000)
    assert content["global_step"] == 1000
    assert torch.equal(content["weights"], torch.arange(1000))


def halved(content):
    return content[: len(content) // 2]


def with_other_numbers(content):
    """One bit of the weights, in the middle of 8000 zeros and ones of numbers that are stored as they are."""
    at = content.index(torch.arange(400, 500).numpy().tobytes())
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("damage", [halved, with_other_numbers, lambda _: b""])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage):
    write(tmp_path, 1, 2)
    checkpoint_path(tmp_path, 2).write_bytes(damage(checkpoint_path(tmp_path, 2).read_bytes()))
    told = []
    path, content = newest_whole(tmp_path, told.append)
    assert (path, content["global_step"]) == (checkpoint_path(tmp_path, 1), 1)
    assert told == [checkpoint_path(tmp_path, 2)]


def test_where_none_is_whole_there_is_none(tmp_path):
    checkpoint_path(tmp_path, 1).write_bytes(b"")
    assert newest_whole(tmp_path, lambda _: None) is None
    assert newest_whole(tmp_path / "none", lambda _: None) is None


def test_a_checkpoint_that_could_not_be_finished_leaves_the_old_one_alone(tmp_path, monkeypatch):
    write(tmp_path, 1)
    before = checkpoint_path(tmp_path, 1).read_bytes()

    def fail(_content, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 1)
    assert checkpoint_path(tmp_path, 1).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint_path(tmp_path, 1).name]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_nothing_in_a_checkpoint_can_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"global_step": 1, "evil": Evil()}, checkpoint_path(tmp_path, 1))
    assert zipfile.is_zipfile(checkpoint_path(tmp_path, 1))
    assert newest_whole(tmp_path, lambda _: None) is None
    with pytest.raises(Exception, match="Weights only load failed"):
        WholeCheckpoints().load_checkpoint(checkpoint_path(tmp_path, 1))
    assert not (tmp_path / "ran").exists()


def test_the_two_newest_are_kept(tmp_path):
    write(tmp_path, 200, 400, 1000)
    remove_old_checkpoints(tmp_path)
    assert checkpoints.newest_first(tmp_path) == [checkpoint_path(tmp_path, 1000), checkpoint_path(tmp_path, 400)]


def test_a_disk_that_is_full_is_told_in_the_disks_own_words(tmp_path, monkeypatch):
    """PyTorch says “unexpected pos 64 vs 0” instead, since it cannot end its archive."""

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *how: Full() if path.suffix == ".ckpt" else opened(path, *how))
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\): nothing was changed"):
        WholeCheckpoints().save_checkpoint({"state": torch.zeros(10)}, checkpoint_path(tmp_path, 1))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("pickled", [b"\x80\x02R.", b"\x80\x02h\x05.", b"\x80"], ids=["stack", "memo", "end"])
def test_a_checkpoint_with_a_pickle_made_to_mislead_is_damaged(tmp_path, pickled):
    write(tmp_path, 1)
    with zipfile.ZipFile(checkpoint_path(tmp_path, 1)) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(checkpoint_path(tmp_path, 1), "w") as archive:
        for name, body in entries.items():
            archive.writestr(name, pickled if name.endswith("data.pkl") else body)
    assert newest_whole(tmp_path, lambda _: None) is None
