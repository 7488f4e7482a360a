from support.module_case import MODULE, harness  # noqa: F401


def test_slicers_own_self_test_passes(harness):  # noqa: F811
    import slicer

    harness.load_module(MODULE)
    slicer.selfTests["LiverTumorSeg"]()
