from robustness.stress.tally import Tally, table


def test_every_try_counts_once():
    tally = Tally(refused=3, handled=4, failed=["x"])
    tally.add(Tally(refused=1, failed=["y"]))
    assert (tally.tried, tally.refused, tally.handled, tally.failed) == (10, 4, 4, ["x", "y"])


def test_the_table_has_a_row_a_campaign():
    text = table([("headers", Tally(refused=999_999, handled=1), 12.4), ("kills", Tally(failed=["x"]), 1)])
    assert text.splitlines()[2:] == ["| headers | 1,000,000 | 999,999 | 1 | 0 | 12 |", "| kills | 1 | 0 | 0 | 1 | 1 |"]
