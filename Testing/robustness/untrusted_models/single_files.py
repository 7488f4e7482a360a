"""Attacks by a single file: ``ATTACKS[name](path, marker)`` writes it and says which of :mod:`.attempts` reads it."""

import pickle
import tarfile
import zipfile

import numpy as np
import torch

from .payload import Payload

ATTACKS = {}


def _weights(title, write):
    def spoil(folder, marker):
        write(folder / "weights.pth", marker)
        return "read_weights", folder / "weights.pth"

    def spoil_checkpoint(folder, marker):
        write(folder / "checkpoint_final.pth", marker)
        return "read_nnunet", folder / "checkpoint_final.pth"

    ATTACKS[f"weights: {title}"] = spoil
    ATTACKS[f"checkpoint: {title}"] = spoil_checkpoint


def _saved(title, make, **options):
    _weights(title, lambda path, marker: torch.save(make(marker), path, **options))


def _bytes(title, make):
    _weights(title, lambda path, marker: path.write_bytes(make(marker)))


def _repickled(path, content):
    """A checkpoint whose pickle is another one."""
    torch.save({"conv1.weight": torch.ones(2)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in entries.items():
            archive.writestr(name, content if name.endswith("data.pkl") else body)


_bytes("a pickle", lambda marker: pickle.dumps({"conv1.weight": Payload(marker)}))
_bytes("a pickle of the first kind", lambda marker: pickle.dumps({"conv1.weight": Payload(marker)}, protocol=0))
_bytes("a script", lambda marker: f"import os; os.mkdir({str(marker)!r})".encode())
_saved("a payload", lambda marker: {"conv1.weight": Payload(marker)})
_saved("a payload deep within", lambda marker: {"a": [{"b": (1, Payload(marker))}]})
_saved("a payload for a name", lambda marker: {("a", Payload(marker)): torch.ones(1)})
_saved("a payload of old", lambda marker: {"a": Payload(marker)}, _use_new_zipfile_serialization=False)
_saved("a network", lambda marker: torch.nn.Linear(2, 1))
_saved("a tensor of nothing but a shape", lambda marker: {"conv1.weight": torch.empty(10**6, 10**6, device="meta")})
_saved("a sparse tensor", lambda marker: {"conv1.weight": torch.eye(3).to_sparse()})
_saved("a complex tensor", lambda marker: {"conv1.weight": torch.ones(2, dtype=torch.complex64)})
_saved("a quantised tensor", lambda marker: {"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)})
_weights("eval in a pickle", lambda path, marker: _repickled(path, b"\x80\x02cbuiltins\neval\nX\x01\0\0\x001\x85R."))
_weights("an empty stack", lambda path, marker: _repickled(path, b"\x80\x02R."))
_weights("a pickle without an end", lambda path, marker: _repickled(path, b"\x80\x02}q\0"))
_weights("an unknown memo", lambda path, marker: _repickled(path, b"\x80\x02h\x05."))
_weights("getattr of torch", lambda path, marker: _repickled(path, b"\x80\x02ctorch\nload\n."))
_weights("a persistent id of text", lambda path, marker: _repickled(path, b"\x80\x02X\x01\0\0\x00aQ."))


def _tar(path, marker):
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("storages")
        entry.type, entry.linkname = tarfile.SYMTYPE, str(marker)
        archive.addfile(entry)


_weights("a tar file with a link", _tar)


def _recipe(title, text):
    def spoil(folder, marker):
        (folder / "recipe.yaml").write_text(text.replace("MARKER", str(marker)), encoding="utf-8")
        return "read_recipe", folder / "recipe.yaml"

    ATTACKS[f"recipe: {title}"] = spoil


_recipe("apply", "title: !!python/object/apply:os.mkdir ['MARKER']")
_recipe("new", "title: !!python/object/new:os.mkdir ['MARKER']")
_recipe("a name", "title: !!python/name:os.mkdir")
_recipe("a module", "title: !!python/module:os")
_recipe("state", "!!python/object:os.environ {a: b}")
_recipe("a day that is none", "title: 2001-99-99")
_recipe("a number of five thousand digits", f"seed: {'1' * 5000}")
_recipe("a whole number that is none", "seed: !!int abc")
_recipe("a time that is none", "title: !!timestamp x")
_recipe("a truth that is none", "title: !!bool x")
_recipe("five thousand brackets", "[" * 5000)
_recipe("itself", "network: &a {name: unet, in_channels: 1, options: *a}")
_LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
_recipe("a billion laughs", f"a0: &a0 [x]\n{_LAUGHS}\nnetwork: {{name: unet, in_channels: 1, options: {{x: *a11}}}}")


def _checkpoint(title, make):
    def spoil(folder, marker):
        make(folder / "step-000000001.ckpt", marker)
        return "read_checkpoint", folder

    ATTACKS[f"checkpoint: {title}"] = spoil


_checkpoint("a payload", lambda path, marker: torch.save({"callbacks": Payload(marker)}, path))
_checkpoint("a pickle", lambda path, marker: path.write_bytes(pickle.dumps(Payload(marker))))
for _title, _pickle in (("an empty stack", b"\x80\x02R."), ("an unknown memo", b"\x80\x02h\x05."), ("no end", b"\x80")):
    _checkpoint(_title, lambda path, marker, content=_pickle: _repickled(path, content))


def _cached(title, write):
    def spoil(folder, marker):
        note = '{"key": "KEY", "name": "a", "numbers": [1], "shown": [0], "in_unit": true, "slice_mm": null'
        text = note.replace("KEY", folder.name) + ', "lesions_apart": true}'
        (folder / "patient.json").write_text(text, encoding="utf-8")
        np.save(folder / "labels.npy", np.zeros((1, 4, 4), np.uint8))
        write(folder / "pixels.npy", marker)
        return "read_cache", folder

    ATTACKS[f"cache: {title}"] = spoil


def _header(text):
    """A file of NumPy's with this header."""
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def _objects(path, marker):
    np.save(path, np.array([Payload(marker)], dtype=object), allow_pickle=True)


def _several(path, marker):
    with path.open("wb") as content:
        np.savez(content, pixels=np.zeros((1, 1, 4, 4), np.uint8))


_cached("objects", _objects)
_cached("a pickle", lambda path, marker: path.write_bytes(pickle.dumps(Payload(marker))))
_cached("several arrays", _several)
_cached("a call", lambda path, marker: path.write_bytes(_header(b"__import__('os').mkdir('x')\n")))
_cached("brackets", lambda path, marker: path.write_bytes(_header(b"(" * 9000 + b"\n")))
_cached("an open quote", lambda path, marker: path.write_bytes(_header(b"{'descr': '''\n")))
_cached("no header", lambda path, marker: path.write_bytes(b"\x93NUMPY"))
_HUGE = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 4611686018427387904, 4611686018427387904)}\n"
_cached("a shape beyond 64 bits", lambda path, marker: path.write_bytes(_header(_HUGE) + bytes(64)))
