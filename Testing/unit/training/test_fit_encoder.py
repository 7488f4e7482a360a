import pytest
import torch
from support import torchvision_weights
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.fit import fit

OPTIONS = ("crop=48", "schedule.steps=3", "schedule.validate_every=0", "callbacks.checkpoint_every=1")
ONE_SLICE = ("stack.slices=1", "network={name: resnet18, in_channels: 1}")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    torch.save(torchvision_weights.random_weights("resnet18"), folder / "resnet18.pth")
    return recipe_with(folder, *ONE_SLICE, *OPTIONS, f"encoder_weights={folder / 'resnet18.pth'}")


@pytest.fixture(scope="module")
def unbroken(plan, data, tmp_path_factory):
    """Folder of a model whose training nothing ended."""
    folder = tmp_path_factory.mktemp("unbroken") / "model"
    fit(plan, data, folder, command="")
    return folder


def test_a_model_from_imagenets_weights_keeps_the_step_that_normalises_its_input(unbroken):
    trained = model_folder.load(unbroken)
    assert trained.description.network.options == {"imagenet_input": True}
    slices = torch.rand(1, 1, 64, 64)
    mean, deviation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert trained.network.input.mean.flatten().tolist() == pytest.approx(mean)
    assert trained.network.input.deviation.flatten().tolist() == pytest.approx(deviation)
    with torch.inference_mode():
        seen = torch.cat([(slices - at) / by for at, by in zip(mean, deviation, strict=True)], dim=1)
        assert torch.allclose(trained.network(slices), trained.network.logits_of_seen(seen), atol=1e-5)
    card = (unbroken / model_folder.CARD).read_text()
    assert "encoder started from the weights in resnet18.pth; the network first normalises its input" in card
    assert str(unbroken.parents[1]) not in card


def test_a_training_that_was_ended_goes_on_with_it_to_the_same_weights(plan, data, unbroken, tmp_path):
    cancel = CancelToken()

    def end_after_the_second(_fraction, sentence):
        if sentence.startswith("Step 2 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        fit(plan, data, tmp_path / "model", command="", progress=end_after_the_second, cancel=cancel)
    told = []
    fit(plan, data, tmp_path / "model", command="", resume=True, say=told.append)
    assert told[0] == "Training goes on after step 2."
    weights = [(folder / model_folder.WEIGHTS).read_bytes() for folder in (tmp_path / "model", unbroken)]
    assert weights[0] == weights[1]
