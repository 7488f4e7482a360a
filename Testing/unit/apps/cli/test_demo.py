import os

import pytest

from LiverTumorSegLib.apps.cli import phantom_demo
from LiverTumorSegLib.core.errors import UserError


def test_the_demo_writes_its_files_and_comes_near_the_truth(tmp_path):
    outcome = phantom_demo.run_demo(tmp_path / "demo")
    assert sorted(os.listdir(tmp_path / "demo")) == [
        "ct.nii.gz", "lesions.csv", "lesions.json", "patient.csv", "report.html", "segmentation.seg.nrrd",
    ]  # fmt: skip
    assert outcome.liver_dice >= 0.9
    with pytest.raises(UserError, match="exists already"):
        phantom_demo.run_demo(tmp_path / "demo")
