"""Attacks on a sound model folder: ``ATTACKS[name](folder, marker)`` spoils it; the marker must never appear."""

import json
import os
import pickle
import struct

import torch
from safetensors.torch import load_file, save_file

from LiverTumorSegLib.core.checksum import sha256
from LiverTumorSegLib.models import model_folder

from .payload import Payload

ATTACKS = {}
HARMLESS = {}
"""Those that have nothing to refuse: what is hostile is not a model's, or is words."""

SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(1)>[x](javascript:alert(1))[bold]\x1b]0;owned\x07\u202e'


def attack(function):
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def harmless(function):
    HARMLESS[function.__name__.replace("_", " ")] = function
    return function


def state(folder, **entries):
    """Change entries of the description; a dotted name is one within another."""
    path = folder / model_folder.DESCRIPTION
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, value in entries.items():
        *parents, last = name.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def with_checksum(folder):
    path = folder / model_folder.WEIGHTS
    state(folder, weights={"sha256": sha256(path), "bytes": path.stat().st_size})


def put_weights(folder, content):
    """Other bytes in the weights' place, with the checksum that goes with them."""
    (folder / model_folder.WEIGHTS).write_bytes(content)
    with_checksum(folder)


def put_tensors(folder, change):
    """Other tensors; ``change`` gets them by name, and the name of the first weight."""
    tensors = {name: value.clone() for name, value in load_file(folder / model_folder.WEIGHTS).items()}
    change(tensors, next(name for name in tensors if name.endswith("conv.weight")))
    save_file(tensors, folder / model_folder.WEIGHTS)
    with_checksum(folder)


def put_header(folder, change):
    """Another header before the same numbers."""
    content = (folder / model_folder.WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header, next(name for name in header if name.endswith("conv.weight")))
    text = json.dumps(header).encode()
    put_weights(folder, struct.pack("<Q", len(text)) + text + content[8 + length :])


def link(folder, name, target):
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)


@attack
def a_pickle_for_weights(folder, marker):
    put_weights(folder, pickle.dumps(Payload(marker)))


@attack
def a_checkpoint_for_weights(folder, marker):
    torch.save({"weights": Payload(marker)}, folder / model_folder.WEIGHTS)
    with_checksum(folder)


@attack
def an_old_checkpoint_for_weights(folder, marker):
    torch.save({"weights": Payload(marker)}, folder / model_folder.WEIGHTS, _use_new_zipfile_serialization=False)
    with_checksum(folder)


@attack
def a_pickle_alone(folder, marker):
    (folder / model_folder.WEIGHTS).unlink()
    (folder / "weights.pt").write_bytes(pickle.dumps(Payload(marker)))


@attack
def a_pickle_for_the_description(folder, marker):
    (folder / model_folder.DESCRIPTION).write_bytes(pickle.dumps(Payload(marker)))


@attack
def weights_that_are_a_link(folder, marker):
    link(folder, model_folder.WEIGHTS, "/etc/passwd")


@attack
def a_description_that_is_a_link(folder, marker):
    link(folder, model_folder.DESCRIPTION, "/etc/passwd")


@attack
def a_card_that_is_a_link(folder, marker):
    link(folder, model_folder.CARD, "/etc/passwd")


@attack
def a_card_that_is_a_link_to_nothing(folder, marker):
    link(folder, model_folder.CARD, marker)


@attack
def weights_that_are_a_fifo(folder, marker):
    (folder / model_folder.WEIGHTS).unlink()
    os.mkfifo(folder / model_folder.WEIGHTS)


@attack
def a_description_that_is_a_fifo(folder, marker):
    (folder / model_folder.DESCRIPTION).unlink()
    os.mkfifo(folder / model_folder.DESCRIPTION)


@attack
def a_card_that_is_a_fifo(folder, marker):
    (folder / model_folder.CARD).unlink()
    os.mkfifo(folder / model_folder.CARD)


@attack
def a_description_of_a_gigabyte(folder, marker):
    os.truncate(folder / model_folder.DESCRIPTION, 1 << 30)


@attack
def a_card_of_a_gigabyte(folder, marker):
    os.truncate(folder / model_folder.CARD, 1 << 30)


@attack
def a_description_a_hundred_thousand_brackets_deep(folder, marker):
    (folder / model_folder.DESCRIPTION).write_text("[" * 100_000)


def _named(name):
    def spoil(folder, marker):
        state(folder, name=name)

    ATTACKS[f"the name {name!r:.30}"] = spoil


_NAMES = ("../evil", "/tmp/evil", "..", "a/b", "a\\b", "C:evil", "CON", "aux.txt", "tiny.", "a" * 300, "a\nb", "a\0b")
for _name in _NAMES:
    _named(_name)


@attack
def the_name_of_the_model_that_ships(folder, marker):
    state(folder, name="unet-lits")


@attack
def another_file_for_weights(folder, marker):
    state(folder, weights__file="../../etc/passwd")


def _built(title, **network):
    def spoil(folder, marker):
        state(folder, network={"name": "unet", "in_channels": 1} | network)

    ATTACKS[f"a network {title}"] = spoil


_built("of a billion features", options={"features": [10**9] * 6})
_built("of a hundred thousand features", options={"features": [10**5] * 6})
_built("of ten billion features in a level", options={"features": [4, 4, 4, 4, 4, 10**10]})
_built("of features beyond 64 bits", options={"features": [10**30] * 6})
_built("of a million levels", options={"features": [4] * 10**6})
_built("of fractions", options={"features": [4.0] * 6})
_built("of negative features", options={"features": [-4] * 6})
_built("of text", options={"features": "444444"})
_built("with an unknown option", options={"__class__": "os.system"})
_built("with the option self", options={"self": 1})
_built("with a normalisation by parts", options={"features": [4] * 6, "norm": ["batch", {"eps": "x"}]})
_built("with a dropout that is no number", options={"features": [4] * 6, "dropout": "$__import__('os').mkdir('x')"})
_built("named after a module", name="os.system")
_built("named by a path", name="../unet")
_built("for a billion channels", in_channels=10**9)
_built("of terabytes with an encoder", name="resnet101", options={"width": 10**6})
_built("beyond any width", name="resnet18", options={"width": 2**62})
_built("with a switch that is an expression", name="resnet18", options={"width": 4, "skips": "$__import__('os')"})
_built("of a billion hidden states", name="dalu_net", options={"hidden": 10**9})


@attack
def ten_thousand_slices(folder, marker):
    state(folder, stack={"slices": 10_001, "spacing_mm": 1.0}, network__in_channels=10_001)


@attack
def a_thousand_windows_of_a_thousand(folder, marker):
    wide = {"step": "channels", "chains": [[{"step": "window", "level": 0, "width": 1}]] * 1000}
    state(folder, preprocessing=[wide, wide], network__in_channels=10**6)


@attack
def resampling_to_nanometres(folder, marker):
    state(folder, preprocessing=[{"step": "resample", "spacing_mm": 1e-9}])


@attack
def resizing_to_a_billion_pixels(folder, marker):
    state(folder, preprocessing=[{"step": "resize", "height": 10**9, "width": 10**9}])


@attack
def patches_of_a_billion_voxels(folder, marker):
    state(folder, patches={"spacing_mm": [1.0, 1.0, 1.0], "size": [10**9] * 3})


@attack
def a_recipe_that_is_a_tag(folder, marker):
    path = folder / model_folder.DESCRIPTION
    path.write_text(f"!!python/object/apply:os.mkdir ['{marker}']", encoding="utf-8")


@attack
def an_offset_beyond_the_file(folder, marker):
    put_header(folder, lambda header, name: header[name].update(data_offsets=[0, 1 << 62]))


@attack
def a_negative_offset(folder, marker):
    put_header(folder, lambda header, name: header[name].update(data_offsets=[-8, 0]))


@attack
def tensors_that_overlap(folder, marker):
    put_header(folder, lambda header, name: header[name].update(data_offsets=[0, 4]))


@attack
def a_shape_beyond_64_bits(folder, marker):
    put_header(folder, lambda header, name: header[name].update(shape=[1 << 40] * 4))


@attack
def an_unknown_type_of_number(folder, marker):
    put_header(folder, lambda header, name: header[name].update(dtype="PICKLE"))


@attack
def a_header_of_a_hundred_megabytes(folder, marker):
    put_weights(folder, struct.pack("<Q", 100 << 20) + b"{" + b" " * (100 << 20))


@attack
def a_header_longer_than_the_file(folder, marker):
    put_weights(folder, struct.pack("<Q", (1 << 64) - 1) + b"{}")


@attack
def no_weights_at_all(folder, marker):
    put_weights(folder, b"\0")


@attack
def weights_that_are_whole_numbers(folder, marker):
    put_tensors(folder, lambda tensors, name: tensors.update({name: tensors[name].long()}))


@attack
def complex_weights(folder, marker):
    put_tensors(folder, lambda tensors, name: tensors.update({name: tensors[name].to(torch.complex64)}))


@attack
def weights_of_another_shape(folder, marker):
    put_tensors(folder, lambda tensors, name: tensors.update({name: tensors[name][:, :, :1].contiguous()}))


@attack
def a_weight_too_many(folder, marker):
    put_tensors(folder, lambda tensors, name: tensors.update(more=torch.zeros(1)))


@attack
def a_weight_too_few(folder, marker):
    put_tensors(folder, lambda tensors, name: tensors.pop(name))


def _value(title, value, part="conv.weight"):
    def change(tensors, _first):
        name = next(name for name in tensors if name.endswith(part))
        tensors[name] = torch.full_like(tensors[name], value, dtype=torch.float64)

    def spoil(folder, marker):
        put_tensors(folder, change)

    ATTACKS[title] = spoil


_value("weights that are NaN", float("nan"))
_value("weights that are infinite", float("inf"))
_value("weights that float32 has no room for", 1e300)
_value("variances below zero", -1.0, "running_var")


@harmless
def words_with_scripts_in_them(folder, marker):
    state(folder, title=SCRIPT, segments=SCRIPT, licence={"name": SCRIPT, "terms": SCRIPT})
    (folder / model_folder.CARD).write_text(SCRIPT * 3, encoding="utf-8")


@harmless
def words_that_are_styles_of_a_terminal(folder, marker):
    state(folder, title="[/]", segments="[link=ftp://x]x[/link]", licence={"name": "[bold", "terms": "[/b]"})


@harmless
def other_files_beside_it(folder, marker):
    (folder / "__init__.py").write_text(f"import os; os.mkdir({str(marker)!r})")
    (folder / "hubconf.py").write_text(f"import os; os.mkdir({str(marker)!r})")
    (folder / "weights.pth").write_bytes(pickle.dumps(Payload(marker)))
    link(folder, "more", "/etc")
