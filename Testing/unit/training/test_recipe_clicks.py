import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.train import load_recipe


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"crop": 64}, "each say what the network sees"),
        ({"labels": ["background", "liver"]}, "set labels to background, lesion"),
        ({"preprocessing": [{"step": "window", "level": 60, "width": 200}]}, "add the step resample"),
        ({"network.in_channels": 1}, "sees 7 channels, not 1"),
        ({"stack.slices": 3}, "leave stack out"),
        ({"callbacks.pictures_every": 1}, "leave callbacks.pictures_every out"),
        ({"validation": [], "split": {"slices": 0.2}}, "none can be held out alone"),
        ({"augmentation.synthetic_lesions": {}}, "click_sampling.synthetic"),
        ({"clicks.zooms": [2, 4]}, "zooms rise from 1"),
    ],
)
def test_what_does_not_go_with_clicks_is_refused(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        load_recipe("lesion-click", changes)


def test_the_recipe_that_ships_is_valid():
    recipe = load_recipe("lesion-click")
    assert recipe.clicks is not None
    assert recipe.labels == ("background", "lesion")
