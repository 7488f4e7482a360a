from LiverTumorSegLib.core.text_files import round_floats


def test_floats_are_rounded_wherever_they_are_and_nothing_else_changes():
    content = {"a": 1.23456, "b": [(2.00049, None), "1.23456"], "c": 7}
    assert round_floats(content, 3) == {"a": 1.235, "b": [[2.0, None], "1.23456"], "c": 7}
    assert round_floats(content, 1)["a"] == 1.2
