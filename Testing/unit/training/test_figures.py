import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from LiverTumorSegLib.training import figures as curves

ROWS = [
    {"step": 10, "loss": 2.0, "learning_rate": 0.1},
    {"step": 20, "loss": 1.0, "learning_rate": 0.1, "validation_loss": 1.5, "liver_dice": 0.5, "score": 0.5},
    {"step": 30, "loss": 0.5, "learning_rate": 0.01},
    {"step": 40, "loss": 0.4, "learning_rate": 0.01, "validation_loss": 1.2, "liver_dice": 0.8, "score": 0.8},
]


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: figures.append(self))
    return figures


def test_every_value_is_a_point_of_the_curve_of_its_name(drawn, tmp_path):
    curves.draw_curves(ROWS, tmp_path / "curves.png")
    lines = {line.get_label(): line.get_xydata().tolist() for axes in drawn[0].axes for line in axes.get_lines()}
    assert lines["loss"] == [[10, 2], [20, 1], [30, 0.5], [40, 0.4]]
    assert lines["validation_loss"] == [[20, 1.5], [40, 1.2]]
    assert lines["liver_dice"] == lines["score"] == [[20, 0.5], [40, 0.8]]
    assert lines["learning_rate"][-1] == [40, 0.01]
    assert "lesion_dice" not in lines


def test_what_was_not_measured_has_no_panel(drawn, tmp_path):
    curves.draw_curves(ROWS[:1], tmp_path / "curves.png")
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["Loss", "Learning rate"]


def test_the_picture_replaces_the_one_before_and_is_the_same_for_the_same_rows(tmp_path):
    path = tmp_path / "curves.png"
    curves.draw_curves(ROWS[:2], path)
    first = path.read_bytes()
    curves.draw_curves(ROWS, path)
    assert path.read_bytes() != first
    curves.draw_curves(ROWS[:2], path)
    assert path.read_bytes() == first
    assert np.asarray(Image.open(path).convert("L")).std() > 0


def test_a_training_without_a_row_has_an_empty_picture(tmp_path):
    curves.draw_curves([], tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").width > 100
