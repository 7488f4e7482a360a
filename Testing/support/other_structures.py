"""Models of other structures than liver and lesions, and what they found, without any network."""

import numpy as np

from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.inference.segment import OtherStructures
from LiverTumorSegLib.models.description import Description, Licence, WeightsFile
from support.models import describe


class _Known(Description):
    """A description that looks for structures without being nnU-Net's."""

    @property
    def structures(self):
        return self.__dict__.get("found", ())


def named(name, structures=(), licence="Apache-2.0", terms="any use", **changes):
    """A description of a model of these structures."""
    weights = WeightsFile(sha256=name.encode().hex().ljust(64, "0")[:64], bytes=1)
    model = describe(name=name, weights=weights, licence=Licence(name=licence, terms=terms), **changes)
    known = _Known.model_validate(model.model_dump())
    known.__dict__["found"] = tuple(structures)
    return known


def other(labels, name, *structures):
    """What a model of these structures found."""
    return OtherStructures(named(name, structures), labels)


def random_others(shape, seed=7):
    """Vessels and all of Couinaud's segments, as two models found them, over each other and in every slice but two."""
    random = np.random.default_rng(seed)
    vessels = (random.random(shape) > 0.7).astype(np.uint8) * STRUCTURES["liver_vessels"].label
    couinaud = random.integers(11, 19, shape).astype(np.uint8)
    vessels[0] = couinaud[0] = couinaud[-1] = 0
    names = [f"liver_segment_{number}" for number in range(1, 9)]
    return other(vessels, "vessels", "liver_vessels", "portal_vein"), other(couinaud, "couinaud", *names)
