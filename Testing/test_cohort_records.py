from LiverTumorSegLib.cohort import records
from LiverTumorSegLib.cohort.records import Record, State


def test_what_is_written_is_read(tmp_path):
    done = Record(case="volume-2", state=State.DONE, how={"a": [1, 0.1]}, ct="0f", liver_ml=1.5, warnings=("One.",))
    failed = Record(case="volume-10", state=State.FAILED, failure="It is empty.")
    for record in (failed, done):
        records.write(tmp_path, record)
    assert records.read(tmp_path, "volume-2") == done
    assert records.read_all(tmp_path) == [done, failed]
    assert sorted(path.name for path in (tmp_path / ".cohort").iterdir()) == ["volume-10.json", "volume-2.json"]


def test_there_may_be_none(tmp_path):
    assert records.read(tmp_path, "a") is None
    assert records.read_all(tmp_path) == []


def test_a_damaged_record_says_that_its_case_is_not_done(tmp_path):
    records.write(tmp_path, Record(case="a", state=State.DONE))
    (tmp_path / ".cohort" / "a.json").write_bytes(b"")
    assert records.read(tmp_path, "a") == Record(case="a", state=State.UNFINISHED)


def test_the_record_of_an_earlier_version_still_counts(tmp_path):
    done = Record(case="a", state=State.DONE, liver_ml=1.5)
    records.write(tmp_path, done)
    path = tmp_path / ".cohort" / "a.json"
    path.write_text(path.read_text().replace('"case"', '"seconds": 1.5, "case"'))
    assert records.read(tmp_path, "a") == done
