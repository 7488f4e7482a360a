"""What a trained model does on one patient whom it never saw."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..datasets import sources
from ..datasets.sources import Source
from ..evaluation import case
from ..evaluation.lesions.detection import Detections
from ..evaluation.pairs.label_pair import LabelPair
from ..evaluation.settings import Settings
from ..evaluation.structures import LESION_NAME, LIVER_NAME
from ..inference import segment
from ..model import Model
from ..progress import Job

Measures = dict[str, float | None]
"""By key of :data:`LiverTumorSegLib.evaluation.case.MEASURES`; None where not defined."""


class PatientResult(BaseModel):
    """One patient's figures, by the definitions of ``livertumorseg evaluate`` and its rule of LiTS for empty masks.

    Args:
        name: of the patient in the data.
        reference: checksum of the labels that it was measured against.
        liver: of labels 1 and 2 together; None where the model does not find the liver.
        lesion: of label 2; None where the model does not find lesions, or the labels join them to the liver.
        detection: lesions found, missed and false at an IoU above 0.5; None where ``lesion`` is.
        touched: the same at any overlap.
        confusion: voxels ``[reference, prediction]`` by label.
        seconds: taken to segment it.
        device: where, and in which precision.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    reference: str
    liver: Measures | None
    lesion: Measures | None
    detection: Detections | None
    touched: Detections | None
    confusion: tuple[tuple[int, ...], ...]
    seconds: float
    device: str

    @property
    def liver_dice(self) -> float | None:
        """None where the reference has no liver: there is nothing to agree with."""
        return _of_marked(self.liver, "dice")

    @property
    def liver_assd_mm(self) -> float | None:
        """None where nothing was found, too."""
        return _of_marked(self.liver, "assd_mm")

    @property
    def lesion_dice(self) -> float | None:
        """None where the reference has no lesion, of which a Dice would say 0 or 1 whatever its size."""
        return _of_marked(self.lesion, "dice")

    @property
    def lesion_assd_mm(self) -> float | None:
        """None where nothing was found, too."""
        return _of_marked(self.lesion, "assd_mm")

    @property
    def false_lesion_ml(self) -> float | None:
        """Volume of the lesions found where the reference has none; None where it has some."""
        return None if self.lesion is None or self.lesion["reference_ml"] else self.lesion["prediction_ml"]


def measure_patient(
    trained: Model, source: Source, data: Path, name: str, *, device: str = "auto", job: Job | None = None
) -> PatientResult:
    """Segment a patient as users do, with the model's own clean-up, and compare with the reference.

    Args:
        trained: from :func:`LiverTumorSegLib.model.load`.
        source: of the patient.
        data: folder that holds the source's.
        name: of the patient.
        device: where to run.
        job: told of every batch.

    Raises:
        UserError: the patient cannot be read, or the device is not there.
        Cancelled: the user asked to stop.
    """
    task, settings = job or Job(), Settings()
    volume, reference = sources.read(source, data, name)
    done = segment(volume, trained, device, task.at, task.cancel)
    axial = volume.axial
    pair = LabelPair(axial.of(done.labels), axial.of(reference), axial.affine(volume.affine, reference.shape))
    measured = case.measure(pair, settings, name)
    finds = trained.description.labels
    of_lesions = "lesion" in finds and source.lesions_apart
    counts = measured.detection.to_dict()
    return PatientResult(
        name=name,
        reference=measured.reference,
        liver=measured.measures(LIVER_NAME, settings) if "liver" in finds else None,
        lesion=measured.measures(LESION_NAME, settings) if of_lesions else None,
        detection=counts["above"] if of_lesions else None,
        touched=counts["any"] if of_lesions else None,
        confusion=measured.confusion.tolist(),
        seconds=done.seconds,
        device=done.device,
    )


def _of_marked(measures: Measures | None, key: str) -> float | None:
    """A measure of what the reference marks; None where it marks nothing."""
    return measures[key] if measures and measures["reference_ml"] else None
