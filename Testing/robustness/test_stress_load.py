import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from robustness.stress.campaigns import load
from robustness.stress.level import MOST_GROWTH_MB, Level, growth, rising

FLAT = Level(mb=400, handles=7, threads=2, processes=1, temporary=0)


def test_nothing_grows_and_nothing_mixes(tmp_path):
    tally = load.run(10, 0, tmp_path)
    assert tally.failed == []
    assert (tally.refused, tally.handled) == (1, 3 * 10 + 3)


def test_a_cohort_that_leaves_a_file_open_with_each_case_is_noticed(tmp_path, monkeypatch, capsys):
    left, read = [], volumes.read_volume

    def leave_open(path, **options):
        left.append(path.open("rb"))
        return read(path, **options)

    load.save_model(tmp_path / "model", 0)
    write_volume(tmp_path / "ct.nii.gz", phantom.create(load.SHAPE, load.SPACING, lesions=2).volume)
    monkeypatch.setattr(volumes, "read_volume", leave_open)
    load.cases(str(tmp_path), 5)
    levels = [Level(**level) for level in json.loads(capsys.readouterr().out)]
    for file in left:
        file.close()
    assert growth(levels)["handles"] >= 2


def test_two_threads_segment_as_if_each_were_alone(random_model):
    cts = [phantom.create((12, 48, 56), (12.0, 8.0, 8.0), seed=seed).volume for seed in range(2)]
    alone = [segment(ct, random_model, "cpu").labels for ct in cts]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(lambda ct: segment(ct, random_model, "cpu").labels, cts * 3))
    assert all(np.array_equal(labels, alone[number % 2]) for number, labels in enumerate(at_once))
    assert not np.array_equal(*alone)


@pytest.mark.parametrize("name", ["handles", "threads", "processes", "temporary"])
def test_one_handle_more_at_the_end_is_noticed(name):
    later = replace(FLAT, **{name: getattr(FLAT, name) + 1})
    assert rising([FLAT] * 12) == ""
    assert rising([FLAT] * 8 + [later] * 4) == f"{name} +1.0"


def test_what_passes_raises_no_level():
    passing = replace(FLAT, handles=9, mb=390)
    assert Level.lowest([FLAT, passing]) == replace(FLAT, mb=390)


def test_memory_may_wander_but_not_go_on():
    assert rising([replace(FLAT, mb=400 + number % 3) for number in range(12)]) == ""
    leak = [replace(FLAT, mb=400 + MOST_GROWTH_MB * number / 6) for number in range(12)]
    assert rising(leak).startswith("mb +")


def test_the_campaign_reports_what_grows(tmp_path):
    levels = [replace(FLAT, handles=7 + number) for number in range(12)]
    outcome = load.Outcome(0, load.json.dumps([vars(level) for level in levels]), "", 1.0, False)
    tally = load.Tally()
    load.note(tally, "12 of leaks", load.wrong_of(outcome), 12)
    assert tally.failed == ["load, 12 of leaks: handles +8.0"]
