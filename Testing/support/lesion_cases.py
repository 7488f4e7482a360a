"""Cases of lesions for tests, and a slow way to match them that shares nothing with the product's."""

import numpy as np

from LiverTumorSegLib.evaluation.label_pair import LabelPair

STEPS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]


def case(prediction, reference, spacing=(2.0, 1.0, 1.0)):
    """Two label volumes ``[slice, row, column]`` as a pair."""
    k, j, i = spacing
    return LabelPair(np.asarray(prediction, np.uint8), np.asarray(reference, np.uint8), np.diag([-i, -j, k, 1.0]))


def line(reference, prediction, spacing=(2.0, 1.0, 1.0)):
    """A pair of one row of voxels, drawn: ``2`` is lesion, ``.`` is liver."""
    drawn = ([[[2 if letter == "2" else 1 for letter in text]]] for text in (prediction, reference))
    return case(*drawn, spacing)


def noise(seed, shape=(3, 5, 6)):
    """Two random label volumes with many lesions that touch in many ways."""
    random = np.random.default_rng(seed)
    reference = np.where(random.random(shape) < random.uniform(0.1, 0.6), 2, 1)
    prediction = np.where(
        random.random(shape) < random.uniform(0, 0.5), np.where(random.random(shape) < 0.5, 2, 1), reference
    )
    return prediction.astype(np.uint8), reference.astype(np.uint8)


def lesions(labels):
    """Sets of voxels that hang together by faces, the first first."""
    left = {tuple(at) for at in np.argwhere(np.asarray(labels) == 2).tolist()}
    found = []
    while left:
        edge = [min(left)]
        lesion = set()
        while edge:
            at = edge.pop()
            if at in left:
                left.remove(at)
                lesion.add(at)
                edge += [tuple(np.add(at, step).tolist()) for step in STEPS]
        found.append(lesion)
    return found


def groups(prediction, reference):
    """Indices of predicted lesions, indices of the reference's, and IoU, of every group that has both."""
    found, real = lesions(prediction), lesions(reference)
    merged = {}
    for index, lesion in enumerate(real):
        shared = [len(lesion & other) for other in found]
        if any(shared):
            merged.setdefault(shared.index(max(shared)), []).append(index)
    merged = sorted(merged.values())
    joined = [set().union(*(real[index] for index in members)) for members in merged]
    matched = [[] for _ in merged]
    for index, lesion in enumerate(found):
        shared = [len(lesion & other) for other in joined]
        if any(shared):
            matched[shared.index(max(shared))].append(index)
    together = [
        (mine, theirs, set().union(*(found[index] for index in mine)), other)
        for mine, theirs, other in zip(matched, merged, joined, strict=True)
        if mine
    ]
    return [(mine, theirs, len(a & b) / len(a | b)) for mine, theirs, a, b in together]
