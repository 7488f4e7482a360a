import csv
import io
import json

import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import output_files, report, systems

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


def test_the_other_protocol_adds_its_column_with_intervals():
    assert report.headings(BOTH)[-1] == "measured, sound protocol"
    assert report.table(BOTH)[0][-2:] == ["80.0", "70.0 (1.0 to 99.2, n = 3)"]


def test_a_row_that_one_protocol_has_not_come_to_is_empty():
    more = BOTH.protocols["sound"].model_copy(
        update={"rows": (row_result("AlexNet-FCN with", (1, 2, 3, 4), 1, 2, 3, 4),)}
    )
    cells = report.table(PUBLISHED.with_protocol("sound", more))
    assert [line[-2:] for line in cells if line[1] == "liver ASSD"] == [["2.000", "-"], ["-", "2.000"]]


def test_what_a_paper_does_not_give_is_said():
    done = reproduced("ahmad", [row_result("U-Net", (None,) * 10, *[0.5] * 10)])
    assert {line[2] for line in report.table(done)} == {"not given"}


def test_quick_is_in_the_table_and_in_every_file(tmp_path):
    done = reproduced("li", [row_result("U-Net", (0.822,), 0.51234567)])
    assert report.headings(done)[-1] == "measured, quick, published protocol"
    output_files.write(tmp_path, systems.load("li"), done)
    assert (tmp_path / "reproduction.md").read_text().startswith("# li: U-Net,")
    assert "(quick, no reproduction)" in (tmp_path / "reproduction.md").read_text()
    assert json.loads((tmp_path / "reproduction.json").read_text())["size"] == "quick"
    (line,) = csv.DictReader(io.StringIO((tmp_path / "reproduction.csv").read_text()))
    assert (line["size"], line["measured"], line["published"]) == ("quick", "0.512346", "0.822")


def test_no_cell_is_a_formula_to_a_spreadsheet():
    done = reproduced("li", [row_result("=U-Net", (0.822,), None)])
    (line,) = csv.DictReader(io.StringIO(report.as_csv(done)))
    assert (line["row"], line["measured"], line["counted"]) == ("'=U-Net", "", "3")


def test_the_page_says_all_that_belongs_to_the_table():
    page = report.markdown(systems.load("elmenabawy"), BOTH)
    for heading in ("differs from a sound one", "leaves undefined", "the paper is silent", "Sizes", "Commands"):
        assert heading in page
    assert "| ResNet-18 with | liver Dice, % | 84.2 | 80.0 |" in page
    assert "sound protocol: `sound it`" in page
    assert "30 steps on 67 slices of 4 patients, measured on 12 slices. It is a test." in page
    assert "Quick" not in page
