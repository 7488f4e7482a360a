"""Volumes as other files would hold them."""

import numpy as np

from LiverTumorSegLib.core.volume import Volume


def reordered(volume, axes, flips):
    """The same volume in the patient, its array transposed and flipped, its affine with it."""
    array = volume.voxels.transpose(axes)
    affine = volume.affine.copy()
    affine[:3, :3] = affine[:3, :3][:, [2 - axis for axis in reversed(axes)]]
    for axis, flip in enumerate(flips):
        if flip:
            column = 2 - axis
            affine[:3, 3] += affine[:3, column] * (array.shape[axis] - 1)
            affine[:3, column] *= -1
            array = np.flip(array, axis)
    return Volume(np.ascontiguousarray(array), affine)


def affine_of_image(image):
    """Affine to RAS of an image of SimpleITK."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
