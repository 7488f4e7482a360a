"""Folders that hold other things than the one CT series."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.uid import (
    BasicTextSRStorage,
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    SegmentationStorage,
)
from support import enhanced_dicom
from support.dicom_slices import SLICE_MM, hounsfield, placed, plain, write

from .case import Handled, Refused, changed, made

_SEVERAL = Refused("holds several series: choose one with --series")
_NONE = Refused("holds no DICOM images: give the folder of a CT series")
_DAMAGED = Refused("ends too early, is damaged, has no pixels or compresses them in a way that cannot be read")


@made("two series in a folder", _SEVERAL)
def _two_series(folder) -> None:
    write(plain(), folder)
    write(plain("1.2.4"), folder, "other")


@made("two series in a folder, one chosen", Handled(), "--series", "2.3")
def _one_chosen(folder) -> None:
    write(plain(), folder)
    write(plain("1.2.4", seed=8), folder, "other")


@made("two series in a folder, none that was chosen", Refused("no single one that ends so"), "--series", "5")
def _none_chosen(folder) -> None:
    _two_series(folder)


@made("two patients in a folder", _SEVERAL)
def _two_patients(folder) -> None:
    write(plain(), folder)
    other = plain("1.2.4")
    for one in other:
        one.PatientID = "2"
    write(other, folder, "other")


@changed("a slice that names neither patient nor frame of reference", Handled())
def _patient_missing(slices) -> None:
    slices[3].PatientID = ""
    del slices[2].FrameOfReferenceUID


@changed("two patients in a series", Refused("images of more than one patient"))
def _patients_mixed(slices) -> None:
    slices[3].PatientID = "2"


@changed("two frames of reference in a series", Refused("images of more than one frame of reference"))
def _frames_mixed(slices) -> None:
    slices[3].FrameOfReferenceUID = "1.2.7"


@changed("an arterial and a venous acquisition in one series", Refused("two slices at one place"))
def _two_acquisitions(slices) -> None:
    for one in plain(seed=9):
        one.AcquisitionNumber, one.SOPInstanceUID = 2, f"{one.SOPInstanceUID}.2"
        slices.append(one)


@changed("two acquisitions that continue each other", Handled())
def _continued(slices) -> None:
    for one in slices[3:]:
        one.AcquisitionNumber = 2


@changed("a slice twice, of the same content", Refused("two slices at one place (z = 55.0 mm)"))
def _same_twice(slices) -> None:
    slices.append(plain()[2])


@changed("a slice twice, of other content", Refused("two slices at one place (z = 55.0 mm)"))
def _other_twice(slices) -> None:
    slices.append(plain(seed=9)[2])


@changed("a localiser among the slices", Handled())
def _localiser(slices) -> None:
    scout = plain(seed=9)[0]
    scout.ImageType, scout.ImageOrientationPatient = ["ORIGINAL", "PRIMARY", "LOCALIZER"], [1, 0, 0, 0, 0, -1]
    slices.insert(0, scout)


@made("localisers in a series beside the slices", Handled())
def _localiser_series(folder) -> None:
    write(plain(), folder)
    scouts = plain("1.2.4")[:2]
    for one in scouts:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(scouts, folder, "scout")


@changed("an oblique image among the slices", Refused("mixes slices of different direction"))
def _oblique(slices) -> None:
    slices.insert(0, plain(seed=9)[0])
    slices[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


@made("localisers alone", Refused("holds a single slice of this series"))
def _localisers(folder) -> None:
    (scout, *_) = plain()
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write([scout], folder)


@changed("MR", Refused("holds MR, not CT"))
def _mr(slices) -> None:
    for one in slices:
        one.Modality = "MR"


@changed("no modality", Refused("holds images of no stated kind, not CT"))
def _no_modality(slices) -> None:
    for one in slices:
        del one.Modality


@changed("cone-beam CT that calls itself CT and is not in HU", Refused("does not look like a CT in Hounsfield units"))
def _cone_beam(slices) -> None:
    for one in slices:
        one.RescaleIntercept = 500


@made("MR forced to be read as CT", Refused("holds MR, not CT"), "--force")
def _forced(folder) -> None:
    slices = plain()
    _mr(slices)
    write(slices, folder)


@changed("one slice", Refused("holds a single slice of this series"))
def _one_slice(slices) -> None:
    del slices[1:]


@changed("two slices", Handled(hounsfield()[:2], says=("It covers 25 mm from feet to head",)))
def _two_slices(slices) -> None:
    del slices[2:]


@made("enhanced CT", Handled())
def _enhanced(folder) -> None:
    enhanced_dicom.write(enhanced_dicom.enhanced(plain()[::-1]), folder / "ct.dcm")


@made("enhanced CT that states more frames than it describes", Refused("states 7 frames and describes 6 of them"))
def _more_frames(folder) -> None:
    one = enhanced_dicom.enhanced(plain())
    one.NumberOfFrames = 7
    enhanced_dicom.write(one, folder / "ct.dcm")


@made(
    "several images in a file that is no enhanced CT", Refused("holds 6 slices in one file and is not an enhanced CT")
)
def _many_in_one(folder) -> None:
    slices = plain()
    one = slices[0]
    one.NumberOfFrames, one.PixelData = len(slices), b"".join(each.PixelData for each in slices)
    write([one], folder)


def _object(sop_class: str, modality: str) -> Dataset:
    """A DICOM object without an image, such as a report."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = sop_class
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = "1.2.77.1"
    one.Modality, one.StudyInstanceUID, one.SeriesInstanceUID = modality, "1.2.9", "1.2.77"
    return one


@made("an RTSTRUCT beside the series", Handled())
def _rt_structures(folder) -> None:
    write(plain(), folder)
    write([_object(RTStructureSetStorage, "RTSTRUCT")], folder, "structures")


@made("a structured report beside the series", Handled())
def _report(folder) -> None:
    write(plain(), folder)
    write([_object(BasicTextSRStorage, "SR")], folder, "report")


@made("a structured report alone", _NONE)
def _report_alone(folder) -> None:
    write([_object(BasicTextSRStorage, "SR")], folder, "report")


@made("a DICOM segmentation beside the series", Handled())
def _segmentation(folder) -> None:
    write(plain(), folder)
    mask = plain("1.2.5")[0]
    mask.SOPClassUID = mask.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    mask.Modality = "SEG"
    write([mask], folder, "mask")


@made("a series of MR beside the CT", Handled())
def _mr_beside(folder) -> None:
    write(plain(), folder)
    other = plain("1.2.5")
    _mr(other)
    write(other, folder, "other")


@made("a DICOM segmentation alone", Refused("holds SEG, not CT"))
def _segmentation_alone(folder) -> None:
    _segmentation(folder)
    for path in folder.glob("slice*"):
        path.unlink()


@made("a DICOMDIR beside the series", Handled())
def _dicomdir(folder) -> None:
    files = FileSet()
    for one in plain():
        one.StudyDate, one.StudyTime, one.StudyID, one.SeriesNumber = "20200101", "120000", "1", 1
        files.add(one)
    files.write(folder)


@made("text, tables, archives and pictures beside the series", Handled())
def _clutter(folder) -> None:
    write(plain(), folder)
    for name in ("readme.txt", "Thumbs.db", "table.csv", "scan.zip", "picture.png", "no ending"):
        (folder / name).write_bytes(b"PK\x03\x04 no DICOM")


@made("hidden files of a Mac beside the series", Handled())
def _mac(folder) -> None:
    for path in write(plain(), folder):
        (folder / f"._{path.name}").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")


@made("a hidden copy of the series", Handled())
def _hidden(folder) -> None:
    write(plain(), folder)
    write(plain(), folder / ".trash")


@made("files without endings", Handled())
def _no_endings(folder) -> None:
    for number, path in enumerate(write(plain(), folder)):
        path.rename(folder / f"IM{number:04d}")


@made("files without DICOM's preamble", Handled())
def _no_preamble(folder) -> None:
    for path in write(plain(), folder):
        path.write_bytes(path.read_bytes()[132:])


@made("data sets without preamble and file meta information", Handled())
def _bare(folder) -> None:
    for path, one in zip(write(plain(), folder), plain(), strict=True):
        del one.file_meta
        one.save_as(path, implicit_vr=True, little_endian=True)


@made("deeply nested folders", Handled())
def _nested(folder) -> None:
    write(plain(), folder.joinpath(*["deeper"] * 40))


@made("slices scattered over folders", Handled())
def _scattered(folder) -> None:
    for number, one in enumerate(plain()):
        write([one], folder / f"folder {number}")


@made("linked slices", Handled())
def _linked(folder) -> None:
    folder.mkdir()
    for number, path in enumerate(write(plain(), folder.parent / "elsewhere")):
        (folder / f"{number}.dcm").symlink_to(path)
    (folder / "broken.dcm").symlink_to(folder / "gone.dcm")


@made("a link to the folder", Handled())
def _linked_folder(folder) -> None:
    write(plain(), folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


@made("a link that leads in a circle", Handled())
def _circle(folder) -> None:
    write(plain(), folder)
    (folder / "again").symlink_to(folder)


@made("a pipe beside the series", Handled())
def _pipe(folder) -> None:
    write(plain(), folder)
    os.mkfifo(folder / "IM0001.dcm")


@made("a folder called IM0001.dcm", Handled())
def _folder_name(folder) -> None:
    write(plain(), folder / "IM0001.dcm")


@made("names in other alphabets", Handled())
def _alphabets(folder) -> None:
    write(plain(), folder / "печень 肝臓 👤", "Schnitt ä")


@made("names that are not valid Unicode", Refused("has a name that is not valid Unicode: rename it"))
def _bad_names(folder) -> None:
    write(plain(), Path(os.fsdecode(os.fsencode(folder) + b"/k\xf6rper")))


@changed("a patient's name in Latin letters with accents", Handled())
def _latin(slices) -> None:
    for one in slices:
        one.SpecificCharacterSet, one.PatientName, one.SeriesDescription = "ISO_IR 100", "Müller^Jörg", "Oberbäuche"


@changed("a patient's name in Japanese", Handled())
def _japanese(slices) -> None:
    for one in slices:
        one.SpecificCharacterSet, one.PatientName = ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"


@made("two series described in Latin letters and with a line break", _SEVERAL)
def _described(folder) -> None:
    for uid in ("1.2.3", "1.2.4"):
        slices = plain(uid)
        for one in slices:
            one.SpecificCharacterSet, one.SeriesDescription = "ISO_IR 100", "Bäuche [/red]"
        for path in write(slices, folder, uid):
            path.write_bytes(path.read_bytes().replace(b"[/red]", b"[\nred\x1b"))


@made("an empty folder", _NONE)
def _empty(folder) -> None:
    folder.mkdir()


@made("a folder of empty files", _NONE)
def _empty_files(folder) -> None:
    for path in write(plain(), folder):
        path.write_bytes(b"")


@made("no DICOM in files called so", _NONE)
def _no_dicom(folder) -> None:
    for path in write(plain(), folder):
        path.write_bytes(b"no DICOM" * 100)


@made("the last slice an empty file", Handled(hounsfield()[:-1], says=("Slices may be missing at an end",)))
def _last_empty(folder) -> None:
    write(plain(), folder)[-1].write_bytes(b"")


@made("the last slice cut off within its header", _DAMAGED)
def _last_cut(folder) -> None:
    last = write(plain(), folder)[-1]
    last.write_bytes(last.read_bytes()[:400])


@made("the last slice cut off within its pixels", _DAMAGED)
def _last_pixels_cut(folder) -> None:
    last = write(plain(), folder)[-1]
    last.write_bytes(last.read_bytes()[:-60])


@made("a slice of another series cut off", Handled(), "--series", "2.3")
def _other_cut(folder) -> None:
    write(plain(), folder)
    other = write(plain("1.2.4"), folder, "other")[-1]
    other.write_bytes(other.read_bytes()[:-60])


@made("every slice cut off", _DAMAGED)
def _all_cut(folder) -> None:
    for path in write(plain(), folder):
        path.write_bytes(path.read_bytes()[:-60])


@made("a middle slice cut off to a few bytes", Refused("slices are missing"))
def _middle_cut(folder) -> None:
    middle = write(plain(), folder)[3]
    middle.write_bytes(middle.read_bytes()[:100])


@made("the zipped series in a folder", _NONE)
def _zipped(folder) -> None:
    paths = write(plain(), folder)
    with zipfile.ZipFile(folder / "scan.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
            path.unlink()


@made("a zip of the series in place of a folder", Refused("is in a format that cannot be read"))
def _zip(folder) -> None:
    write(plain(), folder.parent / "elsewhere")
    shutil.make_archive(str(folder.parent / "zipped"), "zip", folder.parent / "elsewhere")
    (folder.parent / "zipped.zip").rename(folder)


@made("one file in place of a folder", Refused("is one CT image: give the folder of its series"))
def _one_file(folder) -> None:
    write(plain()[:1], folder.parent / "elsewhere")[0].rename(folder)


@changed("no UID of the series", Handled())
def _no_series(slices) -> None:
    for one in slices:
        del one.SeriesInstanceUID


@changed("nothing about the patient", Handled())
def _anonymous(slices) -> None:
    for one in slices:
        del one.PatientID, one.PatientName


@changed("private tags and long text", Handled())
def _private(slices) -> None:
    for one in slices:
        block = one.private_block(0x0099, "Somebody", create=True)
        block.add_new(0x01, "OB", np.arange(1000, dtype=np.uint16).tobytes())
        one.ImageComments = "x" * 10000


@made("an implausible place of the first voxel", Handled(affine=placed(origin=np.array([9e3, -9e3, 9e3]))))
def _far_away(folder) -> None:
    slices = plain()
    for number, one in enumerate(slices):
        one.ImagePositionPatient = [9e3, -9e3, 9e3 + number * SLICE_MM]
    write(slices, folder)
