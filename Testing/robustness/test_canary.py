"""No header leads to a file outside its folder, in the ways that led ITK there and more."""

from contextlib import suppress

import pytest
import SimpleITK as sitk

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes
from robustness.stress.campaigns import metaimage_headers, nrrd_headers
from robustness.stress.canary import ATTACKS, unopened
from robustness.stress.text_header_tries import BESIDE, stored

FORMATS = {"ElementDataFile": metaimage_headers, "data file": nrrd_headers}


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary.raw"
    path.write_bytes(stored("i2").tobytes())
    (tmp_path / "box").mkdir()
    return path


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", FORMATS)
def test_no_header_leads_to_the_canary(canary, name, attack, beside, absolute):
    campaign, body = FORMATS[name], stored("i2").tobytes()
    between = campaign.FORMAT.separators[0]
    lines = campaign.lines("i2", "<", "raw", body, BESIDE if beside else None)
    here = [line for line in lines if line.startswith(name)]
    leading = ATTACKS[attack](name, between, str(canary) if absolute else "../canary.raw", here)
    path = canary.parent / "box" / campaign.FORMAT.names[beside]
    (path.parent / BESIDE).write_bytes(body)
    text = "\n".join([*(line for line in lines if line not in here), *leading]) + campaign.FORMAT.end
    path.write_bytes(text.encode() + (b"" if beside else body))
    with unopened(canary):
        with suppress(UserError):
            volumes.read_stored(path)


def test_whoever_opens_the_canary_shows(canary):
    opens = {
        "Python": canary.read_bytes,
        "ITK": lambda: sitk.ReadImage(str(leading(canary))),
    }
    for open_it in opens.values():
        with pytest.raises(AssertionError, match=r"canary\.raw was opened"), unopened(canary):
            open_it()
    with unopened(canary):
        assert canary.exists()


def leading(canary):
    path = canary.parent / "box" / "ct.mhd"
    path.write_text("\n".join(metaimage_headers.lines("i2", "<", "raw", b"", str(canary))) + "\n")
    return path
