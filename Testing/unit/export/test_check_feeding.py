import json
from dataclasses import replace

from support.export_cases import WINDOW, small
from support.lesion_scores import scores
from support.models import describe

from LiverTumorSegLib.export.check import Agreement
from LiverTumorSegLib.export.readme import feeding_steps, model_facts, write_readme
from LiverTumorSegLib.models.description import Description

AGREEMENT = Agreement(1e-6, 10, 1)


def test_the_facts_hold_the_whole_description():
    model = small("unet")
    told = model_facts(model)
    assert Description.model_validate_json(told["model.json"]) == model.description
    assert told["weights_sha256"] == model.description.weights.sha256
    assert told["licence"] == "CC0-1.0: none."


def test_the_readme_says_how_to_feed_a_stack():
    text = write_readme(small("unet", slices=3), "ONNX", "Use it.", AGREEMENT)
    assert text.startswith("# A tiny model: ONNX\n\nSegments the liver and its lesions in CT. For research only.")
    assert "float32 [batch, 3, height, width], any height and width from 48 on that is a multiple of 16." in text
    assert "`window` (level 60.0, width 200.0)" in text
    assert "for n from -1 to 1 the one that is round(n * 6 / slice spacing in mm) slices further" in text
    assert "0 background (label 0), 1 liver (label 1), 2 lesion (label 2)" in text
    assert "logits differ by 1e-06 at most, of up to 10, and 100.0000% of pixels have the same label" in text


def test_a_sigmoid_says_which_label_it_stands_for():
    told = model_facts(small("unet", classes=1, labels=("background", "lesion")))
    assert told["output"] == "`logits`: float32 [batch, 1, *size]: above 0 is lesion (label 2)."


def test_channels_of_several_chains_are_listed():
    chains = {"step": "channels", "chains": [[WINDOW], [{"step": "window", "level": 30, "width": 150}]]}
    model = small("unet")
    both = describe(network=model.description.network.model_copy(update={"in_channels": 2}), preprocessing=[chains])
    text = feeding_steps(type(model)(both, model.network))
    assert text.count("channel chain") == 2
    assert text.index("`channels`") < text.index("level 60.0") < text.index("level 30.0")


def test_patches_and_margins_are_told():
    text = feeding_steps(small("unet3d"))
    assert "resampled to 6 x 4 x 4 mm" in text
    assert "overlap by 25%" in text
    assert "mirrored by 92 pixels" in feeding_steps(small("unet_valid"))


def test_the_clean_up_that_is_left_out_is_told():
    text = write_readme(small("unet"), "ONNX", "", AGREEMENT)
    steps = text.split("no part of this export: `")[1].split("`")[0]
    assert json.loads(steps)["largest_liver"] is False


def test_an_export_says_that_it_cannot_judge_candidates():
    words = "judges each candidate for a lesion by ten measures"
    assert words not in write_readme(small("unet"), "ONNX", "", AGREEMENT)
    model = small("unet")
    judging = replace(model, description=model.description.model_copy(update={"lesion_scores": scores()}))
    assert words in write_readme(judging, "ONNX", "", AGREEMENT)
