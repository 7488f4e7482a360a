import ast

import pytest
from module_case import MODULE, harness, widget  # noqa: F401

LIBRARY = MODULE.parents[1] / "LiverTumorSegLib"
WORKER_DOORS = ("worker", "inference.py", "coarse.py", "preview.py", "region.py", "model_download.py")


@pytest.fixture
def stages(widget):  # noqa: F811
    from LiverTumorSegPanel import stages

    return stages


def said():
    """Every sentence that a job of the worker can be at, with numbers put in."""
    for name in WORKER_DOORS:
        path = LIBRARY / name
        for file in path.glob("*.py") if path.is_dir() else [path]:
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "at" and len(call.args) == 2:
                    yield from _words(call.args[1])


def _words(node):
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)


def test_every_stage_of_the_library_can_be_translated(stages):
    sentences = {sentence for sentence in said() if isinstance(sentence, str)} | {"Loading PyTorch"}
    assert len(sentences) > 10
    known = "\n".join(stages._known())
    for sentence in sentences:
        assert sentence.replace("7", r"(\d+)") in known, sentence
        assert stages.translated(sentence) == sentence


def test_a_translation_takes_the_numbers_along(stages, monkeypatch):
    monkeypatch.setattr(stages, "_", lambda text: f"«{text}»")
    assert stages.translated("Segmenting slice 3 of 90") == "«Segmenting slice 3 of 90»"
    assert stages.translated("Something new") == "Something new"
    assert stages.translated("") == ""
