import logging
import time

from LiverTumorSegLib.core.sparse_log import MOST, Sparse, sparse


def record(words, *arguments, name="a"):
    return logging.LogRecord(name, logging.WARNING, "", 0, words, arguments, None)


def test_of_each_kind_of_line_so_many_pass_and_the_last_says_that_others_are_left_out():
    lines = Sparse(most=3)
    told = [each for number in range(10) if lines.filter(each := record("%s is wrong", number))]
    assert [each.getMessage() for each in told] == [
        "0 is wrong",
        "1 is wrong",
        "2 is wrong (the next lines like this one are left out for a minute)",
    ]
    assert lines.filter(record("%s is right", 1))
    assert lines.filter(record("%s is wrong", 1, name="b"))


def test_after_its_time_it_begins_anew():
    lines = Sparse(most=1, seconds=0.05)
    assert [lines.filter(record("words")) for _ in range(2)] == [True, False]
    time.sleep(0.1)
    assert lines.filter(record("words"))


def test_kinds_without_end_are_not_all_kept():
    lines = Sparse()
    for number in range(5000):
        assert lines.filter(record(f"{number} is wrong"))
    assert len(lines._seen) < 2000


def test_a_logger_is_as_before_after_the_block(caplog):
    log = logging.getLogger("LiverTumorSegLib.test_sparse_log")
    with sparse(log.name):
        for _ in range(2 * MOST):
            log.warning("words")
    assert len(caplog.records) == MOST
    for _ in range(MOST):
        log.warning("words")
    assert len(caplog.records) == 2 * MOST
