from pathlib import Path

import pytest
from conftest import describe

from LiverTumorSegLib.cohort import Settings
from LiverTumorSegLib.damaged import Treatment
from LiverTumorSegLib.description import WeightsFile
from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.inference import Options
from LiverTumorSegLib.postprocessing import Postprocessing
from LiverTumorSegLib.preprocessing import Chain

USUAL = Settings().how(describe())
OTHER_CHAIN = Chain.model_validate([{"step": "window", "level": 50, "width": 200}])


@pytest.mark.parametrize(
    ("settings", "description"),
    [
        (Settings(Options(coarse_pass=False)), describe()),
        (Settings(Options(precision="float32")), describe()),
        (Settings(Options(postprocessing=Postprocessing(smallest_lesion_ml=2))), describe()),
        (Settings(damaged=Treatment.INTERPOLATE), describe()),
        (Settings(format="nii.gz"), describe()),
        (Settings(), describe(name="other")),
        (Settings(), describe(weights=WeightsFile(sha256="1" * 64, bytes=1))),
        (Settings(), describe(preprocessing=OTHER_CHAIN)),
    ],
)
def test_what_changes_labels_makes_another_cohort(settings, description):
    assert settings.how(description) != USUAL


@pytest.mark.parametrize(
    "settings",
    [
        Settings(Options(batch=3)),
        Settings(report=Path("reports"), probabilities=Path("maps")),
        Settings(force=True, overwrite=True),
        Settings(Options(postprocessing=describe().postprocessing)),
    ],
)
def test_what_changes_no_label_does_not(settings):
    assert settings.how(describe(title="Another title")) == USUAL


def test_an_unknown_format_is_refused():
    with pytest.raises(UserError, match=r"choose seg\.nrrd or nii\.gz"):
        Settings(format="dcm")
