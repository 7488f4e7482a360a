import re
import sys
import types

from support.module_case import MODULE, harness  # noqa: F401


def test_a_public_ct_is_offered_once_slicer_has_started(harness, monkeypatch):  # noqa: F811
    offered = []
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **source: offered.append(source))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    harness.load_module(MODULE)
    assert offered == []
    harness.complete_startup()
    (source,) = offered
    assert source["uris"].startswith("https://")
    assert re.fullmatch("SHA256:[0-9a-f]{64}", source["checksums"])
    assert source["uris"].endswith(source["checksums"].partition(":")[2])
