import pytest
from cohort_cases import touch

from LiverTumorSegLib.cohort import Settings, records, refusals
from LiverTumorSegLib.cohort.case import CohortCase
from LiverTumorSegLib.cohort.outputs import Outputs
from LiverTumorSegLib.cohort.records import Record, State
from LiverTumorSegLib.errors import UserError

HOW = {"model": {"name": "tiny", "labels": ["background"]}, "weights_sha256": "0" * 64, "coarse_pass": True}


def test_cts_and_outputs_have_folders_of_their_own(tmp_path):
    (tmp_path / "cts").mkdir()
    refusals.refuse_nested(tmp_path / "cts", tmp_path / "out", Settings())
    refusals.refuse_nested(tmp_path / "cts", tmp_path / "cts" / "out", Settings())
    for output, settings in (
        (tmp_path / "cts", Settings()),
        (tmp_path / "out" / ".." / "cts", Settings()),
        (tmp_path / "out", Settings(report=tmp_path / "cts")),
    ):
        with pytest.raises(UserError, match="is the folder of the CTs"):
            refusals.refuse_nested(tmp_path / "cts", output, settings)
    with pytest.raises(UserError, match="is the folder of the labels"):
        refusals.refuse_nested(tmp_path / "cts", tmp_path / "out", Settings(probabilities=tmp_path / "out"))


def test_a_ct_is_never_replaced(tmp_path):
    outputs = [Outputs("a", tmp_path / "a.nii.gz")]
    refusals.refuse_inputs([tmp_path / "b.nii.gz"], outputs)
    with pytest.raises(UserError, match="is one of the CTs"):
        refusals.refuse_inputs([tmp_path / "b.nii.gz", tmp_path / "x" / ".." / "a.nii.gz"], outputs)


@pytest.mark.parametrize("state", [None, *State])
def test_files_without_a_record_that_tells_of_them_are_not_replaced(tmp_path, state):
    outputs = [Outputs("a", tmp_path / "a.seg.nrrd")]
    if state:
        records.write(tmp_path, Record(case="a", state=state))
    refusals.refuse_foreign(tmp_path, outputs)
    touch(tmp_path, "a.seg.nrrd")
    if state in (State.DONE, State.UNFINISHED):
        refusals.refuse_foreign(tmp_path, outputs)
    else:
        with pytest.raises(UserError, match=r"a\.seg\.nrrd exists already and no record says"):
            refusals.refuse_foreign(tmp_path, outputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"name": "other"}}, "made with the model other and not the model tiny"),
        ({"weights_sha256": "1" * 64}, "made with the weights 111111111111… and not the weights 000000000000…"),
        ({"coarse_pass": False}, "made with coarse_pass False and not coarse_pass True"),
    ],
)
def test_models_and_options_are_not_mixed(tmp_path, change, said):
    records.write(tmp_path, Record(case="a", state=State.DONE, how=HOW))
    refusals.refuse_mixed(tmp_path, HOW)
    records.write(tmp_path, Record(case="b", state=State.FAILED, how=HOW | change))
    refusals.refuse_mixed(tmp_path, HOW)
    records.write(tmp_path, Record(case="b", state=State.UNFINISHED, how=HOW | change))
    with pytest.raises(UserError, match=said):
        refusals.refuse_mixed(tmp_path, HOW)


@pytest.mark.parametrize("state", State)
def test_labels_of_another_ct_are_not_taken_for_a_cases(tmp_path, state):
    case = CohortCase("a", tmp_path / "cts" / "a.nii", 0)
    touch(tmp_path, "cts/a.nii")
    refusals.refuse_other_cts(tmp_path, [case])
    records.write(tmp_path, Record(case="a", state=state, how=HOW, ct=case.fingerprint))
    refusals.refuse_other_cts(tmp_path, [case])
    records.write(tmp_path, Record(case="a", state=state, how=HOW, ct="another"))
    if state is State.FAILED:  # it has no labels
        refusals.refuse_other_cts(tmp_path, [case])
    else:
        with pytest.raises(UserError, match=r"holds a, made of another CT than .*a\.nii is now: .*--overwrite"):
            refusals.refuse_other_cts(tmp_path, [case])
