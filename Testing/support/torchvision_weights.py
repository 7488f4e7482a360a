"""State dicts with the names and shapes of torchvision's classifiers, made without torchvision."""

import torch
from monai.networks.nets.resnet import ResNet

RESNETS = {
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
    "resnet101": ("bottleneck", [3, 4, 23, 3]),
    "resnet152": ("bottleneck", [3, 8, 36, 3]),
}
_VGG16 = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]
_ALEXNET = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


def resnet(name):
    """MONAI's ResNet, built as torchvision's, with its classifier of 1000 classes."""
    options = {"n_input_channels": 3, "conv1_t_stride": 2, "bias_downsample": False, "num_classes": 1000}
    return ResNet(*RESNETS[name], [64, 128, 256, 512], spatial_dims=2, **options)


def shapes(name, wide=4096):
    """Shape of each tensor by torchvision's name; ``wide`` is that of the fully connected layers of AlexNet and VGG."""
    if name in RESNETS:
        with torch.device("meta"):
            return {key: tuple(value.shape) for key, value in resnet(name).state_dict().items()}
    if name == "alexnet":
        convolutions = {key: shape for at, size in _ALEXNET.items() for key, shape in _layer(f"features.{at}", *size)}
        return convolutions | _classifier((1, 4, 6), (9216, wide, wide, 1000))
    return _vgg16(normalised=name == "vgg16_bn") | _classifier((0, 3, 6), (25088, wide, wide, 1000))


def random_weights(name, wide=4096):
    """Values of a size that keeps features finite; variances are positive."""
    torch.manual_seed(0)
    weights = {}
    for key, shape in shapes(name, wide).items():
        products = max(1, torch.Size(shape[1:]).numel())
        weights[key] = torch.rand(shape) + 0.5 if len(shape) == 1 else torch.randn(shape) * products**-0.5
        if key.endswith("num_batches_tracked"):
            weights[key] = torch.tensor(7)
    return weights


def constant_weights(name, value=0.5):
    """All values alike, which take no memory worth naming."""
    return {key: torch.tensor(value).expand(shape) for key, shape in shapes(name).items()}


def _vgg16(*, normalised):
    found, at, channels = {}, 0, 3
    for wide in _VGG16:
        if wide:
            found.update(_layer(f"features.{at}", wide, channels, 3, 3))
            if normalised:
                parts = ("weight", "bias", "running_mean", "running_var")
                found.update({f"features.{at + 1}.{part}": (wide,) for part in parts})
                found[f"features.{at + 1}.num_batches_tracked"] = ()
            channels = wide
        at += 1 if not wide else 2 + normalised
    return found


def _layer(name, *shape):
    return [(f"{name}.weight", shape), (f"{name}.bias", shape[:1])]


def _classifier(places, widths):
    layers = zip(places, widths[1:], widths[:-1], strict=True)
    return {key: shape for at, wide, narrow in layers for key, shape in _layer(f"classifier.{at}", wide, narrow)}
