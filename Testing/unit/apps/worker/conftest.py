"""What several tests of the worker begin with."""

import pytest

from LiverTumorSegLib.apps.worker import arrays


@pytest.fixture(scope="session")
def hand_over(small_phantom):
    """Writes a phantom's CT and its true labels into a folder, as a client hands them over."""

    def write(folder):
        paths = {"volume": folder / "ct.nrrd", "labels": folder / "labels.nrrd"}
        for path, array in zip(paths.values(), (small_phantom.volume.voxels, small_phantom.labels), strict=True):
            arrays.write(path, array, small_phantom.volume.affine)
        return {name: str(path) for name, path in paths.items()}

    return write


@pytest.fixture
def files(hand_over, tmp_path):
    return hand_over(tmp_path)
