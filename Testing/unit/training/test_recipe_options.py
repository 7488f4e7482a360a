import pytest
from pydantic import ValidationError

from LiverTumorSegLib.training.recipe_options import Callbacks


def test_without_being_asked_training_ends_as_it_always_did():
    options = Callbacks()
    assert (options.save, options.early_stopping, options.pictures_every) == ("last", None, 0)
    assert options.checkpoint_every == 200


@pytest.mark.parametrize("wrong", [{"sav": "best"}, {"best": {"monitor": "dice"}}, {"early_stopping": {}}])
def test_what_is_misspelt_or_missing_is_an_error(wrong):
    with pytest.raises(ValidationError):
        Callbacks.model_validate(wrong)
