import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io.seg_layers import merged


def pairs(*segments):
    """What a header says of segments: name, layer and value each."""
    said = {}
    for number, (name, layer, value) in enumerate(segments):
        said |= {f"Segment{number}_Name": name, f"Segment{number}_Layer": layer, f"Segment{number}_LabelValue": value}
    return {key: str(value) for key, value in said.items()}


def layers(*rows):
    return np.array(rows).T[None, None]


def test_lesions_lie_over_the_liver_by_the_names_of_the_segments(tmp_path):
    values = layers([1, 1, 0, 3], [0, 7, 7, 0])
    found, said = merged(values, pairs(("tumour", 1, 7), ("Liver", 0, 1), ("spleen", 0, 3)), tmp_path)
    assert found.tolist() == [[[1, 2, 2, 0]]]
    assert said == ("Beside liver and lesions it holds spleen, which were left out.",)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.float64])
def test_numbers_that_are_no_value_of_a_segment_are_background(tmp_path, kind):
    values = layers([1, 2, 100, 0], [0, 0, 1, 1]).astype(kind)
    segments = pairs(("liver", 0, 1), ("lesion", 1, 1), ("liver (2)", 0, 10**30), ("lesion (2)", 10**9, 1))
    assert merged(values, segments, tmp_path)[0].tolist() == [[[1, 0, 2, 2]]]


@pytest.mark.parametrize("names", [("liver", "cyst"), ("spleen", "gallbladder"), ()])
def test_segments_that_cannot_be_told_are_refused(tmp_path, names):
    said = pairs(*((name, number, 1) for number, name in enumerate(names)))
    with pytest.raises(UserError, match="holds 2 layers, as its segments overlap: export them as one labelmap"):
        merged(layers([1, 0], [0, 1]), said, tmp_path)
