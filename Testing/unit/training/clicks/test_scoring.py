import pytest
import torch
from support.click_cases import Darker, click_model
from support.click_training import LARGE, patient

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.clicks.scoring import ClickScorer
from LiverTumorSegLib.training.train import load_recipe


def scored(*people):
    recipe = load_recipe("lesion-click")
    scorer = ClickScorer(
        recipe, people, lambda logits, labels, _: (logits[:, 0].sigmoid() - (labels == 2).float()).abs().mean()
    )
    return scorer(scorer.engine(click_model().network, torch.device("cpu")))


def test_a_network_that_finds_lesions_scores_well():
    scores = scored(patient(lesions=[LARGE]))
    assert scores.dice["lesion"] > 0.8
    assert scores.loss < 0.05


def test_the_score_is_the_same_each_time():
    assert scored(patient()) == scored(patient())


def test_patients_without_lesions_are_not_scored():
    healthy = patient("b", labels=torch.ones(40, 64, 72, dtype=torch.uint8))
    assert scored(patient(), healthy) == scored(patient())
    with pytest.raises(UserError, match="No validation patient shows a lesion"):
        scored(healthy)


def test_the_network_is_asked_with_a_click_in_the_lesion():
    Darker.seen.clear()
    scored(patient())
    assert (torch.cat(Darker.seen)[:, 1].float().flatten(1).amax(1) > 0.4).all()
