"""AlexNet made fully convolutional, with upsampling that puts each score where its features look."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ..preprocessing import smoothed
from .base import he_normal, linear_interpolation
from .blocks import check_not_negative, check_positive
from .imagenet import ImageNetNetwork

_POOL1, _POOL2 = 2, 5
_LEAST = 1e-7


class AlexNetFCN(ImageNetNetwork):
    """AlexNet (Krizhevsky et al. 2012) as a fully convolutional network (Long, Shelhamer and Darrell 2015, section 4).

    The encoder is torchvision's AlexNet: one stream of 64, 192, 384, 256 and 256 channels without local response
    normalisation. fc6 and fc7 become convolutions with the dropout of the original after each, fc8 is left out, a 1x1
    convolution scores the classes, and transposed convolutions bring the scores back to the input's size. Elmenabawy et
    al. name a last upsampling of 8 times, which is that of FCN-8s; from it comes the rest (Long et al., section 4.2):

    - Scores of stride 32 are doubled and added to scores of ``pool2`` (stride 16), the sum is doubled and added to
      scores of ``pool1`` (stride 8), and that is upsampled 8 times. Without ``skips`` the scores of stride 32 are
      upsampled at once, as in the authors' FCN-AlexNet.
    - Transposed convolutions start as linear interpolation and are all learnt.
    - Feature i of ``pool1``, ``pool2`` and ``pool5`` looks around the pixel 8 i + 7, 16 i + 15 and 32 i + 31. The 6x6
      convolution of fc6 gets 3 zeros on all sides, so that its features, one more than it is given, look around
      32 i + 15: from border to border and upon every second of ``pool2``. See :class:`Upsampling` for the way back.
    - The scoring convolutions start at random and not at zero, since all is trained at once and not in stages.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        fc_channels: channels of fc6 and fc7; torchvision's have 4096.
        dropout: share of their features dropped in training.
        skips: whether ``pool1`` and ``pool2`` are scored, too.
        imagenet_input: whether the input is normalised first, see :class:`.imagenet.ImageNetInput`.
        smoothing: standard deviation in pixels of a Gaussian that the trained network's probabilities are smoothed
            with, 0 for none; training sees them as they are. 0.5 is the variance of 0.25 with which Elmenabawy et al.
            (section III.E) stand in for Korabelnikov et al. 2016.
    """

    stride = 32
    smallest = 63
    source = "Krizhevsky et al. 2012, AlexNet; Long et al. 2015, FCN, section 4; Elmenabawy et al., section II.B"
    imagenet = "alexnet"
    imagenet_prefixes = (("encoder.", "features."), ("fc6.", "classifier.1."), ("fc7.", "classifier.4."))

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        fc_channels: int = 4096,
        dropout: float = 0.5,
        skips: bool = True,
        imagenet_input: bool = False,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes, imagenet_input=imagenet_input)
        self.skips, self.smoothing = skips, check_not_negative("smoothing", smoothing)
        self.encoder = _encoder(self.encoder_channels)
        self.fc6 = nn.Conv2d(256, check_positive("fc_channels", fc_channels), 6, padding=3)
        self.fc7 = nn.Conv2d(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Conv2d(fc_channels, classes, 1)
        if skips:
            self.score_pool2 = nn.Conv2d(192, classes, 1)
            self.score_pool1 = nn.Conv2d(64, classes, 1)
        he_normal(self)
        if skips:
            self.to_pool2 = Upsampling(classes, 2, first=0)
            self.to_pool1 = Upsampling(classes, 2, first=1)
        self.to_input = Upsampling(classes, 8, first=7) if skips else Upsampling(classes, 32, first=15)

    def logits_of_seen(self, seen: torch.Tensor) -> torch.Tensor:
        pool1 = self.encoder[: _POOL1 + 1](seen)
        pool2 = self.encoder[_POOL1 + 1 : _POOL2 + 1](pool1)
        pool5 = self.encoder[_POOL2 + 1 :](pool2)
        scores = self.score(self._fully_connected(pool5))
        if self.skips:
            scores = self.to_pool2(scores, pool2.shape[2:]) + self.score_pool2(pool2)
            scores = self.to_pool1(scores, pool1.shape[2:]) + self.score_pool1(pool1)
        scores = self.to_input(scores, seen.shape[2:])
        return smooth_probabilities(scores, self.smoothing) if self.smoothing and not self.training else scores

    def _fully_connected(self, features: torch.Tensor) -> torch.Tensor:
        for layer in (self.fc6, self.fc7):
            features = self.dropout(F.relu(layer(features)))
        return features


@torch.no_grad()
def smooth_probabilities(logits: torch.Tensor, sigma: float) -> torch.Tensor:
    """Logits whose probabilities are those of others, smoothed with a Gaussian; each class by itself.

    Args:
        logits: ``[batch, class, row, column]``, of a sigmoid where there is one class.
        sigma: standard deviation in pixels.

    Returns:
        The same, float32, without gradients.
    """
    wide = logits.float()
    if wide.shape[1] == 1:
        return torch.logit(smoothed(wide.sigmoid(), sigma), _LEAST)
    return smoothed(wide.softmax(dim=1), sigma).clamp_min(_LEAST).log()


class Upsampling(nn.Module):
    """Transposed convolution that starts as linear interpolation of each channel by itself.

    Beyond the outermost features, the outermost are repeated.

    Args:
        channels: of the input and the result.
        factor: pixels of the result to one feature.
        first: pixel of the result that the first feature looks around; feature i looks around ``first + i * factor``.
    """

    def __init__(self, channels: int, factor: int, first: int) -> None:
        super().__init__()
        self._start = 2 * factor - 1 - first  # the feature repeated before the first one is at first - factor
        self.deconvolution = nn.ConvTranspose2d(channels, channels, 2 * factor - 1, stride=factor, bias=False)
        with torch.no_grad():
            self.deconvolution.weight.zero_()
            self.deconvolution.weight[range(channels), range(channels)] = linear_interpolation(factor)

    def forward(self, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Map ``[batch, channel, row, column]`` to ``[batch, channel, *size]``."""
        finer = self.deconvolution(F.pad(features, (1, 2, 1, 2), mode="replicate"))
        rows, columns = (slice(self._start, self._start + count) for count in size)
        return finer[:, :, rows, columns]


def _encoder(in_channels: int) -> nn.Sequential:
    """Layers in the order of torchvision's AlexNet, whose keys are their positions."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 64, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
    )
