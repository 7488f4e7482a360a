import csv
import io
import json

import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import output_files, report, systems
from LiverTumorSegLib.experiments.reproduction.earlier_results import read_results
from LiverTumorSegLib.experiments.reproduction.results import Figure

PUBLISHED = reproduced(
    "elmenabawy",
    [row_result("ResNet-18 with", (84.2, 3.65, 61.4, 4.77), 80.04, 2.0, None, 3.25, notes=("It is a test.",))],
    size="published",
)
SOUND = row_result("ResNet-18 with", (84.2, 3.65, 61.4, 4.77), 70.0, 4.0, 30.0, 9.0, low=1.0, high=99.25)
BOTH = PUBLISHED.with_protocol(
    "sound", PUBLISHED.protocols["published"].model_copy(update={"rows": (SOUND,), "command": "sound it"})
)


def test_published_figures_stand_beside_measured_ones():
    assert report.headings(PUBLISHED) == ["row", "metric", "published", "measured, published protocol"]
    assert report.table(PUBLISHED) == [
        ["ResNet-18 with", "liver Dice, %", "84.2", "80.0"],
        ["ResNet-18 with", "liver ASSD", "3.65", "2.000"],
        ["ResNet-18 with", "lesion Dice, %", "61.4", "-"],
        ["ResNet-18 with", "lesion ASSD", "4.77", "3.250"],
    ]


def test_what_finding_nothing_would_score_is_a_row_of_its_own(tmp_path):
    row = row_result("U-Net", (0.8215, 0.7976, 1.0, None, None), 0.83, 0.81, 0.97, 0.1, 0.2)
    nothing = tuple(Figure(value=value, counted=3) for value in (0.828, 0.828, 0.5, 0.0, None))
    done = reproduced("kulkarni", [row.model_copy(update={"nothing": nothing})], size="published", protocol="slices")
    assert report.headings(done)[-1] == "measured, slices protocol, as the figures suggest"
    assert report.table(done)[-5:] == [
        ["nothing found", "lesion mean Dice", "-", "0.828"],
        ["nothing found", "lesion mean IoU", "-", "0.828"],
        ["nothing found", "lesion ROC AUC", "-", "0.500"],
        ["nothing found", "lesion Dice of slices with tumour", "-", "0.000"],
        ["nothing found", "lesion Dice of patients", "-", "-"],
    ]
    lines = list(csv.DictReader(io.StringIO(report.as_csv(done))))
    found = [line for line in lines if line["row"] == "nothing found"]
    assert [(line["measured"], line["published"], line["protocol"]) for line in found][:2] == [
        ("0.828", "", "slices")
    ] * 2
    more = done.with_protocol("sound", done.protocols["slices"].model_copy(update={"rows": (row,)}))
    assert [line[-1] for line in report.table(more)][-5:] == ["-"] * 5


def test_the_other_protocol_adds_its_column_with_intervals():
    assert report.headings(BOTH)[-1] == "measured, sound protocol"
    assert report.table(BOTH)[0][-2:] == ["80.0", "70.0 (1.0 to 99.2, n = 3)"]


def test_a_row_that_one_protocol_has_not_come_to_is_empty():
    more = BOTH.protocols["sound"].model_copy(
        update={"rows": (row_result("AlexNet-FCN with", (1, 2, 3, 4), 1, 2, 3, 4),)}
    )
    cells = report.table(PUBLISHED.with_protocol("sound", more))
    assert [line[-2:] for line in cells if line[1] == "liver ASSD"] == [["2.000", "-"], ["-", "2.000"]]


def test_a_row_has_no_line_for_what_its_models_do_not_look_for():
    liver = row_result("U-Net", (96, 94, 0.76, *[None] * 5), *[0.5] * 4, *[None] * 4)
    lesions = row_result("U-Net lesions", [None] * 8, *[None] * 4, *[0.5] * 4)
    rows = [
        row.model_copy(update={"structures": (structure,)})
        for row, structure in ((liver, "liver"), (lesions, "lesion"))
    ]
    done = reproduced("dhanush", rows)
    assert [(line[0], line[1].split()[0]) for line in report.table(done)] == [
        *[("U-Net", "liver")] * 4,
        *[("U-Net lesions", "lesion")] * 4,
    ]
    assert len(report.as_csv(done).splitlines()) == 1 + 8


def test_a_figure_of_the_whole_network_stands_in_every_row():
    row = row_result("U-Net", (None,) * 11, *[0.5] * 11).model_copy(update={"structures": ("liver",)})
    assert [line[1] for line in report.table(reproduced("ahmad", [row]))][-1] == "validation loss"


def test_what_a_paper_does_not_give_is_said():
    done = reproduced("ahmad", [row_result("U-Net", (None,) * 11, *[0.5] * 11)])
    assert {line[2] for line in report.table(done)} == {"not given"}


def test_what_a_row_lacks_is_said_in_the_table_in_csv_and_in_json(tmp_path):
    done = reproduced("li", [row_result("U-Net", (0.822, None), 0.5, 0.25)])
    assert [line[1:] for line in report.table(done)] == [
        ["liver Dice", "0.822", "0.500"],
        ["lesion Dice", "not given", "0.250"],
    ]
    output_files.write(tmp_path, systems.load("li"), done)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "reproduction.csv").read_text(encoding="utf-8"))))
    assert [line["published"] for line in lines] == ["0.822", "not given"]
    (row,) = json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))["protocols"]["published"]["rows"]
    assert row["published"] == [0.822, "not given"]
    assert read_results(tmp_path, done, overwrite=False) == done


def test_what_the_published_figures_are_is_said_before_all_else():
    said = report.report_sections(systems.load("li"), reproduced("li", [row_result("U-Net", (0.822, None), 0.5, 0.25)]))
    assert next(iter(said)) == "What the published figures are"
    assert "Jeong et al. 2022, Scientific Reports" in said["What the published figures are"][0]


def test_quick_is_in_the_table_and_in_every_file(tmp_path):
    done = reproduced("li", [row_result("U-Net", (0.822, None), 0.51234567, 0.25)])
    assert report.headings(done)[-1] == "measured, quick, published protocol"
    output_files.write(tmp_path, systems.load("li"), done)
    assert (tmp_path / "reproduction.md").read_text(encoding="utf-8").startswith("# li: U-Net,")
    assert "(quick, no reproduction)" in (tmp_path / "reproduction.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))["size"] == "quick"
    line, _ = csv.DictReader(io.StringIO((tmp_path / "reproduction.csv").read_text(encoding="utf-8")))
    assert (line["size"], line["measured"], line["published"]) == ("quick", "0.512346", "0.822")


def test_no_cell_is_a_formula_to_a_spreadsheet():
    done = reproduced("li", [row_result("=U-Net", (0.822, None), None, 0.5)])
    line, _ = csv.DictReader(io.StringIO(report.as_csv(done)))
    assert (line["row"], line["measured"], line["counted"]) == ("'=U-Net", "", "3")


def test_the_page_says_all_that_belongs_to_the_table():
    page = report.markdown(systems.load("elmenabawy"), BOTH)
    for heading in ("differs from a sound one", "leaves undefined", "the paper is silent", "Sizes", "Commands"):
        assert heading in page
    assert "| ResNet-18 with | liver Dice, % | 84.2 | 80.0 |" in page
    assert "sound protocol: `sound it`" in page
    assert "30 steps on 67 slices of 4 patients, measured on 12 slices. It is a test." in page
    assert "Quick" not in page


def test_a_row_that_starts_otherwise_than_the_papers_is_not_compared():
    row = row_result("ResNet-50, from random weights", (0.7711, 0.7318, *[None] * 3), *[0.5] * 5)
    done = reproduced("kulkarni", [row.model_copy(update={"comparable": False})], size="published")
    apart = ["0.7711, not comparable", "0.7318, not comparable"]
    assert [line[2] for line in report.table(done)] == [*apart, *["not given"] * 3]
    lines = list(csv.DictReader(io.StringIO(report.as_csv(done))))
    assert {line["comparable"] for line in lines} == {"no"}
    assert lines[0]["published"] == "0.7711"
    assert {line["comparable"] for line in csv.DictReader(io.StringIO(report.as_csv(PUBLISHED)))} == {"yes"}
