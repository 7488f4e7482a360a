import csv

from LiverTumorSegLib.apps.cohort import records
from LiverTumorSegLib.apps.cohort.records import CaseRecord, CaseState

DONE = CaseRecord(
    case="volume-2",
    state=CaseState.DONE,
    device="cpu, float32",
    liver_ml=1500.0,
    lesion_ml=3.25,
    burden_percent=0.217,
    lesion_count=2,
    warnings=("One.", "Two."),
)
FAILED = CaseRecord(case="volume-10", state=CaseState.FAILED, failure="ct.nii is empty, as it was: get it again.")


def rows(folder):
    with (folder / "cohort.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def test_a_row_a_case_says_what_was_found_or_why_nothing_was(tmp_path):
    for record in (FAILED, DONE, CaseRecord(case="a", state=CaseState.UNFINISHED)):
        records.write_record(tmp_path, record)
    records.write_table(tmp_path, 0)
    done, failed = rows(tmp_path)
    assert done == {
        "case": "volume-2",
        "device": "cpu, float32",
        "liver_ml": "1500.0",
        "lesion_ml": "3.25",
        "burden_percent": "0.217",
        "lesions": "2",
        "warnings": "One. Two.",
        "failure": "",
    }
    assert {name: value for name, value in failed.items() if value} == {"case": "volume-10", "failure": FAILED.failure}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cohort", "cohort.csv"]


def test_a_record_that_comes_while_the_table_is_written_is_in_it(tmp_path, monkeypatch):
    records.write_record(tmp_path, DONE)
    as_csv, asked = records.records_as_csv, []

    def late(found):
        text = as_csv(found)
        if not asked:
            records.write_record(tmp_path, FAILED)  # by another rank, which wrote its table before this one does
        asked.append(text)
        return text

    monkeypatch.setattr(records, "records_as_csv", late)
    records.write_table(tmp_path, 0)
    assert [row["case"] for row in rows(tmp_path)] == ["volume-2", "volume-10"]


def test_a_spreadsheet_runs_no_case_as_a_formula(tmp_path):
    records.write_record(tmp_path, CaseRecord(case="=cmd|' calc'!A0", state=CaseState.DONE, warnings=("+1",)))
    records.write_table(tmp_path, 0)
    (row,) = rows(tmp_path)
    assert (row["case"], row["warnings"]) == ("'=cmd|' calc'!A0", "'+1")
