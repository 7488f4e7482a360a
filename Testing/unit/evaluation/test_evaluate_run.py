from support.evaluation_cases import save, save_pair, small_pair

from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.evaluation.case import EvaluationSettings
from LiverTumorSegLib.evaluation.evaluate import measure_cases
from LiverTumorSegLib.evaluation.pairing import find_pairs


def test_processes_measure_what_one_does(tmp_path):
    pair = small_pair()
    for name in ("a", "b"):
        save_pair(tmp_path, name, pair)
    save(tmp_path / "predictions" / "c.nii.gz", pair.prediction[:4])
    save(tmp_path / "references" / "c.nii.gz", pair.reference)
    matches = find_pairs(tmp_path / "predictions", tmp_path / "references")
    settings = EvaluationSettings()
    alone, failed_alone = measure_cases(matches.pairs, settings, 1, Job())
    together, failed_together = measure_cases(matches.pairs, settings, 2, Job())
    assert list(alone) == list(together) == ["a", "b"]
    assert list(failed_alone) == ["c"]
    assert failed_alone == failed_together
    for name in alone:
        assert alone[name].to_dict(settings) == together[name].to_dict(settings)
