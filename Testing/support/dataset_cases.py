"""A small CT with labels, written as each public data set keeps its scans."""

import csv

import numpy as np
import SimpleITK as sitk
from PIL import Image

from LiverTumorSegLib.core.volume import Volume
from support.evaluation_cases import affine_of, save

SHAPE = (8, 20, 24)
SPACING = (2.0, 0.9, 0.8)  # slices, rows, columns


def ct(seed=0, shape=SHAPE):
    """Voxels in HU without symmetry, which look like CT: fat below, soft tissue above."""
    return np.random.default_rng(seed).integers(-150, 200, shape).astype(np.int16)


def labels(shape=SHAPE, lesions=2):
    """A liver of 480 voxels with lesions of 8, 1 (and more of 1)."""
    marked = np.zeros(shape, np.uint8)
    marked[1:7, 4:14, 5:13] = 1
    places = [np.s_[2:4, 6:8, 6:8], np.s_[5, 10, 10], np.s_[5, 12, 7]]
    for place in places[:lesions]:
        marked[place] = 2
    return marked


def write_lits(folder, number, voxels=None, marked=None, affine=None, ending=".nii"):
    voxels = ct(number) if voxels is None else voxels
    save(folder / f"volume-{number}{ending}", voxels, SPACING, voxels.dtype, affine)
    save(folder / f"segmentation-{number}{ending}", labels() if marked is None else marked, SPACING, affine=affine)


def write_msd(folder, number, voxels=None, marked=None, affine=None):
    voxels = ct(number) if voxels is None else voxels
    save(folder / "imagesTr" / f"liver_{number}.nii.gz", voxels, SPACING, np.int16, affine)
    save(folder / "labelsTr" / f"liver_{number}.nii.gz", labels() if marked is None else marked, SPACING, affine=affine)


def write_series(folder, voxels, uid, modality="CT", origin=(-5.0, -7.0, 30.0), reverse=False):
    """Write slices as DICOM under names whose order says nothing about their place."""
    folder.mkdir(parents=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, plane in enumerate(voxels):
        image = sitk.GetImageFromArray(np.ascontiguousarray(plane))
        image.SetSpacing((SPACING[2], SPACING[1]))
        for tag, value in {
            "0008|0060": modality,
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{uid}.{number}",
            "0020|000d": "1.2.9",
            "0020|000e": uid,
            "0020|0013": str(len(voxels) - number if reverse else number),
            "0020|0032": f"{origin[0]}\\{origin[1]}\\{origin[2] + SPACING[0] * number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }.items():
            image.SetMetaData(tag, value)
        name = len(voxels) - number if reverse else (number * 3) % len(voxels)
        writer.SetFileName(str(folder / f"image_{name}.dcm"))
        writer.Execute(image)


def write_ircadb(folder, number, voxels=None, masks=None, **options):
    """One patient: ``masks`` by folder name, else a liver and its two lesions in a folder each."""
    place = folder / f"3Dircadb1.{number}"
    write_series(place / "PATIENT_DICOM", ct(number) if voxels is None else voxels, f"1.2.{number}")
    for at, (name, mask) in enumerate((lesion_masks() if masks is None else masks).items()):
        inside = (mask * 255).astype(np.uint8) if mask.dtype == bool else mask
        write_series(place / "MASKS_DICOM" / name, inside, f"1.3.{number}.{at}", **options)
    return place


def lesion_masks():
    marked = labels()
    lesions = marked == 2
    first = lesions.copy()
    first[5:] = False
    return {"liver": marked > 0, "livertumor01": first, "livertumor02": lesions & ~first, "bone": ~(marked > 0)}


def write_slices(folder, name, voxels=None, marked=None, numbers=None, spacing=SPACING):
    """Write greys and masks, and the spacing into ``slices.csv`` unless it is None."""
    greys = np.clip(ct(len(name)), 0, 255).astype(np.uint8) if voxels is None else voxels
    marked = labels() if marked is None else marked
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, grey, mask in zip(numbers or range(len(greys)), greys, marked, strict=True):
        Image.fromarray(grey).save(folder / "images" / f"{name}_slice_{number}.jpg", quality=95)
        Image.fromarray(mask).save(folder / "masks" / f"{name}_slice_{number}.png")
    if spacing:
        z, y, x = spacing
        with (folder / "slices.csv").open("w", newline="") as lines:
            csv.writer(lines).writerows([["patient", "dx_mm", "dy_mm", "dz_native_mm"], [name, x, y, z]])


def volume(voxels=None):
    return Volume(ct() if voxels is None else voxels, affine_of(SPACING))
