"""Writes what nnU-Net's own planner makes of made data sets, for the tests of LiverTumorSegLib/training/planning.

    PYTHON_WITH_NNUNETV2 Testing/reference/nnunet/plans.py [isotropic] [thick] [small] [sizes]

``plans/NAME.json`` has fingerprint and plans of the data sets of ``support/planning_cases.py`` that have CTs, and
``plans/sizes.json`` plans for those that are shapes and spacings alone. nnunetv2 and its packages are needed, this
project's are not. It takes some minutes, since nnU-Net builds each network whose size it asks for.
"""

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import SimpleITK as sitk

HERE = Path(__file__).resolve().parent
PLANS = HERE / "plans"
LABELS = ("background", "liver", "lesion")
PACKAGES = ("nnunetv2", "dynamic-network-architectures", "numpy", "SimpleITK")


def describe(folder, classes=3):
    """Write the dataset.json of the CTs in a folder."""
    content = {
        "channel_names": {"0": "CT"},
        "labels": {name: value for value, name in enumerate(LABELS[:classes])},
        "numTraining": len(list((folder / "labelsTr").iterdir())),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def of_files(raw, number, name):
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from support.planning_cases import DRAWN, write_set

    folder = write_set(name, raw / f"Dataset{number:03d}_Made", "imagesTr/liver_{number}_0000.nii.gz")
    describe(folder)
    extractor = DatasetFingerprintExtractor(folder.name, num_processes=1)
    extractor.num_foreground_voxels_for_intensitystats = DRAWN[name]
    return {
        "fingerprint": extractor.run(overwrite_existing=True),
        "plans": ExperimentPlanner(folder.name).plan_experiment(),
    }


def of_sizes(raw, preprocessed, number, name):
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from support.planning_cases import made_sizes

    sizes, folder = made_sizes(name), raw / f"Dataset{number:03d}_Made"
    empty = sitk.GetImageFromArray(np.zeros((2, 2, 2), np.int16))
    for part, ending in (("imagesTr", "_0000"), ("labelsTr", "")):
        (folder / part).mkdir(parents=True)
        for case in range(len(sizes.shapes)):  # the planner reads one, for its format alone
            sitk.WriteImage(empty, str(folder / part / f"liver_{case:03d}{ending}.nii.gz"))
    describe(folder, sizes.classes)
    content = {
        "spacings": sizes.spacings,
        "shapes_after_crop": sizes.shapes,
        "foreground_intensity_properties_per_channel": {"0": {"mean": 0.0}},
        "median_relative_size_after_cropping": 1.0,
    }
    (preprocessed / folder.name).mkdir()
    (preprocessed / folder.name / "dataset_fingerprint.json").write_text(json.dumps(content))
    return ExperimentPlanner(folder.name, gpu_memory_target_in_gb=sizes.memory).plan_experiment()


def write(name, content):
    """As JSON, with what made it."""
    made_with = {package: version(package) for package in PACKAGES}
    text = json.dumps({"made with": made_with, **content}, default=lambda value: value.item())
    PLANS.mkdir(exist_ok=True)
    (PLANS / f"{name}.json").write_text(text + "\n")


def main():
    sys.path.insert(0, str(HERE.parents[1]))
    os.environ.setdefault("nnUNet_def_n_proc", "1")
    from support.planning_cases import NAMES, SIZES

    wanted = sys.argv[1:] or [*NAMES, "sizes"]
    with tempfile.TemporaryDirectory() as place:
        raw, preprocessed = Path(place) / "raw", Path(place) / "preprocessed"
        for variable, folder in (("nnUNet_raw", raw), ("nnUNet_preprocessed", preprocessed)):
            folder.mkdir()
            os.environ[variable] = str(folder)
        for number, name in enumerate(NAMES, start=1):
            if name in wanted:
                write(name, of_files(raw, number, name))
        if "sizes" in wanted:
            numbered = enumerate(SIZES, start=1 + len(NAMES))
            write("sizes", {name: of_sizes(raw, preprocessed, number, name) for number, name in numbered})


if __name__ == "__main__":
    main()
