from robustness.odd_volumes.case import Case, Refused, file
from robustness.odd_volumes.formats import nifti
from robustness.stress.campaigns import odd_volumes


def test_cases_end_well_in_both_ways_and_a_failure_says_how_to_try_it_again(tmp_path, monkeypatch):
    planted = Case("whole, said to be damaged", file("ct.nii", nifti()), Refused("damaged"))
    some = dict(list(odd_volumes.CASES.items())[::80])
    monkeypatch.setattr(odd_volumes, "CASES", some | {planted.name: planted})
    tally = odd_volumes.run(len(some) + 1, 0, tmp_path)
    assert tally.tried == len(some) + 1
    assert tally.refused
    assert tally.handled
    (line,) = tally.failed
    assert line.startswith("python -m robustness.odd_volumes 'whole, said to be damaged': not refused")
