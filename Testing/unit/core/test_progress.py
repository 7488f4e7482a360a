import pytest

from LiverTumorSegLib.core.progress import Cancelled, CancelToken, job


def test_a_part_of_a_part_reports_fractions_of_the_whole():
    told = []
    task = job(lambda *words: told.append(words), None)
    task.at(0, "a")
    task.part(0.5, 1).part(0.5, 1).at(0.5, "b")
    assert told == [(0, "a"), (0.875, "b")]


def test_a_cancelled_token_stops_the_next_report():
    token = CancelToken()
    task = job(None, token)
    task.at(0.1, "goes on")
    token.cancel()
    with pytest.raises(Cancelled):
        task.part(0.2, 0.3).at(0, "stops")
