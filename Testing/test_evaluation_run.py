from evaluation_cases import save, save_pair, small_pair

from LiverTumorSegLib.evaluation.pairs.pairing import find
from LiverTumorSegLib.evaluation.run import measure_all
from LiverTumorSegLib.evaluation.settings import Settings
from LiverTumorSegLib.progress import Job


def test_processes_measure_what_one_does(tmp_path):
    pair = small_pair()
    for name in ("a", "b"):
        save_pair(tmp_path, name, pair)
    save(tmp_path / "predictions" / "c.nii.gz", pair.prediction[:4])
    save(tmp_path / "references" / "c.nii.gz", pair.reference)
    matches = find(tmp_path / "predictions", tmp_path / "references")
    settings = Settings()
    alone, failed_alone = measure_all(matches.pairs, settings, 1, Job())
    together, failed_together = measure_all(matches.pairs, settings, 2, Job())
    assert list(alone) == list(together) == ["a", "b"]
    assert list(failed_alone) == ["c"]
    assert failed_alone == failed_together
    for name in alone:
        assert alone[name].to_dict(settings) == together[name].to_dict(settings)
