import pytest
from support.cohort_cases import touch
from support.models import describe
from support.other_structures import named

from LiverTumorSegLib.apps.cohort import CohortSettings, checks, records
from LiverTumorSegLib.apps.cohort.cases import CohortCase
from LiverTumorSegLib.apps.cohort.records import CaseRecord, CaseState
from LiverTumorSegLib.apps.cohort.settings import CaseOutputs
from LiverTumorSegLib.core.errors import UserError

HOW = {"model": {"name": "tiny", "labels": ["background"]}, "weights_sha256": "0" * 64, "coarse_pass": True}


def test_cts_and_outputs_have_folders_of_their_own(tmp_path):
    (tmp_path / "cts").mkdir()
    checks.refuse_nested(tmp_path / "cts", tmp_path / "out", CohortSettings())
    checks.refuse_nested(tmp_path / "cts", tmp_path / "cts" / "out", CohortSettings())
    for output, settings in (
        (tmp_path / "cts", CohortSettings()),
        (tmp_path / "out" / ".." / "cts", CohortSettings()),
        (tmp_path / "out", CohortSettings(report=tmp_path / "cts")),
    ):
        with pytest.raises(UserError, match="is the folder of the CTs"):
            checks.refuse_nested(tmp_path / "cts", output, settings)
    with pytest.raises(UserError, match="is the folder of the labels"):
        checks.refuse_nested(tmp_path / "cts", tmp_path / "out", CohortSettings(probabilities=tmp_path / "out"))


def test_a_ct_is_never_replaced(tmp_path):
    outputs = [CaseOutputs("a", tmp_path / "a.nii.gz")]
    checks.refuse_inputs([tmp_path / "b.nii.gz"], outputs)
    with pytest.raises(UserError, match="is one of the CTs"):
        checks.refuse_inputs([tmp_path / "b.nii.gz", tmp_path / "x" / ".." / "a.nii.gz"], outputs)


@pytest.mark.parametrize("state", [None, *CaseState])
def test_files_without_a_record_that_tells_of_them_are_not_replaced(tmp_path, state):
    outputs = [CaseOutputs("a", tmp_path / "a.seg.nrrd")]
    if state:
        records.write_record(tmp_path, CaseRecord(case="a", state=state))
    checks.refuse_foreign(tmp_path, outputs)
    touch(tmp_path, "a.seg.nrrd")
    if state in (CaseState.DONE, CaseState.UNFINISHED):
        checks.refuse_foreign(tmp_path, outputs)
    else:
        with pytest.raises(UserError, match=r"a\.seg\.nrrd exists already, and no record says"):
            checks.refuse_foreign(tmp_path, outputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"name": "other"}}, "made with the model other and not the model tiny"),
        ({"weights_sha256": "1" * 64}, "made with the weights 111111111111… and not the weights 000000000000…"),
        ({"coarse_pass": False}, "made with coarse_pass False and not coarse_pass True"),
    ],
)
def test_models_and_options_are_not_mixed(tmp_path, change, said):
    records.write_record(tmp_path, CaseRecord(case="a", state=CaseState.DONE, how=HOW))
    checks.refuse_mixed(tmp_path, HOW)
    records.write_record(tmp_path, CaseRecord(case="b", state=CaseState.FAILED, how=HOW | change))
    checks.refuse_mixed(tmp_path, HOW)
    records.write_record(tmp_path, CaseRecord(case="b", state=CaseState.UNFINISHED, how=HOW | change))
    with pytest.raises(UserError, match=said):
        checks.refuse_mixed(tmp_path, HOW)


@pytest.mark.parametrize("state", CaseState)
def test_labels_of_another_ct_are_not_taken_for_a_cases(tmp_path, state):
    case = CohortCase("a", tmp_path / "cts" / "a.nii", 0)
    touch(tmp_path, "cts/a.nii")
    checks.refuse_other_cts(tmp_path, [case])
    records.write_record(tmp_path, CaseRecord(case="a", state=state, how=HOW, ct=case.fingerprint))
    checks.refuse_other_cts(tmp_path, [case])
    records.write_record(tmp_path, CaseRecord(case="a", state=state, how=HOW, ct="another"))
    if state is CaseState.FAILED:  # it has no labels
        checks.refuse_other_cts(tmp_path, [case])
    else:
        with pytest.raises(UserError, match=r"holds a, made from another CT than .*a\.nii: .*--overwrite"):
            checks.refuse_other_cts(tmp_path, [case])


def test_a_cohort_of_other_models_is_refused_by_name(tmp_path):
    main, liver, vessels = describe(), named("livers"), named("vessels", ["liver_vessels"])
    settings = CohortSettings()
    with_both = settings.how(main, liver, [vessels])
    records.write_record(tmp_path, records.CaseRecord(case="a", state=CaseState.DONE, how=with_both))
    checks.refuse_mixed(tmp_path, with_both)
    for how, words in (
        (settings.how(main, None, [vessels]), "made with --liver-model livers and not no --liver-model"),
        (settings.how(main, liver), "made with --also vessels and not no --also"),
        (settings.how(main, named("others"), [vessels]), "made with --liver-model livers and not --liver-model others"),
    ):
        with pytest.raises(UserError, match=words):
            checks.refuse_mixed(tmp_path, how)
