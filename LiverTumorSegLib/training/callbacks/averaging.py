"""The moving average of the weights, which is what is validated and saved."""

from __future__ import annotations

from lightning.pytorch.callbacks import EMAWeightAveraging

from ...networks import SliceNetwork


class Averaging(EMAWeightAveraging):
    """Lightning's, with its network open to others."""

    @property
    def network(self) -> SliceNetwork:
        """The network with averaged weights; it goes on changing with every step."""
        network: SliceNetwork = self._average_model.module.network
        return network
