import pytest
import torch
from support.click_cases import Darker
from support.click_training import SMALL, patient

from LiverTumorSegLib.models.description import CLICK_CHANNELS, ClickPatches
from LiverTumorSegLib.training.augmentation import SETS
from LiverTumorSegLib.training.clicks.options import ClickSampling
from LiverTumorSegLib.training.clicks.rounds import click_through
from LiverTumorSegLib.training.clicks.sampling import ClickSampler, augment_clicks

INSIDE, OUTSIDE, PREVIOUS = (CLICK_CHANNELS.index(name) for name in ("inside", "outside", "previous"))


class Nothing(Darker):
    """Finds nothing at all."""

    def logits(self, slices):
        return torch.full_like(slices[:, :1], -5.0)


@pytest.fixture(scope="module")
def batch():
    sampler = ClickSampler(
        [patient(lesions=[SMALL])],
        pixel_mm=1.0,
        sampling=ClickSampling(synthetic=0, nothing=0, improved=0),
        patches=ClickPatches(spacing_mm=(2.0, 1.0, 1.0), size=(16, 24, 24)),
        augmentation=SETS["none"],
        batch=4,
        seed=0,
    )
    return augment_clicks(next(iter(sampler)))


class _Most:
    """Draws the largest number that it may."""

    def integers(self, most):
        return most - 1


def after(batch, network, rounds, **options):
    return click_through(network, batch, ClickSampling(rounds=rounds, **{"forgotten": 0, **options}), _Most())


def test_without_rounds_there_is_one_click_inside(batch):
    channels = after(batch, Nothing(), 0)
    assert channels.shape == (4, len(CLICK_CHANNELS), 16, 24, 24)
    assert (channels[:, INSIDE].flatten(1).amax(1) > 0.4).all()
    assert not channels[:, OUTSIDE].any()
    assert not channels[:, PREVIOUS].any()


def test_each_round_adds_a_click_where_the_answer_is_wrong(batch):
    once, twice = (after(batch, Nothing(), rounds)[:, INSIDE] for rounds in (0, 2))
    assert (twice.flatten(1).sum(1) > once.flatten(1).sum(1)).all()


class Right(Darker):
    """Knows the answer."""

    def __init__(self, batch):
        super().__init__()
        self._logits = torch.where(batch["labels"] == 2, 10.0, -10.0)[:, None]

    def logits(self, _slices):
        return self._logits


def test_what_is_answered_already_right_gets_no_click(batch):
    torch.testing.assert_close(after(batch, Right(batch), 2)[:, INSIDE], after(batch, Nothing(), 0)[:, INSIDE])
    assert not after(batch, Right(batch), 2)[:, OUTSIDE].any()


def test_the_answer_before_is_shown_unless_it_is_forgotten(batch):
    shown = after(batch, Darker(), 1)[:, PREVIOUS]
    assert (shown.flatten(1).amax(1) > 0.9).all()
    assert not after(batch, Darker(), 1, forgotten=1)[:, PREVIOUS].any()


def test_rounds_need_no_gradient_and_leave_the_network_in_training(batch):
    network = Darker().train()
    channels = after(batch, network, 2)
    assert not channels.requires_grad
    assert network.training


def test_the_same_seeds_give_the_same_clicks(batch):
    torch.testing.assert_close(after(batch, Nothing(), 3), after(batch, Nothing(), 3))


def improving(batch, base):
    """The batch with this outline to be improved, in all of its samples."""
    return {**batch, "base": base, "improved": torch.ones(len(base), dtype=torch.bool)}


def test_an_outline_to_be_improved_is_shown_and_clicked_where_it_is_wrong(batch):
    lesion = batch["labels"] == 2
    larger = torch.nn.functional.max_pool3d(lesion.float(), 5, 1, 2)
    channels = after(improving(batch, larger), Nothing(), 0)
    torch.testing.assert_close(channels[:, PREVIOUS], larger)
    clicked = (channels[:, OUTSIDE] > 0.9).nonzero()
    assert len(clicked) >= 1
    assert not lesion[tuple(clicked[:, axis] for axis in (0, 1, 2, 3))].any()


def test_another_model_s_probability_is_shown_where_it_is_known(batch):
    likely = torch.full_like(batch["pixels"][:, 0], 0.6)
    known = torch.tensor([True, False, True, False])
    channels = after({**batch, "automatic": likely, "automatic_known": known}, Nothing(), 0)
    automatic, flag = (CLICK_CHANNELS.index(name) for name in ("automatic", "automatic is known"))
    assert channels[:, automatic].flatten(1).amax(1).tolist() == pytest.approx([0.6, 0, 0.6, 0])
    assert channels[:, flag].flatten(1).amin(1).tolist() == [1, 0, 1, 0]
