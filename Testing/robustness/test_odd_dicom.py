from contextlib import closing

import numpy as np
import pytest
from support.dicom_slices import hounsfield, plain, write
from support.sandbox import Sandbox

from robustness.odd_dicom.case import Case, Handled, Refused
from robustness.odd_dicom.check import wrong
from robustness.odd_dicom.table import CASES
from robustness.stress.campaigns import odd_dicom

PLAIN = next(case for case in CASES if case.name == "plain")


@pytest.fixture(scope="module")
def sandbox():
    with closing(Sandbox()) as one:
        yield one


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_odd_folder_is_read_to_the_voxel_or_refused_in_words(case, sandbox, tmp_path):
    assert not wrong(case, sandbox, tmp_path)


def test_the_table_is_long_and_holds_both_ends():
    assert len({case.name for case in CASES}) == len(CASES) >= 40
    assert sum(isinstance(case.outcome, Handled) for case in CASES) >= 20
    assert sum(isinstance(case.outcome, Refused) for case in CASES) >= 20


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        (Case("voxels", PLAIN.make, Handled(hounsfield() + 1)), "other voxels"),
        (Case("place", PLAIN.make, Handled(affine=np.eye(4))), "another place"),
        (Case("warnings", PLAIN.make, Handled(says=("never said",))), "other warnings"),
        (Case("refused", PLAIN.make, Refused("")), "not refused"),
        (Case("words", lambda folder: write(plain()[:1], folder), Refused("never said")), "other words"),
        (Case("handled", lambda folder: write(plain()[:1], folder), Handled()), "not handled"),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else "",
)
def test_an_outcome_that_is_not_due_is_complained_about(planted, complaint, sandbox, tmp_path):
    assert complaint in wrong(planted, sandbox, tmp_path)


def test_the_campaign_segments_counts_and_reports_what_should_not_be(tmp_path):
    planted = Case("planted", PLAIN.make, Refused(""))
    tally = odd_dicom.run(100, 0, tmp_path, [*CASES[::25], planted])
    assert tally.tried == len(CASES[::25]) + 1
    assert [line.split(":")[0] for line in tally.failed] == ["planted"]
    assert tally.handled
    assert tally.refused


def test_a_small_share_is_of_the_whole_table(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(odd_dicom, "wrong", lambda case, *_: tried.append(case) or "")
    monkeypatch.setattr(odd_dicom, "Sandbox", NullSandbox)
    assert odd_dicom.run(4, 0, tmp_path).tried == 4
    assert CASES.index(tried[-1]) > len(CASES) / 2


class NullSandbox:
    def close(self):
        pass
