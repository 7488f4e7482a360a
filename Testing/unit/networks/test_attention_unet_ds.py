import torch
from monai.losses import DeepSupervisionLoss, DiceCELoss
from support.network_tester import NetworkTester

from LiverTumorSegLib import networks

NARROW = {"features": (4, 4, 8, 8, 8)}


class TestAttentionUNetDS(NetworkTester):
    name = "attention_unet_ds"
    options = NARROW


def narrow(name="attention_unet_ds"):
    torch.manual_seed(0)
    return networks.create(name, 1, 3, **NARROW)


def test_training_gives_logits_of_each_decoder_level_finest_first():
    levels = narrow().train()(torch.rand(2, 1, 99, 70))
    assert [tuple(logits.shape) for logits in levels] == [(2, 3, 99, 70), (2, 3, 49, 35), (2, 3, 24, 17), (2, 3, 12, 8)]


def test_evaluation_computes_no_head_but_the_finest():
    network, called = narrow().eval(), []
    for head in network.coarser_heads:
        head.register_forward_hook(lambda *_: called.append(1))
    assert isinstance(network(torch.rand(1, 1, 64, 64)), torch.Tensor)
    assert not called
    network.train()(torch.rand(1, 1, 64, 64))
    assert len(called) == 3


def test_evaluation_gives_what_the_network_without_deep_supervision_gives():
    supervised, plain = narrow().eval(), narrow("attention_unet").eval()
    missing, unexpected = plain.load_state_dict(supervised.state_dict(), strict=False)
    assert missing == []
    assert {key.split(".")[0] for key in unexpected} == {"coarser_heads"}
    slices = torch.rand(1, 1, 70, 81)
    with torch.inference_mode():
        assert torch.equal(supervised(slices), plain(slices))


def test_each_head_is_taught_by_its_own_logits():
    network = narrow().train()
    network(torch.rand(1, 1, 64, 64))[2].square().mean().backward()
    taught = [head.weight.grad is not None for head in (network.head, *network.coarser_heads)]
    assert taught == [False, False, True, False]


def test_the_list_is_what_monais_loss_takes():
    network, labels = narrow().train(), torch.randint(0, 3, (2, 1, 99, 70)).float()
    loss = DeepSupervisionLoss(DiceCELoss(to_onehot_y=True, softmax=True))
    value = loss(networks.same_size(network, torch.rand(2, 1, 99, 70)), labels)
    value.backward()
    assert torch.isfinite(value)
    assert all(p.grad.any() for p in network.parameters())
