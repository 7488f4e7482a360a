from LiverTumorSegLib.apps.cohort import records
from LiverTumorSegLib.apps.cohort.records import CaseRecord, CaseState


def test_what_is_written_is_read(tmp_path):
    done = CaseRecord(
        case="volume-2", state=CaseState.DONE, how={"a": [1, 0.1]}, ct="0f", liver_ml=1.5, warnings=("One.",)
    )
    failed = CaseRecord(case="volume-10", state=CaseState.FAILED, failure="It is empty.")
    for record in (failed, done):
        records.write_record(tmp_path, record)
    assert records.read_record(tmp_path, "volume-2") == done
    assert records.read_records(tmp_path) == [done, failed]
    assert sorted(path.name for path in (tmp_path / ".cohort").iterdir()) == ["volume-10.json", "volume-2.json"]


def test_there_may_be_none(tmp_path):
    assert records.read_record(tmp_path, "a") is None
    assert records.read_records(tmp_path) == []


def test_a_damaged_record_says_that_its_case_is_not_done(tmp_path):
    records.write_record(tmp_path, CaseRecord(case="a", state=CaseState.DONE))
    (tmp_path / ".cohort" / "a.json").write_bytes(b"")
    assert records.read_record(tmp_path, "a") == CaseRecord(case="a", state=CaseState.UNFINISHED)


def test_the_record_of_an_earlier_version_still_counts(tmp_path):
    done = CaseRecord(case="a", state=CaseState.DONE, liver_ml=1.5)
    records.write_record(tmp_path, done)
    path = tmp_path / ".cohort" / "a.json"
    path.write_text(path.read_text().replace('"case"', '"seconds": 1.5, "case"'))
    assert records.read_record(tmp_path, "a") == done
