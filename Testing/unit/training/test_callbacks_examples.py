from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.training_cases import at_step, patient

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from lightning.pytorch.loggers import TensorBoardLogger

from LiverTumorSegLib.training.callbacks import ExamplePictures


class FixedScorer:
    """Finds what the reference says."""

    def __init__(self, patients):
        self.patients, self.asked = patients, []

    def engine(self, network, _device):
        return network

    def predict(self, _engine, patient, at):
        self.asked.append((patient.name, at))
        return patient.labels[at].numpy()


def test_the_same_slices_of_the_first_patients_are_drawn_every_so_many_steps_and_at_the_last(tmp_path):
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[1, 5:9, 5:9] = 2
    scorer = FixedScorer([patient(labels, name=name) for name in "abcde"])
    examples = ExamplePictures(scorer, SimpleNamespace(network=None), tmp_path / "pictures", 20)
    for step in (10, 20, 30, 35):
        examples.validated(at_step(step, of=35, lightning_module=SimpleNamespace(device="cpu")), None)
    assert scorer.asked == [(name, 1) for name in "abcd"] * 2
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["step-000000020.png", "step-000000035.png"]
    assert Image.open(tmp_path / "pictures" / names[0]).height > 4 * 290


class Board(TensorBoardLogger):
    """Keeps what it is given; TensorBoard need not be there."""

    def __init__(self):
        self.given = []

    @property
    def experiment(self):
        return SimpleNamespace(add_image=lambda *what, **how: self.given.append((*what, how)))


def test_tensorboard_gets_the_picture_too(tmp_path):
    board, labels = Board(), np.zeros((1, 20, 20), np.uint8)
    examples = ExamplePictures(FixedScorer([patient(labels)]), SimpleNamespace(network=None), tmp_path, 20)
    examples.validated(at_step(20, lightning_module=SimpleNamespace(device="cpu"), loggers=[board]), None)
    ((name, picture, step, how),) = board.given
    assert (name, step, how) == ("examples", 20, {"dataformats": "HWC"})
    assert np.array_equal(picture, np.asarray(Image.open(tmp_path / "step-000000020.png")))
