"""A public CT of a liver with tumours, offered in Slicer's Sample Data module."""

from __future__ import annotations

from slicer.i18n import tr as _

_SHA256 = "e16eae0ae6fefa858c5c11e58f0f1bb81834d81b7102e021571056324ef6f37e"
_URL = f"https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/{_SHA256}"
"""Slicer's own copy of liver_100 of the Medical Segmentation Decathlon, Task03 (CC BY-SA 4.0): not trained on."""


def registerSampleData() -> None:
    """Add the CT to the Sample Data module, in a category of this module."""
    import SampleData  # itself a module of Slicer, so not there before the start is complete

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=_("Liver Tumor Segmentation"),
        sampleName="LiverTumorSegCT",
        uris=_URL,
        fileNames="CTLiver.nrrd",
        nodeNames="CTLiver",
        checksums=f"SHA256:{_SHA256}",
    )
