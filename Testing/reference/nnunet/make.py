"""Train small networks, have nnunetv2 label synthetic CTs with them, and keep what it says for the tests.

Runs in an environment with nnunetv2 alone, some minutes long::

    python -m venv /tmp/nnunet && /tmp/nnunet/bin/pip install nnunetv2==2.8.1
    /tmp/nnunet/bin/python Testing/reference/nnunet/make.py

With ``--predict`` nothing is trained or kept: the networks that are kept label other CTs, for ``compare.py``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import torch
from cases import CASES, CTS, INTENSITIES, NETWORKS, architecture, dataset, network_spec, plans, settings
from phantoms import LESION, LIVER, VESSEL, Grid, make
from safetensors.torch import load_file, save_file
from scipy import ndimage

HERE = Path(__file__).parent
_STEPS, _BATCH, _RATE = 300, 3, 3e-3
_RARE = 5.0
"""How much more a voxel of a lesion or a vessel counts in training than one of liver."""
_SIDE_MM = 180
_LABELLED = 0.7
"""Share of the patches that are around something that is labelled."""

_NUMBERS = {"liver": LIVER, "lesion": LESION, "liver_vessels": VESSEL}
_PACKAGES = ("nnunetv2", "torch", "numpy", "scipy", "scikit-image", "SimpleITK", "nibabel", "acvl_utils")


def build(network):
    """nnU-Net's own network."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    stated = architecture(network)
    return get_network_from_plans(
        stated["network_class_name"], stated["arch_kwargs"], stated["_kw_requires_import"], 1, len(network.outputs),
        deep_supervision=False,
    )  # fmt: skip


def train(network, seed):
    """A network that has seen three CTs of its own, with weights that float16 holds; and its last loss."""
    torch.manual_seed(seed)
    random = np.random.RandomState(seed)
    built = build(network).train()
    images = [example(network, 10 * seed + number) for number in range(3)]
    optimiser = torch.optim.Adam(built.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, _STEPS, 0.9)
    for _ in range(_STEPS):
        chosen = [patch(*images[random.randint(3)], network, random) for _ in range(_BATCH)]
        channels, wanted = (torch.from_numpy(np.stack(each)) for each in zip(*chosen, strict=True))
        logits = built(channels[:, None])
        loss = loss_of(logits, wanted, network)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    state = {name: tensor.half() for name, tensor in built.state_dict().items()}
    kept = {name: tensor for name, tensor in state.items() if not is_copy(name)}
    return kept, float(loss)


def is_copy(name):
    """Whether a tensor of nnU-Net's checkpoint is there under another name."""
    return "all_modules" in name or name.startswith("decoder.encoder.")


def example(network, seed):
    """A CT of a body in much air at a network's spacing, normalised, and labels."""
    spacing = (4.0, *network.spacing)[-3:]
    shape = tuple(max(n, int(_SIDE_MM / mm)) for n, mm in zip((1, *network.patch)[-3:], spacing, strict=True))
    hounsfield, labels = make(Grid(shape, spacing), seed, 100 / _SIDE_MM)
    image = hounsfield.astype(np.float32)
    if network.scheme == "ct":
        low, high = INTENSITIES["percentile_00_5"], INTENSITIES["percentile_99_5"]
        image = (image.clip(low, high) - INTENSITIES["mean"]) / INTENSITIES["std"]
    else:
        image = (image - image.mean()) / image.std()
    return image.astype(np.float32), labels


def patch(image, labels, network, random):
    """A part of a CT, mirrored at random: mostly around something that is labelled, else anywhere, in air alone too."""
    size = (1, *network.patch)[-3:]
    around = np.argwhere(labels >= random.choice([1, 2]))
    centre = around[random.randint(len(around))] if random.rand() < _LABELLED else random.randint(labels.shape)
    start = [min(max(0, at - side // 2), n - side) for at, n, side in zip(centre, image.shape, size, strict=True)]
    part = tuple(slice(at, at + side) for at, side in zip(start, size, strict=True))
    turned = tuple(slice(None, None, random.choice([-1, 1])) for _ in size)
    return (np.ascontiguousarray(each[part][turned]).reshape(network.patch) for each in (image, labels))


def loss_of(logits, wanted, network):
    """Cross entropy, of each region by itself where there are regions."""
    if network.regions:
        targets = torch.stack([wanted > 0, wanted == LESION], dim=1).float()
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=torch.tensor([1.0, _RARE]).reshape(2, *[1] * network.axes)
        )
    numbers = torch.zeros(4, dtype=torch.long)
    for channel, name in enumerate(network.outputs):
        if name in _NUMBERS:
            numbers[_NUMBERS[name]] = channel
    if VESSEL not in [_NUMBERS.get(name) for name in network.outputs]:
        numbers[VESSEL] = numbers[LIVER]
    counts = torch.tensor([1.0 if name in ("background", "liver") else _RARE for name in network.outputs])
    return torch.nn.functional.cross_entropy(logits, numbers[wanted.long()], counts)


def write_ct(path, ct):
    """A synthetic CT as a file."""
    hounsfield, _ = make(Grid(ct.shape, ct.spacing), ct.seed)
    if ct.rim:
        kept = np.zeros(ct.shape, bool)
        kept[tuple(slice(ct.rim[2 * axis], ct.shape[axis] - ct.rim[2 * axis + 1]) for axis in range(3))] = True
        hounsfield[~kept] = 0
    z, y, x = ct.spacing
    affine = np.array([[-x, 0, 0, 40], [0, -y, 0, 35], [0, 0, z, -20], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(hounsfield.transpose(2, 1, 0), affine)
    if ct.turned:  # x to the left, then z downwards, then y to the front
        image = image.as_reoriented(np.array([[0, 1], [2, 1], [1, -1]]))
    image.set_data_dtype(np.int16)
    nibabel.save(image, path)


def write_folder(folder, case, weights):
    """What nnU-Net's training would have left."""
    network = NETWORKS[case.network]
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans(case)))
    (folder / "dataset.json").write_text(json.dumps(dataset(case)))
    for fold in range(case.folds):
        built = build(network)
        missing = built.load_state_dict({name: t.float() for name, t in weights[fold].items()}, strict=False)
        if not all(map(is_copy, missing.missing_keys)):
            msg = f"{case.network} lacks {missing.missing_keys}"
            raise SystemExit(msg)
        (folder / f"fold_{fold}").mkdir()
        checkpoint = {
            "network_weights": built.state_dict(), "trainer_name": "nnUNetTrainer",
            "init_args": {"configuration": case.configuration, "fold": fold},
            "inference_allowed_mirroring_axes": case.mirrors or None,
        }  # fmt: skip
        torch.save(checkpoint, folder / f"fold_{fold}" / "checkpoint_final.pth")


def predict(case, weights, ct, scratch):
    """What nnU-Net labels in a CT, in the order of the file's voxels, ``[k, j, i]``."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    folder = scratch / f"nnUNetTrainer__nnUNetPlans__{case.configuration}"
    write_folder(folder, case, weights)
    shown = scratch / "case_0000.nii.gz"
    image = nibabel.load(ct)
    if case.around_mm:
        canonical = nibabel.as_closest_canonical(image)
        nibabel.save(respaced(canonical, case.around_mm), shown)
    else:
        nibabel.save(image, shown)
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(folder), tuple(range(case.folds)))
    (scratch / "out").mkdir()
    with torch.inference_mode():
        predictor.predict_from_files_sequential([[str(shown)]], [str(scratch / "out" / "case")])
    labels = nibabel.load(scratch / "out" / "case.nii.gz")
    if case.around_mm:
        labels = back(labels, canonical, image)
    return np.asarray(labels.dataobj).astype(np.uint8).transpose(2, 1, 0)


def respaced(image, spacing):
    """A CT at a spacing, as TotalSegmentator's ``change_spacing`` makes it: linear between corners, cut to integers."""
    zoom = np.array(image.header.get_zooms(), float) / np.array(spacing)
    values = ndimage.zoom(image.get_fdata(), zoom, order=1, mode="nearest").astype(np.int32)
    affine = image.affine.copy()
    affine[:3, :3] /= zoom
    return nibabel.Nifti1Image(values, affine)


def back(labels, canonical, image):
    """Labels on the grid of the file, each voxel that of the nearest."""
    values = np.asarray(labels.dataobj)
    zoom = np.array(canonical.shape) / np.array(values.shape)
    nearest = ndimage.zoom(values, zoom, order=0, mode="nearest")
    forth = nibabel.io_orientation(image.affine)
    return nibabel.Nifti1Image(nearest, canonical.affine).as_reoriented(
        nibabel.orientations.ornt_transform(nibabel.io_orientation(canonical.affine), forth)
    )


def read_weights(name):
    """A network's kept weights, a fold each."""
    return [load_file(HERE / "weights" / f"{name}_{fold}.safetensors") for fold in range(len(NETWORKS[name].seeds))]


def make_all():
    """Train, predict and keep everything."""
    for folder in ("weights", "cts"):
        (HERE / folder).mkdir(exist_ok=True)
    losses = {}
    for name, network in NETWORKS.items():
        for fold, seed in enumerate(network.seeds):
            state, losses[f"{name}_{fold}"] = train(network, seed)
            save_file(state, HERE / "weights" / f"{name}_{fold}.safetensors")
            print(name, fold, round(losses[f"{name}_{fold}"], 3), flush=True)
    for name, ct in CTS.items():
        write_ct(HERE / "cts" / f"{name}.nii.gz", ct)
    labels, described = {}, {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as scratch:
            labels[name] = predict(case, read_weights(case.network), HERE / "cts" / f"{case.ct}.nii.gz", Path(scratch))
        described[name] = {
            "ct": case.ct, "weights": [f"{case.network}_{fold}" for fold in range(case.folds)],
            "network": network_spec(case), "settings": settings(case), "plans": plans(case), "dataset": dataset(case),
        }  # fmt: skip
        print(name, np.bincount(labels[name].ravel()).tolist(), flush=True)
    np.savez_compressed(HERE / "labels.npz", **labels)
    made = {
        "python": platform.python_version(), "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "seeds": {name: network.seeds for name, network in NETWORKS.items()}, "last_losses": losses,
        "ct_seeds": {name: ct.seed for name, ct in CTS.items()}, "cases": described,
    }  # fmt: skip
    (HERE / "cases.json").write_text(json.dumps(made) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--predict",
        nargs=3,
        action="append",
        metavar=("CASE", "CT", "LABELS"),
        help="label a CT as a case's network does; may be given several times",
    )
    wanted = parser.parse_args().predict
    for name, ct, labels in wanted or ():
        with tempfile.TemporaryDirectory() as scratch:
            np.save(labels, predict(CASES[name], read_weights(CASES[name].network), ct, Path(scratch)))
    if not wanted:
        make_all()


if __name__ == "__main__":
    os.environ.setdefault("nnUNet_def_n_proc", "1")
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):  # it warns without
        os.environ.setdefault(name, tempfile.gettempdir())
    main()
