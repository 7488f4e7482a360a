import pytest
from support.determinism_cases import JOBS

from robustness.stress.campaigns import determinism


class Nothing:
    """A sandbox that starts no process."""

    def __init__(self, *_, **__):
        self.close = lambda: None


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    monkeypatch.setattr(determinism, "Sandbox", Nothing)


def test_each_job_is_tried_once_before_any_comes_again(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(determinism, "make_inputs", lambda folder, seed: (folder, seed))
    monkeypatch.setattr(
        determinism, "tried", lambda job, inputs, folder, _: folder.mkdir() or seen.append((job, inputs))
    )
    tally = determinism.run(2 * len(JOBS), 0, tmp_path)
    assert (tally.handled, tally.failed) == (2 * len(JOBS), [])
    first, second = seen[: len(JOBS)], seen[len(JOBS) :]
    assert {job for job, _ in first} == {job for job, _ in second} == JOBS.keys()
    assert len({inputs for _, inputs in first}) == 1
    assert first[0][1] != second[0][1]


def test_a_difference_is_reported_with_how_to_make_it_again(monkeypatch, tmp_path):
    monkeypatch.setattr(determinism, "make_inputs", lambda folder, _: folder)
    monkeypatch.setattr(determinism, "tried", lambda job, _, folder, __: folder.mkdir() or f"{job}: a.txt differ")
    assert "try 0 of seed 5 (inputs of" in determinism.run(1, 5, tmp_path).failed[0]
