"""Series whose pixels are stored or scaled in odd ways."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom import DataElement
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from support.dicom_slices import INTERCEPT, Slices, hounsfield, store

from .case import Handled, Refused, changed

_HU = hounsfield()
_UNSCALED = Refused("does not say how its pixels become CT numbers")
_NO_CT = Refused("does not look like a CT in Hounsfield units")
_DAMAGED = Refused("ends too early, is damaged, has no pixels or compresses them in a way that cannot be read")


def _syntax(slices: Slices, uid: str) -> None:
    for one in slices:
        one.file_meta.TransferSyntaxUID = uid


def _signed(slices: Slices, which=slice(None)) -> None:
    """HU as they are, in signed pixels."""
    for one, values in list(zip(slices, _HU, strict=True))[which]:
        store(one, values)
        one.RescaleIntercept = 0


@changed("signed pixels that are HU", Handled())
def _plainly_signed(slices) -> None:
    _signed(slices)


@changed("no rescale slope and intercept, signed", Handled())
def _no_rescale(slices) -> None:
    _signed(slices)
    for one in slices:
        del one.RescaleSlope, one.RescaleIntercept


@changed("no rescale slope and intercept, shifted by 1024", _NO_CT)
def _shifted(slices) -> None:
    for one in slices:
        del one.RescaleSlope, one.RescaleIntercept


@changed("HU shifted by 1024 as stated", _NO_CT)
def _intercept_zero(slices) -> None:
    for one in slices:
        one.RescaleIntercept = 0


@changed("slope zero", _UNSCALED)
def _slope_zero(slices) -> None:
    slices[3].RescaleSlope = 0


@changed("slope that is no number", _DAMAGED)
def _slope_text(slices) -> None:
    slices[3][0x00281053] = DataElement(0x00281053, "LO", "one")


@changed("slope of a half", Handled())
def _half(slices) -> None:
    for one, values in zip(slices, _HU, strict=True):
        store(one, ((values - INTERCEPT) * 2 + 1).astype(np.uint16))
        one.RescaleSlope, one.RescaleIntercept = 0.5, INTERCEPT - 0.5


@changed("rescale that differs from slice to slice", Handled())
def _differing(slices) -> None:
    _signed(slices, slice(0, None, 2))
    store(slices[3], ((_HU[3] - INTERCEPT) * 4 + 1).astype(np.uint16))
    slices[3].RescaleSlope = 0.25


_PADDED_LAST = _HU.copy()
_PADDED_LAST[0] = np.abs(_PADDED_LAST[0])


@changed("a first slice that is unsigned beside signed ones", Handled(_PADDED_LAST))
def _types(slices) -> None:
    _signed(slices)
    store(slices[0], np.abs(_HU[0]).astype(np.uint16))


_WITH_PADDING = _HU.copy()
_WITH_PADDING[:, -3:] = -2000


@changed("padding of -2000", Handled(_WITH_PADDING))
def _padding(slices) -> None:
    for one, values in zip(slices, _WITH_PADDING, strict=True):
        store(one, values)
        one.RescaleIntercept = 0
        one[0x00280120] = DataElement(0x00280120, "SS", -2000)


@changed("12 bits stored, signed", Handled())
def _twelve_signed(slices) -> None:
    _signed(slices)
    for one, values in zip(slices, _HU, strict=True):
        one.PixelData = (values & 0x0FFF).astype(np.uint16).tobytes()
        one.BitsStored, one.HighBit = 12, 11


@changed("12 bits stored, others in the bits above", Handled())
def _overlay_bits(slices) -> None:
    for one, values in zip(slices, _HU, strict=True):
        one.PixelData = ((values - INTERCEPT).astype(np.uint16) | 0x8000).tobytes()


@changed("12 bits stored from the highest bit down", _UNSCALED)
def _high_bit(slices) -> None:
    for one, values in zip(slices, _HU, strict=True):
        one.PixelData, one.HighBit = ((values - INTERCEPT).astype(np.uint16) << 4).tobytes(), 15


@changed("8 bits", Handled((_HU // 2 * 2).clip(-150, None)))
def _eight(slices) -> None:
    for one, values in zip(slices, (_HU // 2 * 2).clip(-150, None), strict=True):
        store(one, ((values + 150) // 2).astype(np.uint8))
        one.RescaleSlope, one.RescaleIntercept = 2, -150


@changed("32 bits", Handled())
def _thirty_two(slices) -> None:
    for one, values in zip(slices, _HU, strict=True):
        store(one, (values - INTERCEPT).astype(np.uint32))


@changed("floating-point pixels", _DAMAGED)
def _floats(slices) -> None:
    for one, values in zip(slices, _HU, strict=True):
        store(one, values.astype(np.int32))
        one.FloatPixelData = values.astype(np.float32).tobytes()
        del one.PixelData, one.BitsStored, one.HighBit, one.PixelRepresentation


@changed("MONOCHROME1", Refused("in colour or inverted (MONOCHROME1)"))
def _inverted(slices) -> None:
    for one in slices:
        one.PhotometricInterpretation = "MONOCHROME1"


@changed("colours", Refused("in colour or inverted (RGB)"))
def _colours(slices) -> None:
    for one in slices:
        store(one, np.full((*_HU.shape[1:], 3), 5, np.uint8))
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "RGB", 0


@changed("rows and columns that differ in one slice", Refused("mixes slices of different size"))
def _other_size(slices) -> None:
    store(slices[2], np.full((20, 16), 1000, np.uint16))


@changed("more rows stated than there are", Refused("mixes slices of different size"))
def _too_many_rows(slices) -> None:
    slices[2].Rows = 60000


@changed("no rows", _DAMAGED)
def _no_rows(slices) -> None:
    for one in slices:
        one.Rows = 0


@changed("no pixels", _DAMAGED)
def _no_pixels(slices) -> None:
    for one in slices:
        del one.PixelData


@changed("no pixels in the last slice", _DAMAGED)
def _one_no_pixels(slices) -> None:
    del slices[-1].PixelData


@changed("implicit VR", Handled())
def _implicit(slices) -> None:
    _syntax(slices, ImplicitVRLittleEndian)


@changed("big endian", Handled())
def _big_endian(slices) -> None:
    _syntax(slices, ExplicitVRBigEndian)
    for one in slices:
        one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()


@changed("deflated", Handled())
def _deflated(slices) -> None:
    _syntax(slices, DeflatedExplicitVRLittleEndian)


@changed("run-length encoded", Handled())
def _run_length(slices) -> None:
    for one in slices:
        one.compress(RLELossless)


@changed("JPEG 2000", Handled())
def _jpeg_2000(slices) -> None:
    _compress(slices, "JPEG2000")


@changed("lossless JPEG", Handled())
def _jpeg_lossless(slices) -> None:
    _compress(slices, "JPEG")


@changed("JPEG 2000 that ends too early", _DAMAGED)
def _jpeg_cut(slices) -> None:
    _compress(slices, "JPEG2000")
    (whole,) = pydicom.encaps.generate_frames(slices[2].PixelData, number_of_frames=1)
    slices[2].PixelData = encapsulate([whole[: len(whole) // 8]])


@changed("a compression that is not read", _DAMAGED)
def _unread(slices) -> None:
    _compress(slices, "JPEG2000")
    _syntax(slices, MPEG2MPML)


def _compress(slices: Slices, how: str) -> None:
    """GDCM compresses, as pydicom cannot by itself."""
    for one in slices:
        with tempfile.TemporaryDirectory() as folder:
            writer = sitk.ImageFileWriter()
            writer.SetImageIO("GDCMImageIO")
            writer.SetFileName(str(Path(folder) / "compressed"))
            writer.UseCompressionOn()
            writer.SetCompressor(how)
            writer.Execute(sitk.GetImageFromArray(one.pixel_array[None]))
            made = pydicom.dcmread(writer.GetFileName())
        one.PixelData, one.file_meta.TransferSyntaxUID = made.PixelData, made.file_meta.TransferSyntaxUID
        one["PixelData"].is_undefined_length = True
