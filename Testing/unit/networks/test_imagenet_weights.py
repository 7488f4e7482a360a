from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support import torchvision_weights
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.checksum import sha256
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks import imagenet
from LiverTumorSegLib.networks.imagenet_weights import load_encoder_weights, to_channels

ARCHITECTURES = [name for name, one in imagenet.ARCHITECTURES.items() if one.network]


def user(architecture, channels=3, **options):
    return networks.create(imagenet.ARCHITECTURES[architecture].network, channels, 2, **options)


def without_memory(architecture, channels=3):
    with torch.device("meta"):
        return user(architecture, channels)


def saved(path, weights):
    torch.save(weights, path)
    return path


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    weights = torchvision_weights.random_weights("resnet18")
    return saved(tmp_path_factory.mktemp("weights") / "resnet18.pth", weights), weights


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_resnets_features_are_those_of_monais_resnet_with_the_same_weights(tmp_path, name):
    weights = torchvision_weights.random_weights(name)
    network, reference = user(name).eval(), torchvision_weights.resnet(name).eval()
    load_encoder_weights(network, saved(tmp_path / "weights.pth", weights))
    reference.load_state_dict(weights)
    slices = torch.randn(1, 3, 65, 70)
    with torch.inference_mode():
        classes = reference.fc(network.encoder(slices)[-1].mean(dim=(2, 3)))
        assert torch.allclose(classes, reference(slices), rtol=1e-4)


def test_segnets_features_are_those_of_vgg16_with_the_same_weights(tmp_path):
    weights = torchvision_weights.random_weights("vgg16_bn", wide=8)
    network = user("vgg16_bn").eval()
    load_encoder_weights(network, saved(tmp_path / "weights.pth", weights))
    slices = torch.randn(1, 3, 64, 96)
    wanted, features = slices, slices
    for at in range(44):
        of = {key.split(".")[2]: value for key, value in weights.items() if key.startswith(f"features.{at}.")}
        if "running_mean" in of:
            wanted = F.relu(F.batch_norm(wanted, of["running_mean"], of["running_var"], of["weight"], of["bias"]))
        elif of:
            wanted = F.conv2d(wanted, of["weight"], of["bias"], padding=1)
        elif at in (6, 13, 23, 33, 43):
            wanted = F.max_pool2d(wanted, 2)
    with torch.inference_mode():
        for layer in network.encoder:
            output = layer(features)
            features = output[0] if isinstance(output, tuple) else output
    assert torch.allclose(features, wanted, rtol=1e-4, atol=1e-6)


def test_alexnets_two_fully_connected_layers_become_the_same_layers_as_convolutions(tmp_path):
    weights = torchvision_weights.random_weights("alexnet", wide=16)
    network = user("alexnet", fc_channels=16).eval()
    report = load_encoder_weights(network, saved(tmp_path / "weights.pth", weights))
    assert dict(report.adapted) == {
        "classifier.1.weight": "as a convolution of 6 x 6",
        "classifier.4.weight": "as a convolution of 1 x 1",
    }
    wanted = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        features = network.fc7(F.relu(network.fc6(network.encoder(wanted))))[:, :, 3, 3]
    for at, options in {
        0: {"stride": 4, "padding": 2},
        3: {"padding": 2},
        **{at: {"padding": 1} for at in (6, 8, 10)},
    }.items():
        wanted = F.relu(F.conv2d(wanted, weights[f"features.{at}.weight"], weights[f"features.{at}.bias"], **options))
        wanted = F.max_pool2d(wanted, 3, 2) if at in (0, 3, 10) else wanted
    wanted = F.relu(F.linear(wanted.flatten(1), weights["classifier.1.weight"], weights["classifier.1.bias"]))
    wanted = F.linear(wanted, weights["classifier.4.weight"], weights["classifier.4.bias"])
    assert torch.allclose(features, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_tensor_of_the_file_and_of_the_network_is_accounted_for(tmp_path, name):
    weights = torchvision_weights.constant_weights(name)
    network = without_memory(name)
    report = load_encoder_weights(network, saved(tmp_path / "weights.pth", weights))
    adapted = [key for key, _ in report.adapted]
    assert sorted([*report.loaded, *adapted, *report.left]) == sorted(weights)
    filled = [key for key in network.state_dict() if network.imagenet_key(key) is not None]
    assert sorted([*report.unfilled, *filled]) == sorted(network.state_dict())
    assert {key.split(".")[0] for key in report.left} <= {"fc", "classifier"}
    assert not any(key.startswith(("encoder", "fc6", "fc7")) for key in report.unfilled)


def test_the_encoder_holds_the_files_values_and_the_rest_those_it_had(resnet18):
    path, weights = resnet18
    network = user("resnet18")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    report = load_encoder_weights(network, path)
    for key, value in network.state_dict().items():
        wanted = before[key] if key in report.unfilled else weights[key.removeprefix("encoder.")]
        assert torch.equal(value, wanted), key


def test_the_report_is_read_in_a_few_lines(resnet18):
    path, _ = resnet18
    assert str(load_encoder_weights(without_memory("resnet18", 1), path)).splitlines() == [
        f"Encoder: resnet18 from {path}",
        "  tensors loaded as they are: 119",
        "  adapted: conv1.weight from 3 to 1 channels",
        "  left in the file: fc (2)",
        "  not filled in the network: decoder (96), score (2)",
        "  input: as it is given, which should have a mean of 0 and a deviation of 1, as what the encoder learnt from",
    ]


def test_the_report_says_that_the_network_normalises_its_input(resnet18):
    with torch.device("meta"):
        network = user("resnet18", 1, imagenet_input=True)
    said = str(load_encoder_weights(network, resnet18[0]))
    assert "  tensors loaded as they are: 120\n  adapted: none\n" in said
    assert "  not filled in the network: decoder (96), score (2)\n" in said
    assert said.endswith(
        "values from 0 to 1, shown to all 3 colours, normalised by ImageNet's mean and deviation in the network"
    )


@pytest.mark.parametrize("channels", [1, 3, 6, 9])
def test_images_alike_in_all_channels_keep_their_features_however_many_channels_there_are(resnet18, channels):
    path, weights = resnet18
    network = user("resnet18", channels)
    load_encoder_weights(network, path)
    grey = torch.randn(1, 1, 40, 40)
    wanted = F.conv2d(grey.expand(-1, 3, -1, -1), weights["conv1.weight"], stride=2, padding=3)
    assert torch.allclose(network.encoder.conv1(grey.expand(-1, channels, -1, -1)), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "wanted"),
    [(1, [7]), (2, [1.5, 3]), (3, [1, 2, 4]), (4, [0.75, 1.5, 3, 0.75]), (5, [0.6, 1.2, 2.4, 0.6, 1.2])],
)
def test_colours_are_summed_for_one_channel_and_repeated_for_more(channels, wanted):
    weight = torch.tensor([1.0, 2, 4]).reshape(1, 3, 1, 1)
    assert to_channels(weight, channels).flatten().tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_first_convolution_of_each_architecture_is_adapted_and_named(tmp_path, name):
    network = without_memory(name, 5)
    report = load_encoder_weights(network, saved(tmp_path / "weights.pth", torchvision_weights.constant_weights(name)))
    assert report.adapted[0] == (network.imagenet_first, "from 3 to 5 channels")


def test_safetensors_give_the_same(tmp_path, resnet18):
    path, weights = resnet18
    save_file(weights, tmp_path / "weights.safetensors")
    one, other = user("resnet18"), user("resnet18")
    load_encoder_weights(one, path)
    load_encoder_weights(other, str(tmp_path / "weights.safetensors"))
    others = other.encoder.state_dict()
    assert all(torch.equal(value, others[key]) for key, value in one.encoder.state_dict().items())


def test_weights_load_after_the_network_was_moved_too(resnet18):
    path, weights = resnet18
    network = user("resnet18").to(torch.bfloat16, memory_format=torch.channels_last)
    load_encoder_weights(network, path)
    weight = network.encoder.layer4[1].conv2.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, weights["layer4.1.conv2.weight"].bfloat16())


def test_files_from_before_batches_were_counted_load(tmp_path, resnet18):
    weights = {key: value for key, value in resnet18[1].items() if not key.endswith("num_batches_tracked")}
    report = load_encoder_weights(user("resnet18"), saved(tmp_path / "old.pth", weights))
    assert sum(key.startswith("encoder.") for key in report.unfilled) == 20
    assert all(key.endswith("num_batches_tracked") for key in report.unfilled if key.startswith("encoder."))


def test_files_of_parameters_load_and_the_network_can_be_trained(tmp_path, resnet18):
    weights = resnet18[1]
    parameters = {k: torch.nn.Parameter(v, requires_grad=v.is_floating_point()) for k, v in weights.items()}
    network = user("resnet18", 1)
    load_encoder_weights(network, saved(tmp_path / "old.pth", parameters))
    network(torch.rand(1, 1, 33, 33)).sum().backward()
    assert network.encoder.conv1.weight.grad.any()


@pytest.mark.parametrize(("held", "wanted"), [("resnet50", "resnet18"), ("vgg16", "vgg16_bn"), ("resnet18", "alexnet")])
def test_weights_of_another_architecture_are_refused_by_its_name(tmp_path, held, wanted):
    path = saved(tmp_path / "weights.pth", torchvision_weights.constant_weights(held))
    with pytest.raises(UserError, match=rf"weights.pth holds weights of {held} \(.*\), not of {wanted} \(.*\), which"):
        load_encoder_weights(without_memory(wanted), path)


def changed(weights, **changes):
    weights = {**weights, **{key.replace("__", "."): value for key, value in changes.items()}}
    return {key: value for key, value in weights.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer3__1__conv1__weight": None}, "lacks layer3.1.conv1.weight of resnet18: give a file of torchvision's"),
        ({"bn1__running_mean": None, "bn1__bias": None}, "lacks bn1.bias and 1 more of resnet18"),
        ({"layer9__weight": torch.ones(1)}, "holds layer9.weight, unknown to resnet18"),
        (
            {"layer1__0__conv1__weight": torch.ones(64, 64, 5, 5)},
            "is 64 x 64 x 5 x 5 in .*, but 64 x 64 x 3 x 3 in this",
        ),
        (
            {"conv1__weight": torch.ones(64, 1, 7, 7)},
            "conv1.weight is 64 x 1 x 7 x 7 in .*, but 64 x 3 x 7 x 7 in this",
        ),
        ({"bn1__bias": torch.full((64,), torch.nan)}, "bn1.bias in .* is not finite everywhere"),
        (
            {"layer4__1__bn2__running_var": torch.full((512,), torch.inf)},
            "layer4.1.bn2.running_var in .* is not finite",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_in_words_and_changes_nothing(tmp_path, resnet18, changes, message):
    path = saved(tmp_path / "weights.pth", changed(resnet18[1], **changes))
    network = user("resnet18")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(UserError, match=message):
        load_encoder_weights(network, path)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_names_that_data_parallel_wrote_are_said_to_be_its(tmp_path, resnet18):
    path = saved(tmp_path / "weights.pth", {f"module.{key}": value for key, value in resnet18[1].items()})
    with pytest.raises(UserError, match=r"weights\.pth begin with module\., as DataParallel writes them: save the mod"):
        load_encoder_weights(user("resnet18"), path)


def test_a_narrower_network_is_told_the_shapes(resnet18):
    with pytest.raises(UserError, match="conv1.weight is 64 x 3 x 7 x 7 in .*, but 8 x 3 x 7 x 7 in this ResNet18"):
        load_encoder_weights(user("resnet18", width=8), resnet18[0])


def test_a_fully_connected_layer_of_another_shape_is_never_reshaped(tmp_path):
    weights = torchvision_weights.random_weights("alexnet", wide=16)
    weights["classifier.1.weight"] = weights["classifier.1.weight"].T.contiguous()
    with pytest.raises(
        UserError, match="classifier.1.weight is 9216 x 16 in .*, but 16 x 256 x 6 x 6 in this AlexNetFCN"
    ):
        load_encoder_weights(user("alexnet", fc_channels=16), saved(tmp_path / "weights.pth", weights))


def test_networks_without_such_an_encoder_name_those_that_have_one(resnet18):
    with pytest.raises(UserError, match="^UNet has no encoder .* alexnet_fcn, resnet101, resnet18, .* segnet"):
        load_encoder_weights(networks.create("unet", 1, 2), resnet18[0])


def test_the_word_imagenet_takes_the_file_that_torchvision_publishes(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "checkpoints"
    kept.mkdir(parents=True)
    file = saved(kept / "alexnet-owt-7be5be79.pth", torchvision_weights.constant_weights("alexnet"))
    with pytest.raises(UserError, match=r"alexnet-owt-7be5be79\.pth is not the file that was published"):
        load_encoder_weights(without_memory("alexnet"), "imagenet")
    known = replace(imagenet.ARCHITECTURES["alexnet"], sha256=sha256(file))
    monkeypatch.setitem(imagenet.ARCHITECTURES, "alexnet", known)
    report = load_encoder_weights(without_memory("alexnet"), "imagenet")
    assert report.source == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    assert len(report.loaded) == 12


def test_offline_the_address_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet, "TORCHVISION_ADDRESS", "http://127.0.0.1:9/")
    with pytest.raises(
        UserError, match="http://127.0.0.1:9/vgg16_bn-6c64b313.pth cannot be downloaded .* give the file"
    ):
        load_encoder_weights(without_memory("vgg16_bn"), "imagenet")


def test_a_first_convolution_of_any_size_takes_no_memory_before_it_is_refused(tmp_path, resnet18):
    weights = dict(resnet18[1])
    weights["conv1.weight"] = torch.zeros(1).expand(10**9, 3, 7, 7)
    torch.save(weights, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w\.pth"):
        load_encoder_weights(networks.create("resnet18", 1, 3), tmp_path / "w.pth")
