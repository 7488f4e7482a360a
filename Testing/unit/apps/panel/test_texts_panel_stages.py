import ast

from support.repository import LIBRARY

from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.reporting import outputs

WORKER_DOORS = ("apps/worker", "inference", "models/download.py", "pipeline.py")


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


def test_every_stage_of_the_library_can_be_translated():
    sentences = {sentence for sentence in said() if isinstance(sentence, str)} | {"Loading PyTorch"}
    of_outputs = {each.stage for each in vars(outputs).values() if isinstance(getattr(each, "stage", None), str)}
    assert len(of_outputs) > 2
    sentences |= of_outputs
    assert len(sentences) > 10
    known = "\n".join(texts._stage_patterns())
    for sentence in sentences:
        assert sentence.replace("7", r"(\d+)") in known, sentence
        assert texts.translated_stage(sentence) == sentence


def test_a_translation_takes_the_numbers_along(monkeypatch):
    monkeypatch.setattr(texts, "_", lambda text: f"«{text}»")
    assert texts.translated_stage("Segmenting slice 3 of 90") == "«Segmenting slice 3 of 90»"
    assert texts.translated_stage("livers: Segmenting slice 3 of 90") == "livers: «Segmenting slice 3 of 90»"
    assert texts.translated_stage("Something new") == "Something new"
    assert texts.translated_stage("") == ""
