import numpy as np
import pytest
from pydicom.pixels.decoders.rle import _rle_decode_frame

from LiverTumorSegLib.reporting.run_lengths import encode_frame


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("columns", [1, 2, 127, 128, 129, 300])
def test_what_is_encoded_is_decoded_by_pydicom(kind, columns):
    numbers = np.random.default_rng(columns)
    plane = np.zeros((9, columns), kind)
    plane[1] = 7
    plane[2] = numbers.integers(0, np.iinfo(kind).max, columns)
    plane[3] = np.arange(columns) // 2
    plane[4, columns // 2 :] = 3
    plane[5, -1] = plane[6, 0] = np.iinfo(kind).max
    encoded = encode_frame(plane)
    decoded = bytes(_rle_decode_frame(encoded, *plane.shape, 1, plane.dtype.itemsize * 8))
    assert np.array_equal(np.frombuffer(decoded, plane.dtype.newbyteorder("<")).reshape(plane.shape), plane)
    assert len(encoded) % 2 == 0


def test_an_empty_frame_is_small():
    assert len(encode_frame(np.zeros((512, 512), np.uint8))) < 512 * 512 / 60
