"""Results of patients as trials give them, with figures chosen by a test."""

from LiverTumorSegLib.evaluation.case import MEASURES
from LiverTumorSegLib.evaluation.lesion_detection import Detections
from LiverTumorSegLib.experiments.trial import PatientResult


def measures(reference_ml=10.0, **known):
    return dict.fromkeys(MEASURES) | {"prediction_ml": 0.0, "reference_ml": reference_ml} | known


def result(name, liver=0.9, lesion=0.5, counts=(1, 0, 0), touched=(1, 0, 0), false_ml=0.0, seconds=1.0, assd=2.0):
    """A patient whose reference has lesions unless ``lesion`` is None; counts: found, false, missed."""
    has_lesions = lesion is not None
    return PatientResult(
        name=name,
        reference="0",
        liver=measures(1000.0, dice=liver, assd_mm=assd),
        lesion=measures(10.0 if has_lesions else 0.0, dice=lesion or 0.0, prediction_ml=false_ml),
        detection=Detections(*counts),
        touched=Detections(*touched),
        confusion=((0,) * 3,) * 3,
        seconds=seconds,
        device="cpu, float32",
    )
