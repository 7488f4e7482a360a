import pytest

from LiverTumorSegLib.training.resume import count_others, differing_keys, flatten_entries, shorten_value


def test_nested_entries_are_told_by_dotted_keys():
    assert flatten_entries({"a": {"b": 1, "c": {"d": [2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2], "e": {}}


def test_what_differs_or_is_lacking_is_named_in_order():
    assert differing_keys({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}) == ["b", "c", "d"]
    assert differing_keys({"a": 1}, {"a": 1}) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "not given"), (3, "3"), ("word " * 30, "word word word word word word word word word word word …")],
)
def test_values_are_shown_short(value, words):
    assert shorten_value(value) == words


def test_others_are_counted():
    assert (count_others([]), count_others(["a", "b"])) == ("", " (and 2 more)")
