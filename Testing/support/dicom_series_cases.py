"""A small series of DICOM files as another program would write it."""

import numpy as np
import SimpleITK as sitk

SHAPE, ROWS_MM, COLUMNS_MM, SLICES_MM = (6, 10, 12), 0.75, 0.5, 2.5


def write_series(folder, uid="1.2.3", modality="CT", tilt=0.0, gap=SLICES_MM, colour=False):
    """Write slices of HU = 10 * slice - 100, in shuffled order, as another program would."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in (3, 0, 5, 1, 4, 2):
        pixels = np.full((*SHAPE[1:], 3), 5, np.uint8) if colour else np.full(SHAPE[1:], 10 * number - 100, np.int16)
        image = sitk.GetImageFromArray(pixels, isVector=colour)
        image.SetSpacing((COLUMNS_MM, ROWS_MM))
        for tag, value in {
            "0008|0060": modality,
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{uid}.{number}",
            "0008|103e": f"series {uid}",
            "0020|000d": "1.2.9",
            "0020|000e": uid,
            "0020|0013": str(number),
            "0020|0032": f"-5\\{-7 + tilt * number}\\{30 + gap * number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}-{(number * 7) % 6}{number}.dcm"))
        writer.Execute(image)
    return folder
