import re

import pytest

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError


@pytest.mark.parametrize("name", networks.names())
def test_each_network_says_what_it_is_and_what_its_options_are_without_words_for_programmers(name):
    said = networks.describe(name)
    assert "\nOptions:\n    in_channels: " in said
    assert not re.search(r"``|:class:|:func:|:attr:|Raises|\bsee \.", said)


def test_a_variant_says_what_its_family_is():
    said = networks.describe("resnet50")
    assert said.startswith("49 convolutions and their mirror image.\n\nA ResNet (He et al. 2016, table 1)")
    assert "these choices are ours" in said


def test_an_unknown_network_is_refused():
    with pytest.raises(UserError, match="no network called “vnet”: choose one of alexnet_fcn"):
        networks.describe("vnet")
