import csv

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.experiments.reproduction import course
from LiverTumorSegLib.experiments.reproduction.course import Stopwatch, has_flattened, read_course


def log(trial, rows, version=0):
    folder = trial / "model-log" / f"version_{version}"
    folder.mkdir(parents=True)
    with (folder / "metrics.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, ["step", "loss", "validation_loss"])
        writer.writeheader()
        writer.writerows(rows)


def falling(count, factor, name="loss"):
    return [{"step": 10 * number, name: factor**number} for number in range(1, count + 1)]


def test_a_course_is_read_from_the_log(tmp_path):
    rows = falling(4, 0.5)
    rows[-1]["validation_loss"] = 0.25
    log(tmp_path, rows)
    found = read_course(tmp_path, 40)
    assert (found.steps, found.planned, found.flattened) == (40, 40, None)
    assert found.loss == ((10, 0.5), (20, 0.25), (30, 0.125), (40, 0.0625))
    assert found.validation == ((40, 0.25),)


def test_a_training_that_was_begun_anew_counts_from_its_newest_log_with_rows(tmp_path):
    log(tmp_path, falling(3, 0.5), 2)
    log(tmp_path, falling(5, 0.5), 10)
    log(tmp_path, [], 11)
    assert read_course(tmp_path, 100).steps == 50


def test_no_log_and_a_damaged_one_are_no_course(tmp_path):
    assert read_course(tmp_path, 10) is None
    log(tmp_path, [{"step": "many", "loss": 1}])
    assert read_course(tmp_path, 10) is None


def test_of_many_points_some_are_kept_with_the_means_around_them(tmp_path):
    log(tmp_path, [{"step": step, "loss": step % 2} for step in range(1, 2401)])
    found = read_course(tmp_path, 2400)
    assert len(found.loss) == 24
    assert found.loss[-1] == (2400, 0.5)


@pytest.mark.parametrize(("factor", "flat"), [(0.9, False), (0.999, True), (1.01, True)])
def test_a_curve_is_flat_where_its_last_third_gains_little(factor, flat):
    points = [(number, factor**number) for number in range(12)]
    assert has_flattened(points) is flat


def test_a_training_that_ended_by_itself_is_flat_and_few_points_say_nothing(tmp_path):
    log(tmp_path, falling(4, 0.5))
    assert read_course(tmp_path, 1000).flattened is True
    assert has_flattened([(1, 1.0), (2, 0.5)]) is None


def test_seconds_are_counted_on_after_a_kill(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(course.time, "monotonic", lambda: clock[0])
    told = []
    job = Stopwatch(tmp_path / "row").watched(Job(lambda *what: told.append(what)))
    for _ in range(5):
        clock[0] += 4
        job.at(0.5, "Step")
    assert len(told) == 5
    clock[0] += 1000  # it was killed: what came after the last writing is lost
    again = Stopwatch(tmp_path / "row")
    clock[0] += 3
    assert again.seconds == pytest.approx(12 + 3)
    again.write()
    assert Stopwatch(tmp_path / "row").seconds == pytest.approx(15)


def test_a_damaged_time_begins_anew(tmp_path):
    (tmp_path / Stopwatch.FILE).write_text("long")
    assert Stopwatch(tmp_path).seconds < 1
