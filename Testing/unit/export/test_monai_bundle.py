import json
import os
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import torch
from support.export_cases import WINDOW, labelled, small
from support.models import describe
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.export import export, monai_bundle
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models.description import Training

FULL = SegmentationOptions(coarse_pass=False, precision="float32")
RESAMPLED = [WINDOW, {"step": "resample", "spacing_mm": 3.1}]
CASES = [
    ("unet", {"steps": RESAMPLED, "slices": 3}),
    ("segnet", {}),
    ("resnet18", {"classes": 1, "labels": ("background", "lesion")}),
    ("attention_unet", {"classes": 2, "labels": ("background", "lesion")}),
    ("unet3d", {}),
    ("alexnet_fcn", {}),
]


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_the_bundle_gives_our_own_labels_on_the_volumes_own_grid(tmp_path, small_phantom, name, changes):
    model = small(name, **changes)
    volume = reordered(small_phantom.volume, (2, 0, 1), (True, False, True))
    agreement = export(model, "monai-bundle", tmp_path / "bundle", volume=volume)
    assert agreement.same_labels == 1
    ours = segment(volume, model, "cpu", options=FULL).labels
    theirs, affine = labelled(tmp_path / "bundle", volume, tmp_path)
    assert np.allclose(affine, volume.affine)
    assert np.unique(ours).size > 1
    assert (theirs != ours).mean() < 1e-5


def test_the_folder_is_laid_out_as_specified_and_its_weights_run_no_code(tmp_path, small_phantom):
    model = small("unet")
    export(model, "monai-bundle", tmp_path / "bundle", volume=small_phantom.volume)
    files = {str(path.relative_to(tmp_path / "bundle")) for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    models, configs = {"models/model.ts", "models/model.pt"}, {"configs/metadata.json", "configs/inference.json"}
    assert files == models | configs | {"docs/README.md", "LICENSE"}
    assert (tmp_path / "bundle" / "LICENSE").read_text().startswith("CC0-1.0\n")
    weights = torch.load(tmp_path / "bundle" / "models" / "model.pt", weights_only=True)
    wanted = model.network.state_dict()
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[key], wanted[key]) for key in wanted)


def test_a_later_bundle_of_the_same_process_holds_the_same_bytes(tmp_path):
    contents = []
    for name in ("unet", "segnet", "unet"):
        folder = tmp_path / str(len(contents))
        folder.mkdir()
        monai_bundle.write(folder, small(name))
        contents.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert contents[0].keys() == contents[2].keys()
    assert [file for file in contents[0] if contents[0][file] != contents[2][file]] == []


def test_an_older_bundle_is_replaced_when_asked(tmp_path, small_phantom):
    for name in ("first", "second"):
        model = small("unet", title=name)
        export(model, "monai-bundle", tmp_path / "bundle", volume=small_phantom.volume, overwrite=name == "second")
    assert json.loads((tmp_path / "bundle" / "configs" / "metadata.json").read_text())["name"] == "second"


def test_monais_own_command_runs_it(tmp_path, small_phantom):
    for name in ("ignite", "fire"):
        pytest.importorskip(name, reason="python -m monai.bundle needs pytorch-ignite and fire")
    model = small("unet")
    export(model, "monai-bundle", tmp_path / "bundle", volume=small_phantom.volume)
    (tmp_path / "bundle" / "data").mkdir()
    write_volume(tmp_path / "bundle" / "data" / "ct.nii.gz", small_phantom.volume)
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/inference.json"]
    done = subprocess.run(
        command, cwd=tmp_path / "bundle", capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    theirs = nibabel.load(tmp_path / "bundle" / "labels" / "ct_labels.nii.gz")
    ours = segment(small_phantom.volume, model, "cpu", options=FULL).labels
    assert (np.asarray(theirs.dataobj).transpose(2, 1, 0) != ours).mean() < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "$__import__('os').mkdir('ran')"},
        {"segments": "%/etc/passwd::x"},
        {"training": Training(data="@x", patients=(), validation_patients=(), seed=0, command="")},
        {
            "training": Training(
                data="", patients=(), validation_patients=(), seed=0, command="", recipe={"x": {"_target_": "os.mkdir"}}
            )
        },
    ],
    ids=["expression", "other file", "reference", "target"],
)
def test_what_monai_would_run_is_no_part_of_a_bundle(changes):
    monai_bundle.check(describe())
    with pytest.raises(UserError, match="which MONAI would take for an instruction"):
        monai_bundle.check(describe(**changes))
