import json
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from support import check_page
from support.check_page import CheckResult, write_check

RESULTS = [
    CheckResult("networks", "passed", "All are near.", 1.25, figures={"worst": 0.001, "peak": float("nan")}),
    CheckResult("two <GPUs>", "skipped", "There is one GPU.", 0),
    CheckResult("memory", "failed", "It ended with the signal 9.", 60),
]


def test_a_check_is_one_json_file_and_one_page(tmp_path):
    data, page = write_check(tmp_path / "out", "GPU check", {"PyTorch": "2.12"}, RESULTS)
    content = json.loads(data.read_text())
    assert (content["title"], content["environment"]) == ("GPU check", {"PyTorch": "2.12"})
    assert [part["status"] for part in content["results"]] == ["passed", "skipped", "failed"]
    assert content["results"][0]["figures"] == {"worst": 0.001, "peak": "nan"}
    text = page.read_text()
    assert "1 passed, 1 failed, 1 skipped" in text
    assert "It ended with the signal 9." in text
    assert sorted(path.name for path in page.parent.iterdir()) == ["check.html", "check.json"]


def test_names_cannot_change_the_page(tmp_path):
    _, page = write_check(tmp_path, "<script>", {"<b>": "<i>"}, RESULTS)
    assert "two &lt;GPUs&gt;" in page.read_text()
    assert not any(tag in page.read_text() for tag in ("<script>", "<b>", "<i>"))


def test_pictures_are_inside_the_page_and_a_missing_one_is_named(tmp_path):
    picture = tmp_path / "panel.png"
    picture.write_bytes(b"\x89PNG")
    results = [CheckResult("panel", "passed", "It opens.", 2, pictures=(picture, tmp_path / "gone.png"))]
    data, page = write_check(tmp_path, "Slicer check", {}, results, name="slicer-check")
    assert page.name == "slicer-check.html"
    assert "data:image/png;base64,iVBORw==" in page.read_text()
    assert "gone: the picture cannot be read" in page.read_text()
    assert json.loads(data.read_text())["results"][0]["pictures"] == ["panel.png", "gone.png"]


def test_a_state_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="one of passed, failed, skipped"):
        CheckResult("networks", "ok", "", 0)


def test_the_file_loads_by_its_path_alone(monkeypatch):
    place = spec_from_file_location("page_of_a_check", check_page.__file__)
    alone = module_from_spec(place)
    monkeypatch.setitem(__import__("sys").modules, "page_of_a_check", alone)
    place.loader.exec_module(alone)
    assert alone.count_states([]) == "0 passed, 0 failed, 0 skipped"
