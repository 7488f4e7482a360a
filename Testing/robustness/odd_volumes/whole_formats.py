"""Every format that is read, whole: what all other cases are changes of."""

from __future__ import annotations

from .case import Case, Handled, file
from .formats import metaimage, metaimage_zipped, nifti, nrrd, nrrd_zipped, zipped
from .grid import BODY

WHOLE = {
    "ct.nii": nifti(),
    "ct.nii.gz": zipped(nifti()),
    "ct2.nii": nifti(two=True),
    "ct.nrrd": nrrd(),
    "ct.zipped.nrrd": nrrd_zipped(),
    "ct.ascii.nrrd": nrrd(body=" ".join(map(str, BODY.voxels.ravel())).encode(), encoding="ascii"),
    "ct.mha": metaimage(),
    "ct.zipped.mha": metaimage_zipped(),
    "ct.ascii.mha": metaimage(body=" ".join(map(str, BODY.voxels.ravel())).encode() + b"\n", BinaryData=False),
}
DETACHED = {
    "ct.nhdr": nrrd(body=b"", data_file="voxels.raw"),
    "ct.mhd": metaimage(body=b"", ElementDataFile="voxels.raw"),
}


def detached(name: str, header: bytes, voxels: bytes = BODY.voxels.tobytes()):
    """Writes a header and, beside it, the voxels that it names."""

    def make(folder):
        (folder / "voxels.raw").write_bytes(voxels)
        return file(name, header)(folder)

    return make


CASES = [
    *(Case(f"whole {name}", file(name, content), Handled(BODY)) for name, content in WHOLE.items()),
    *(Case(f"whole {name} with its voxels", detached(name, text), Handled(BODY)) for name, text in DETACHED.items()),
]
