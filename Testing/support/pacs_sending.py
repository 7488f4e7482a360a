"""Objects to send, and where they may go."""

import pydicom
import pytest

from LiverTumorSegLib.apps.pacs.config import Send
from support import dicom_slices


@pytest.fixture(scope="session")
def objects(tmp_path_factory):
    """A Segmentation and a Structured Report, as far as those matter who pass them on."""
    kinds = {"SEG": pydicom.uid.SegmentationStorage, "SR": pydicom.uid.Comprehensive3DSRStorage}
    paths = []
    for number, (modality, kind) in enumerate(kinds.items()):
        (one,) = dicom_slices.plain(f"1.2.3.10{number}", count=1)
        one.Modality, one.SOPClassUID = modality, kind
        one.file_meta.MediaStorageSOPClassUID = kind
        if modality == "SR":
            for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
                del one[keyword]
        paths += dicom_slices.write([one], tmp_path_factory.mktemp(modality))
    return paths


def dicom(port, **peer):
    """Sends by C-STORE."""
    return Send.model_validate({"dicom": {"ae_title": "ORTHANC", "address": "127.0.0.1", "port": port} | peer})


def web(url, **more):
    """Sends by STOW-RS."""
    return Send.model_validate({"web": {"url": url} | more})


def held(archive):
    """The UIDs of all objects in an archive."""
    return sorted(str(one.SOPInstanceUID) for one in archive.data_sets())
