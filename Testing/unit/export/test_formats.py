from dataclasses import replace

import pytest
from support.click_cases import click_model
from support.export_cases import small

from LiverTumorSegLib import export as exports
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.export import FORMATS, export


def test_a_format_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(UserError, match="no format called “tflite”: choose one of onnx, torch-export, monai-bundle"):
        export(small("unet"), "tflite", tmp_path / "out")


def test_a_model_for_clicks_has_no_format(tmp_path):
    with pytest.raises(UserError, match="answers to clicks"):
        export(click_model(), "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_differs_from_the_original_is_never_written(monkeypatch, tmp_path, small_phantom):
    chosen = FORMATS["monai-bundle"]
    monkeypatch.setitem(FORMATS, "monai-bundle", replace(chosen, run=lambda *given: chosen.run(*given) * 1.1))
    with pytest.raises(UserError, match="The exported network is not the original: logits differ by"):
        export(small("unet"), "monai-bundle", tmp_path / "out", volume=small_phantom.volume)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unasked_nor_what_is_no_export(tmp_path, small_phantom):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="out exists already"):
        export(small("unet"), "torch-export", tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds thesis.tex, which would be lost"):
        export(small("unet"), "torch-export", tmp_path / "out", overwrite=True)


def test_the_public_names_are_there():
    assert exports.OTHER_LABELS == 1e-4
    assert set(FORMATS) == {"onnx", "torch-export", "monai-bundle"}
