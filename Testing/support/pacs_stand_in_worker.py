"""A light worker for tests: its results are DICOM objects that follow from the images' UIDs and the time.

Each job leaves its series' folder in the file that ``STAND_IN_LOG`` names. What ``STAND_IN_DOES`` says, it does:
``die`` at a series, ``refuse`` it, ``stumble`` over it,
``name`` the models it is asked for, ``hang``, ``forget`` to make a result.
"""

import hashlib
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage

KINDS = {"segmentation.dcm": (SegmentationStorage, "SEG"), "measurements.dcm": (Comprehensive3DSRStorage, "SR")}


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def made_of(images, made, name):
    one, (kind, modality) = Dataset(), KINDS[name]
    said = [*sorted(image.SOPInstanceUID for image in images), made, name]
    one.SOPInstanceUID = "2.25." + str(int(hashlib.sha256("|".join(said).encode()).hexdigest()[:30], 16))
    one.SeriesInstanceUID = one.SOPInstanceUID + ".1"
    one.SOPClassUID, one.Modality, one.StudyInstanceUID = kind, modality, images[0].StudyInstanceUID
    one.PatientID, one.PatientName = images[0].get("PatientID", ""), images[0].get("PatientName", "")
    one.StudyDate = one.StudyTime = one.AccessionNumber = one.StudyID = ""
    one.ContentDate = f"{datetime.fromisoformat(made):%Y%m%d}"
    one.SeriesDescription, one.InstanceNumber = images[0].SeriesInstanceUID, len(images)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return one


def segment(source, folder, made, **_):
    images = [pydicom.dcmread(path) for path in sorted(Path(source).iterdir())]
    Path(folder).mkdir(parents=True)
    for name in KINDS:
        made_of(images, made, name).save_as(Path(folder, name), enforce_file_format=True)
    Path(folder, "report.html").write_text("<p>A report</p>")
    return {"files": list(KINDS)}


def answer(question):
    asked = question["with"]
    does = os.environ.get("STAND_IN_DOES", "")
    with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
        log.write(f"{asked['source']}\n")
    if does == "die":
        os._exit(7)
    if does == "refuse":
        return {
            "error": f"{asked['source']}/3.dcm is of “Some^One” and 1.2.3.4.5.6: export it again.",
            "details": "Traceback",
        }
    if does == "name":
        return {"error": f"Asked for {asked['model']}, {asked['liver_model']}, {asked['also']}.", "details": ""}
    if does == "stumble":
        return {"error": "That failed unexpectedly (KeyError: 'Some^One'): please report it.", "details": "Traceback"}
    if does == "forget":
        return {"result": {}}
    if does == "hang":
        time.sleep(600)
    time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
    return {"result": segment(**asked)}


if __name__ == "__main__":
    say(id=0, result={})
    for line in sys.stdin:
        question = json.loads(line)
        if question.get("do") == "load_model":
            wrong = {"error": "There is no model “none”: give the folder of one.", "details": ""}
            say(id=question["id"], **(wrong if question["with"]["model"] == "none" else {"result": {}}))
        elif question.get("do") == "segment_series":
            say(id=question["id"], **answer(question))
