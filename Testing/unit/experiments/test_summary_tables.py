import csv
import io

from support.experiment_cases import result

from LiverTumorSegLib.experiments import summary
from LiverTumorSegLib.experiments.summary import summarise_recipes

WORSE = [result(f"volume-{n}", 0.8, 0.2, (1, 1, 1), (2, 0, 0)) for n in range(2)]
BETTER = [
    result("volume-0", 0.9, 0.5, (1, 0, 0), (1, 0, 0)),
    result("volume-1", 0.7, 0.7, (1, 0, 0), (1, 0, 0), seconds=4),
]
SUMMARY = summarise_recipes({"worse": WORSE, "better": BETTER}, {"worse": 7_940_000, "better": 1_250_000})


def test_the_best_lesion_dice_comes_first_with_its_interval():
    head, first, second = summary.summary_rows(SUMMARY)
    cells = dict(zip(head, first, strict=True))
    assert (first[0], second[0]) == ("better", "worse")
    assert cells["million parameters"] == "1.2"
    assert cells["liver Dice"] == "0.80 (0.70–0.90)"
    assert cells["lesion Dice"] == "0.60 (0.50–0.70)"
    assert cells["difference"] == "-"
    assert cells["seconds a volume"] == "2.5"
    assert cells["false lesions ml"] == "-"
    assert dict(zip(head, second, strict=True))["difference"] == "-0.40"


def test_shares_of_lesions_are_pooled():
    head, _, second = summary.summary_rows(SUMMARY)
    cells = dict(zip(head, second, strict=True))
    assert cells["lesions found"] == "0.50 (0.50–0.50)"


def test_a_recipe_alone_has_no_differences():
    alone = summarise_recipes({"better": BETTER}, {"better": 1_250_000})
    assert "difference" not in summary.summary_rows(alone)[0]
    assert len({len(row) for row in summary.summary_rows(alone)}) == 1
    assert "Difference" not in " ".join(summary.explain_figures(alone))
    assert "Difference: of lesion Dice, from better" in " ".join(summary.explain_figures(SUMMARY))


def test_a_small_p_is_not_rounded_to_nothing():
    many = {
        name: [result(f"volume-{n}", 0.8, dice + n / 1000) for n in range(12)]
        for name, dice in (("a", 0.5), ("b", 0.6))
    }
    found = summarise_recipes(many, {"a": 1, "b": 1})
    head, _, second = summary.summary_rows(found)
    assert 0 < found["recipes"]["a"]["differences"]["lesion_dice"]["p_holm"] < 0.005
    assert dict(zip(head, second, strict=True))["difference"] == "-0.10 (p <0.01)"


def test_markdown_has_a_column_a_cell_and_says_what_it_means():
    lines = summary.summary_markdown(SUMMARY, summary.explain_figures(SUMMARY)).splitlines()
    assert {line.count("|") for line in lines[:4]} == {len(summary.summary_rows(SUMMARY)[0]) + 1}
    assert lines[1].startswith("|---|---|")
    assert lines[2].startswith("| better | 1.2 |")
    assert any("the 2 patients with lesions" in line for line in lines)


def test_csv_has_every_figure_and_empty_cells_for_what_is_not_defined():
    worse, better = csv.DictReader(io.StringIO(summary.summary_csv(SUMMARY)))
    assert (worse["recipe"], better["recipe"]) == ("worse", "better")
    assert float(better["lesion_dice_mean"]) == 0.6
    assert float(worse["lesion_dice_against_difference"]) == -0.4
    assert better["lesion_dice_against_difference"] == ""
    assert worse["false_lesion_ml_mean"] == ""
    assert float(better["seconds"]) == 2.5


def test_p_is_explained_where_there_is_one():
    assert "p: " not in " ".join(summary.explain_figures(SUMMARY))
    assert "p: Wilcoxon's signed-rank test after Holm's correction for 2 tests." in summary.explain_figures(
        SUMMARY | {"tests": 2}
    )
