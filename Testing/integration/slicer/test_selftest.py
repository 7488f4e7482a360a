from support.click_cases import save_click_model
from support.module_case import MODULE, harness  # noqa: F401


def test_slicers_own_self_test_passes(harness):  # noqa: F811
    import slicer

    harness.load_module(MODULE)
    slicer.selfTests["LiverTumorSeg"]()


def test_every_test_runs_by_itself_as_slicers_ctest_runs_it(harness):  # noqa: F811
    import unittest

    module = harness.load_module(MODULE)
    suite = unittest.TestLoader().loadTestsFromTestCase(module.LiverTumorSegTest)
    names = {test.id().rpartition(".")[2] for test in suite}
    tests = ("SegmentAndCheck", "Transformed", "Cancel", "SaveAndLoad", "Click", "EarlierCT")
    assert names == {f"test{name}" for name in tests}
    alone = module.LiverTumorSegTest("testTransformed")
    result = unittest.TestResult()
    alone.run(result)
    assert (result.testsRun, result.errors, result.failures, result.skipped) == (1, [], [], [])


def test_the_click_is_tested_with_the_model_that_is_there(harness, monkeypatch, tmp_path):  # noqa: F811
    import unittest

    module = harness.load_module(MODULE)
    for name, skipped in ((str(save_click_model(tmp_path / "clicks")), 0), ("gone-click", 1)):
        monkeypatch.setattr("LiverTumorSegPanel.logic.CLICK_MODEL", name)
        result = unittest.TestResult()
        module.LiverTumorSegTest("testClick").run(result)
        assert (result.errors, result.failures, len(result.skipped)) == ([], [], skipped)


def test_where_packages_are_missing_every_test_is_skipped(harness, monkeypatch):  # noqa: F811
    import unittest

    module = harness.load_module(MODULE)
    monkeypatch.setattr("LiverTumorSegPanel.logic.missingPackages", lambda _: ["torch>=2"])
    result = unittest.TestResult()
    module.LiverTumorSegTest("testCancel").run(result)
    assert [reason for _, reason in result.skipped] == ["Open the module and install what is missing first."]
    assert result.errors == []
