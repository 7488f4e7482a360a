import json
from pathlib import Path

import pytest
from support.models import describe
from support.other_structures import named

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
        (CohortSettings(SegmentationOptions(nnunet="exact")), describe()),
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


def test_other_models_make_another_cohort_each_with_its_weights():
    main, liver, vessels = describe(), named("livers"), named("vessels", ["liver_vessels"])
    kinds = [
        USUAL,
        CohortSettings().how(main, liver),
        CohortSettings().how(main, named("others")),
        CohortSettings().how(main, None, [vessels]),
        CohortSettings().how(main, liver, [vessels]),
        CohortSettings().how(main, liver, [named("vessels2", ["liver_vessels"])]),
    ]
    assert len({json.dumps(how) for how in kinds}) == len(kinds)
    how = CohortSettings().how(main, liver, [vessels])
    assert how["liver_model"]["weights_sha256"] == liver.weights.sha256
    assert [each["weights_sha256"] for each in how["also"]] == [vessels.weights.sha256]
