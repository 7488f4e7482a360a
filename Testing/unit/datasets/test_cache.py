import os
import shutil
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import cache
from LiverTumorSegLib.datasets.slices import Patient


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def patient(dtype=torch.uint8):
    random = np.random.default_rng(4)
    pixels = torch.from_numpy(random.integers(0, 255, (5, 2, 6, 9))).to(dtype)
    labels = torch.zeros(5, 6, 9, dtype=torch.uint8)
    labels[2, 3, 3], labels[3, 1, 1] = 1, 2
    return Patient("volume-3", np.arange(0, 10, 2), pixels, labels, 1.5, True)


@pytest.fixture
def entry(tmp_path):
    place = tmp_path / "cache" / "abc"
    cache.keep(place, patient())
    return place


@pytest.fixture
def files(tmp_path):
    (tmp_path / "ct.nii").write_bytes(b"ct")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "one.dcm").write_bytes(b"one")
    return tmp_path / "ct.nii", tmp_path / "masks"


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16])
def test_a_patient_comes_back_as_it_was(tmp_path, dtype):
    before = patient(dtype)
    cache.keep(tmp_path / "abc", before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = cache.load(tmp_path / "abc")
    assert (after.name, after.slice_mm, after.lesions_apart) == ("volume-3", 1.5, True)
    assert after.numbers.tolist() == [0, 2, 4, 6, 8]
    assert after.pixels.dtype == dtype
    assert torch.equal(after.pixels, before.pixels)
    assert torch.equal(after.labels, before.labels)
    assert torch.equal(after.stack([4, 0]), before.stack([4, 0]))
    assert after.overview.shown.tolist() == [0, 0, 1, 2, 0]
    assert after.in_unit is (dtype == torch.uint8)


def test_arrays_stay_on_disk_and_are_not_changed_from_memory(entry):
    opened = cache.load(entry)
    opened.labels[0] = 9
    assert int(cache.load(entry).labels.max()) == 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux lists them")
def test_no_file_stays_open(entry):
    before = len(os.listdir("/proc/self/fd"))
    kept = [cache.load(entry) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(kept) == 20


def damage(name, content):
    def do(entry):
        (entry / name).write_bytes(content)

    return do


def cut_short(entry):
    with (entry / "pixels.npy").open("r+b") as file:
        file.truncate(200)


def other_shape(entry):
    np.save(entry / "labels.npy", np.zeros((5, 9, 6), np.uint8))


def in_fortran_order(entry):
    np.save(entry / "labels.npy", np.asfortranarray(np.zeros((5, 6, 9), np.uint8)))


def of_another_type(entry):
    np.save(entry / "pixels.npy", np.zeros((5, 2, 6, 9)))


def of_another_name(entry):
    note = entry / "patient.json"
    note.write_text(note.read_text().replace('"abc"', '"other"'))


def several_arrays(entry):
    with (entry / "pixels.npy").open("wb") as file:
        np.savez(file, pixels=np.zeros((5, 2, 6, 9), np.uint8))


DAMAGES = [
    several_arrays,
    damage("pixels.npy", b'\x93NUMPY\1\0\x0e\0{"descr": """\n'),
    damage("patient.json", b"{}"),
    damage("labels.npy", b""),
    damage("pixels.npy", b"no array"),
    cut_short,
    other_shape,
    in_fortran_order,
    of_another_type,
    of_another_name,
    lambda entry: (entry / "labels.npy").unlink(),
]


@pytest.mark.parametrize("spoil", DAMAGES)
def test_a_damaged_or_foreign_entry_counts_for_nothing_and_is_replaced(entry, spoil):
    spoil(entry)
    assert cache.load(entry) is None
    cache.keep(entry, patient())
    assert torch.equal(cache.load(entry).pixels, patient().pixels)
    assert [path.name for path in entry.parent.iterdir()] == ["abc"]


def test_an_entry_is_not_written_over_somebody_elses_files(entry):
    damage("patient.json", b"{}")(entry)
    (entry / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.txt, which would be lost"):
        cache.keep(entry, patient())


def test_who_is_slower_leaves_what_the_faster_one_made(entry, monkeypatch):
    first = (entry / "pixels.npy").stat().st_ino
    cache.keep(entry, patient())
    assert (entry / "pixels.npy").stat().st_ino == first
    assert [path.name for path in entry.parent.iterdir()] == ["abc"]

    def too_late(*_, **__):
        msg = "there is one already"
        raise UserError(msg)

    monkeypatch.setattr(cache, "whole_folder", too_late)
    cache.keep(entry, patient())
    shutil.rmtree(entry)
    with pytest.raises(UserError, match="one already"):
        cache.keep(entry, patient())


def _keep_many(folder):
    for number in range(40):
        cache.keep(folder / str(number), patient())


def test_processes_that_make_entries_at_once_do_not_clash(tmp_path):
    processes = [get_context("fork").Process(target=_keep_many, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(40))
    assert all(cache.load(path) is not None for path in tmp_path.iterdir())


def test_the_key_follows_from_files_and_options(files):
    first = cache.key(files, "chain")
    assert first == cache.key(files, "chain")
    assert first != cache.key(files, "another chain")
    assert first != cache.key(files[:1], "chain")
    (files[1] / "two.dcm").write_bytes(b"two")
    assert first != cache.key(files, "chain")


@pytest.mark.parametrize("at", [0, 1])
def test_the_key_changes_with_a_files_time_or_size(files, at):
    first = cache.key(files)
    file = (files[0], files[1] / "one.dcm")[at]
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    assert cache.key(files) != first
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.key(files) == first
    file.write_bytes(b"longer than before")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.key(files) != first


def test_the_key_changes_with_the_format(files, monkeypatch):
    first = cache.key(files)
    monkeypatch.setattr(cache, "_FORMAT", 2)
    assert cache.key(files) != first


def test_a_file_that_is_not_there_is_named(tmp_path):
    (tmp_path / "ct.nii").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"ct\.nii cannot be read"):
        cache.key([tmp_path / "ct.nii"])


def test_a_disk_without_room_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9 * 10**9, 6 * 10**9, 3 * 10**9))
    cache.check_room(tmp_path / "not" / "there", 2.9e9)
    with pytest.raises(UserError, match=r"needs 3\.1 GB more, but its disk has 3\.0 GB left: make room") as caught:
        cache.check_room(tmp_path / "not" / "there", 3.1e9)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "not").exists()


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        cache.check_room(tmp_path / "file", 1)


def test_the_default_is_the_users_cache():
    assert cache.default_folder().name == "patients"
    assert "livertumorseg" in cache.default_folder().parts


def test_sizes_are_said_in_gb_or_below_one_in_mb():
    words = [cache.format_size(size) for size in (15.26e9, 2e9, 117e6, 9e3)]
    assert words == ["15.3 GB", "2.0 GB", "117 MB", "less than 1 MB"]
