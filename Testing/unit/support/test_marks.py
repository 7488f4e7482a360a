import pytest
from support.marks import MARKS, mark_and_sort, marks_of
from support.repository import TESTING


class Item:
    """A test as pytest hands it over."""

    def __init__(self, place):
        self.path, self.marks = TESTING / place, set()

    def add_marker(self, mark):
        self.marks.add(mark)

    def get_closest_marker(self, mark):
        return mark if mark in self.marks else None


@pytest.mark.parametrize("place", MARKS)
def test_every_place_that_has_marks_is_there(place):
    assert (TESTING / place).exists()


def test_every_mark_is_registered(request):
    registered = {line.partition(":")[0] for line in request.config.getini("markers")}
    assert {mark for marks in MARKS.values() for mark in marks} <= registered


def test_a_test_has_the_marks_of_all_folders_around_it():
    assert marks_of(TESTING / "integration" / "browser" / "test_segment.py") == {"browser", "slow"}
    assert marks_of(TESTING / "unit" / "core" / "test_volume.py") == set()


def test_long_files_begin_first_and_stay_together():
    places = ["unit/core/a.py", "robustness/a.py", "unit/core/a.py", "unit/training/test_distributed.py"]
    items = [Item(place) for place in places]
    mark_and_sort(items)
    assert [item.path.relative_to(TESTING).as_posix() for item in items] == [places[1], places[3], *places[:3:2]]


def test_this_run_has_marked_its_tests(request):
    assert all(item.get_closest_marker(mark) for item in request.session.items for mark in marks_of(item.path))
    assert request.node.get_closest_marker("slow") is None
