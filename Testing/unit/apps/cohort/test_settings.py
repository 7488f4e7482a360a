from pathlib import Path

import pytest
from support.models import describe

from LiverTumorSegLib.apps.cohort import CohortSettings
from LiverTumorSegLib.core.ct_quality import DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.models.description import WeightsFile
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain

USUAL = CohortSettings().how(describe())
OTHER_CHAIN = Chain.model_validate([{"step": "window", "level": 50, "width": 200}])


@pytest.mark.parametrize(
    ("settings", "description"),
    [
        (CohortSettings(SegmentationOptions(coarse_pass=False)), describe()),
        (CohortSettings(SegmentationOptions(precision="float32")), describe()),
        (CohortSettings(SegmentationOptions(postprocessing=Postprocessing(smallest_lesion_ml=2))), describe()),
        (CohortSettings(damaged=DamageTreatment.INTERPOLATE), describe()),
        (CohortSettings(format="nii.gz"), describe()),
        (CohortSettings(), describe(name="other")),
        (CohortSettings(), describe(weights=WeightsFile(sha256="1" * 64, bytes=1))),
        (CohortSettings(), describe(preprocessing=OTHER_CHAIN)),
    ],
)
def test_what_changes_labels_makes_another_cohort(settings, description):
    assert settings.how(description) != USUAL


@pytest.mark.parametrize(
    "settings",
    [
        CohortSettings(SegmentationOptions(batch=3)),
        CohortSettings(report=Path("reports"), probabilities=Path("maps")),
        CohortSettings(force=True, overwrite=True),
        CohortSettings(SegmentationOptions(postprocessing=describe().postprocessing)),
    ],
)
def test_what_changes_no_label_does_not(settings):
    assert settings.how(describe(title="Another title")) == USUAL


def test_an_unknown_format_is_refused():
    with pytest.raises(UserError, match=r"choose seg\.nrrd or nii\.gz"):
        CohortSettings(format="dcm")
