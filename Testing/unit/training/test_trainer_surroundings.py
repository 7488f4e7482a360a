import logging

from LiverTumorSegLib.training.trainer import silence_lightning


def test_lightning_is_quiet_within_and_as_before_afterwards(caplog):
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    with caplog.at_level(logging.INFO, "lightning.pytorch"):
        with silence_lightning():
            logger.warning("GPU available: False")
        logger.warning("heard again")
    assert caplog.messages == ["heard again"]
