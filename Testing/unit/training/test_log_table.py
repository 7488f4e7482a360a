import pytest
from support.training_cases import make_data, recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.log_table import last_value, read_rows


def test_the_table_of_a_training_is_read_as_it_was_written(tmp_path):
    plan = recipe_with(tmp_path, "schedule.validate_every=2", "schedule.steps=3")
    fit(plan, make_data(tmp_path), tmp_path / "model", command="", device="cpu")
    rows = read_rows(tmp_path / "model")
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert ["validation_loss" in row for row in rows] == [False, True, True]
    assert last_value(rows, "validation_loss") == rows[-1]["validation_loss"] > 0
    assert last_value(rows, "nothing") is None


def test_the_newest_of_several_trainings_counts(tmp_path):
    for number, loss in ((9, 1.5), (10, 0.5)):
        log = tmp_path / "model-log" / f"version_{number}"
        log.mkdir(parents=True)
        (log / "metrics.csv").write_text(f"loss,step\n{loss},7\n")
    assert read_rows(tmp_path / "model") == [{"loss": 0.5, "step": 7.0}]


@pytest.mark.parametrize("content", [None, b"loss,step\nx,y\n", b"\xff\xfe\x00"])
def test_a_log_that_is_gone_or_damaged_has_no_rows(tmp_path, content):
    log = tmp_path / "model-log" / "version_0"
    log.mkdir(parents=True)
    if content is not None:
        (log / "metrics.csv").write_bytes(content)
    assert read_rows(tmp_path / "model") == []
