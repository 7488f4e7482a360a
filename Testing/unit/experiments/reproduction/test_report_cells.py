import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction.report import measured_cell, published_cell
from LiverTumorSegLib.experiments.reproduction.results import Figure
from LiverTumorSegLib.experiments.reproduction.systems import Metric

SHARE = Metric(name="Dice", structure="liver", volumes="dice")
PERCENT = Metric(name="Dice", structure="liver", percent=True, volumes="dice")


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        (SHARE, 0.8215, "0.8215"),
        (SHARE, 1.0, "1.00"),
        (PERCENT, 96.0, "96"),
        (PERCENT, 82.3, "82.3"),
        (SHARE, None, "not given"),
    ],
)
def test_published_figures_have_the_papers_digits(metric, value, shown):
    assert published_cell(metric, value) == shown


@pytest.mark.parametrize(
    ("metric", "figure", "shown"),
    [
        (SHARE, None, "-"),
        (SHARE, Figure(value=None, counted=0), "-"),
        (SHARE, Figure(value=0.5, counted=9), "0.500"),
        (PERCENT, Figure(value=50.0, counted=9), "50.0"),
        (PERCENT, Figure(value=50.0, counted=9, low=40.0, high=60.0), "50.0 (40.0 to 60.0, n = 9)"),
    ],
)
def test_measured_figures_have_their_interval_where_there_is_one(metric, figure, shown):
    assert measured_cell(metric, figure) == shown
