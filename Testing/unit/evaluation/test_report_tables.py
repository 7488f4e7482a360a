import csv
import io

import numpy as np
import pytest
from support.evaluation_content import content

from LiverTumorSegLib.evaluation.report import cases_csv, lesions_csv, slices_csv


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_case_is_a_row_with_every_measure_of_every_structure():
    made = content(4)
    rows = read(cases_csv(made))
    assert [row["case"] for row in rows] == list(made["cases"])
    for row, case in zip(rows, made["cases"].values(), strict=True):
        for structure in ("liver", "liver_only", "lesion"):
            for key, value in case[structure].items():
                cell = row[f"{structure}_{key}"]
                assert (
                    cell == (value or "") if key == "empty" else (cell == "" if value is None else float(cell) == value)
                )
        assert int(row["true_positives_above_iou"]) == case["detection"]["above"]["true_positives"]
        assert float(row["burden_difference"]) == pytest.approx(case["burden"]["difference"], abs=1e-6)


def test_what_is_not_defined_is_an_empty_cell():
    row = read(cases_csv(content(1, nothing=True)))[0]
    assert {row[key] for key in ("liver_dice", "lesion_hd95_mm", "burden_reference", "lesion_auc", "warnings")} == {""}
    assert "None" not in row.values()
    assert "nan" not in row.values()


def test_probabilities_have_columns_where_a_case_has_them():
    made = content(2, probabilities=True)
    made["cases"]["volume-1"]["probabilities"] = {"liver": made["cases"]["volume-0"]["probabilities"]["liver"]}
    first, second = read(cases_csv(made))
    assert (first["liver_auc"], first["lesion_auc"]) == ("0.98", "0.98")
    assert (second["liver_auc"], second["lesion_auc"]) == ("0.98", "")


def test_a_case_that_failed_stands_last_with_its_sentence_alone():
    rows = read(cases_csv(content(1, failed={"volume-9": "It has no partner, or two."})))
    assert [row["failure"] for row in rows] == ["", "It has no partner, or two."]
    assert {key for key, value in rows[1].items() if value} == {"case", "failure"}


@pytest.mark.parametrize("name", ["=1+1", "+a", "-3", "@b", "\tc", '=HYPERLINK("x")'])
def test_a_spreadsheet_runs_no_name_as_a_formula(name):
    made = content(names=[name], failed={"@lost": "=cmd"})
    made["cases"][name]["patient"] = name
    rows = read(cases_csv(made)) + read(lesions_csv(made))
    assert {row["case"] for row in rows} == {f"'{name}", "'@lost"}
    assert (rows[0]["patient"], rows[1]["failure"]) == (f"'{name}", "'=cmd")


def test_a_negative_number_stays_a_number():
    made = content(1)
    made["cases"]["volume-0"]["liver"]["rvd"] = -0.25
    assert read(cases_csv(made))[0]["liver_rvd"] == "-0.25"


def test_a_lesion_is_a_row():
    made = content(3)
    rows = read(lesions_csv(made))
    lesions = [(name, lesion) for name, case in made["cases"].items() for lesion in case["lesions"]]
    assert len(rows) == len(lesions) > 0
    for row, (name, lesion) in zip(rows, lesions, strict=True):
        assert (row["case"], row["of"], row["number"]) == (name, lesion["of"], str(lesion["number"]))
        assert [float(row[f"centroid_{axis}_mm"]) for axis in "ras"] == lesion["centroid_mm"]
        assert row["found"] == str(lesion["found"])
        assert row["group"] == str(lesion["group"] or "")


def test_without_lesions_the_header_stays():
    made = content(2)
    for case in made["cases"].values():
        case["lesions"] = []
    header = lesions_csv(made).splitlines()
    assert header == [lesions_csv(content(2)).splitlines()[0]]


def test_a_slice_is_a_row_counted_from_one_with_its_overlap():
    matrices = np.zeros((2, 3, 3), np.int64)
    matrices[0, 0, 0] = 100
    matrices[1] = [[80, 2, 0], [4, 10, 1], [0, 1, 2]]  # liver: 14 right, 2 false, 4 missed
    empty, marked = read(slices_csv({"a": matrices}))
    assert (empty["case"], empty["slice"], marked["slice"]) == ("a", "1", "2")
    assert (empty["liver_dice"], empty["lesion_dice"], empty["liver_accuracy"]) == ("", "", "1.0")
    assert float(marked["liver_dice"]) == pytest.approx(28 / 34, abs=1e-6)
    assert float(marked["lesion_dice"]) == pytest.approx(4 / 6, abs=1e-6)
    assert float(marked["liver_only_precision"]) == pytest.approx(10 / 13, abs=1e-6)
