"""What several tests of the worker begin with."""

import pytest

from LiverTumorSegLib.apps.worker import arrays


@pytest.fixture
def files(small_phantom, tmp_path):
    """A phantom's CT and its true labels, as a client hands them over."""
    paths = {"volume": tmp_path / "ct.nrrd", "labels": tmp_path / "labels.nrrd"}
    for path, array in zip(paths.values(), (small_phantom.volume.voxels, small_phantom.labels), strict=True):
        arrays.write(path, array, small_phantom.volume.affine)
    return {name: str(path) for name, path in paths.items()}
