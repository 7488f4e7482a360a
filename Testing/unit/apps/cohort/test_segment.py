import csv
import dataclasses
import hashlib
import re

import numpy as np
import pytest
from support.cohort_cases import hidden, labels, save, save_cohort, small_ct, touch
from support.dicom_series_cases import write_series

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.apps.cohort import CohortSettings, Rank
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.io import volumes


@pytest.fixture
def cts(tmp_path):
    return save_cohort(tmp_path / "cts")


def rows(output):
    with (output / "cohort.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def written(output):
    return {path.name: path.stat().st_mtime_ns for path in output.glob("*.seg.nrrd")}


def test_labels_are_those_of_segmenting_case_by_case(cts, thresholds, tmp_path):
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    assert list(summary.done) == ["volume-3", "volume-2", "volume-1", "volume-0"]
    for source in sorted(cts.iterdir()):
        volume = volumes.read_volume(source)
        alone = segment(volume, thresholds, "cpu").labels
        assert alone.any()
        path = tmp_path / "out" / f"{volumes.stem(source)}.seg.nrrd"
        assert np.array_equal(labels(path), alone)
        assert np.allclose(volumes.read_volume(path, force=True).affine, volume.affine)


def test_the_table_has_a_row_a_case_with_its_measures(cts, thresholds, tmp_path):
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    table = rows(tmp_path / "out")
    assert [row["case"] for row in table] == [f"volume-{number}" for number in range(4)]
    for row in table:
        voxel_ml = volumes.read_volume(cts / f"{row['case']}.nii.gz").voxel_ml
        found = labels(tmp_path / "out" / f"{row['case']}.seg.nrrd")
        assert float(row["liver_ml"]) == pytest.approx(np.count_nonzero(found) * voxel_ml, abs=1e-3)
        assert float(row["lesion_ml"]) == pytest.approx(np.count_nonzero(found == 2) * voxel_ml, abs=1e-3)
        assert (row["device"][:3], row["failure"]) == ("cpu", "")
        assert summary.done[row["case"]].lesion_count == int(row["lesions"])


def test_what_is_done_is_skipped_and_what_is_missing_is_done_again(cts, thresholds, tmp_path):
    output = tmp_path / "out"
    cohort.segment_cohort(cts, output, thresholds, device="cpu")
    before = written(output)
    (output / "volume-2.seg.nrrd").unlink()
    summary = cohort.segment_cohort(cts, output, thresholds, device="cpu")
    after = written(output)
    assert list(summary.done) == ["volume-2"]
    assert summary.skipped == ("volume-3", "volume-1", "volume-0")
    assert {name for name in after if after[name] != before[name]} == {"volume-2.seg.nrrd"}


def test_other_cts_with_the_same_names_are_refused_unless_all_is_done_again(thresholds, tmp_path):
    output, ours, theirs = tmp_path / "out", tmp_path / "a", tmp_path / "b"
    sizes = {save(folder / "ct.nii", small_ct(seed)).stat().st_size for seed, folder in enumerate((ours, theirs))}
    assert len(sizes) == 1
    cohort.segment_cohort(ours, output, thresholds, device="cpu")
    before = written(output)
    with pytest.raises(UserError, match="holds ct, made from another CT than"):
        cohort.segment_cohort(theirs, output, thresholds, device="cpu")
    assert written(output) == before
    summary = cohort.segment_cohort(theirs, output, thresholds, device="cpu", settings=CohortSettings(overwrite=True))
    assert list(summary.done) == ["ct"]
    alone = segment(volumes.read_volume(theirs / "ct.nii"), thresholds, "cpu").labels
    assert np.array_equal(labels(output / "ct.seg.nrrd"), alone)


def test_rows_of_cases_that_are_no_longer_there_are_named(cts, thresholds, tmp_path):
    (cts / "volume-9.nii.gz").write_bytes(b"no CT")
    assert list(cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu").failed) == ["volume-9"]
    (cts / "volume-9.nii.gz").unlink()
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    assert (summary.failed, len(summary.skipped)) == ({}, 4)
    assert "cohort.csv also has cases that are not among these: volume-9." in summary.remarks


def test_the_same_cts_in_another_folder_are_done(cts, thresholds, tmp_path):
    cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    moved = cts.rename(tmp_path / "moved")
    assert len(cohort.segment_cohort(moved, tmp_path / "out", thresholds, device="cpu").skipped) == 4


def test_a_broken_link_is_a_failure_of_one_case(cts, thresholds, tmp_path):
    (cts / "gone.nii.gz").symlink_to(tmp_path / "nowhere.nii.gz")
    (cts / "loop.nii.gz").symlink_to(cts / "loop.nii.gz")
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    assert sorted(summary.failed) == ["gone", "loop"]
    assert len(summary.done) == 4


def test_what_a_killed_process_left_is_removed_also_of_cases_that_are_done_or_fail(cts, thresholds, tmp_path):
    output = tmp_path / "out"
    (cts / "volume-0.nii.gz").write_bytes(b"")
    cohort.segment_cohort(cts, output, thresholds, device="cpu")
    for case in ("volume-0", "volume-3"):
        touch(output, f".{case}.unfinished/{case}.seg.nrrd", f".cohort/.{case}.unfinished/{case}.json")
    cohort.segment_cohort(cts, output, thresholds, device="cpu")
    assert hidden(output) == []


def test_reports_and_probabilities_that_are_asked_for_later_are_added(cts, thresholds, tmp_path):
    cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    settings = CohortSettings(probabilities=tmp_path / "maps")
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu", settings=settings)
    assert len(summary.done) == 4
    assert len(list((tmp_path / "maps").glob("*_lesion.nii.gz"))) == 4
    assert len(cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu", settings=settings).skipped) == 4


def test_a_bad_case_is_recorded_tried_again_and_stops_no_other(cts, thresholds, tmp_path):
    output = tmp_path / "out"
    whole = (cts / "volume-2.nii.gz").read_bytes()
    (cts / "volume-2.nii.gz").write_bytes(b"")
    summary = cohort.segment_cohort(cts, output, thresholds, device="cpu")
    assert len(summary.done) == 3
    assert summary.failed == {"volume-2": "volume-2.nii.gz is empty: get the file again."}
    assert rows(output)[2]["failure"] == summary.failed["volume-2"]
    for path in (path for path in output.rglob("*") if path.is_file()):
        assert str(tmp_path).encode() not in path.read_bytes()
    (cts / "volume-2.nii.gz").write_bytes(whole)
    summary = cohort.segment_cohort(cts, output, thresholds, device="cpu")
    assert (list(summary.done), summary.failed) == (["volume-2"], {})
    assert [row["failure"] for row in rows(output)] == [""] * 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "There is not enough memory"),
        (RuntimeError("odd\nin two lines"), r"could not be segmented \(RuntimeError: odd in two lines\): "),
        (KeyError("odd"), r"could not be segmented \(KeyError: 'odd'\): "),
        (ZeroDivisionError(), r"could not be segmented \(ZeroDivisionError:\): "),
        (OSError(28, "No space"), "No space"),
    ],
)
def test_what_nobody_foresaw_is_a_failure_of_one_case(cts, thresholds, tmp_path, monkeypatch, error, said):
    def fail(volume, *arguments, **options):
        if len(volume.voxels) == 12:
            raise error
        return segment(volume, *arguments, **options)

    monkeypatch.setattr("LiverTumorSegLib.inference.segment.segment", fail)
    summary = cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    assert list(summary.failed) == ["volume-1"]
    assert re.search(said, summary.failed["volume-1"])
    assert len(summary.done) == 3


def test_ctrl_c_is_no_failure_of_a_case(cts, thresholds, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("LiverTumorSegLib.inference.segment.segment", stop)
    with pytest.raises(KeyboardInterrupt):
        cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")


def test_a_case_that_fails_leaves_no_labels_of_an_earlier_run(cts, thresholds, tmp_path):
    cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu")
    (cts / "volume-0.nii.gz").write_bytes(b"")
    summary = cohort.segment_cohort(
        cts, tmp_path / "out", thresholds, device="cpu", settings=CohortSettings(overwrite=True)
    )
    assert list(summary.failed) == ["volume-0"]
    assert sorted(written(tmp_path / "out")) == [f"volume-{number}.seg.nrrd" for number in (1, 2, 3)]


def test_another_model_or_option_is_refused_unless_all_is_done_again(cts, thresholds, tmp_path):
    output = tmp_path / "out"
    cohort.segment_cohort(cts, output, thresholds, device="cpu")
    before = written(output)
    renamed = thresholds.description.model_copy(update={"name": "other"})
    other = dataclasses.replace(thresholds, description=renamed)
    with pytest.raises(UserError, match="the model tiny and not the model other"):
        cohort.segment_cohort(cts, output, other, device="cpu")
    with pytest.raises(UserError, match="coarse_pass"):
        cohort.segment_cohort(
            cts, output, thresholds, device="cpu", settings=CohortSettings(SegmentationOptions(coarse_pass=False))
        )
    assert written(output) == before
    summary = cohort.segment_cohort(cts, output, other, device="cpu", settings=CohortSettings(overwrite=True))
    assert len(summary.done) == 4
    assert all(written(output)[name] > before[name] for name in before)


def stop_at(case, cancel):
    def tell(fraction, sentence):
        if sentence.startswith(f"{case}: Segmenting"):
            cancel.cancel()

    return tell


def test_a_stop_leaves_what_is_done_and_the_next_run_goes_on(cts, thresholds, tmp_path):
    output, cancel = tmp_path / "out", CancelToken()
    with pytest.raises(Cancelled):
        cohort.segment_cohort(
            cts, output, thresholds, device="cpu", progress=stop_at("volume-1", cancel), cancel=cancel
        )
    assert sorted(written(output)) == ["volume-2.seg.nrrd", "volume-3.seg.nrrd"]
    assert [row["case"] for row in rows(output)] == ["volume-2", "volume-3"]
    assert hidden(output) == []
    assert len(cohort.segment_cohort(cts, output, thresholds, device="cpu").done) == 2


def test_a_replacement_that_was_stopped_goes_on_without_being_told_again(cts, thresholds, tmp_path):
    output, cancel = tmp_path / "out", CancelToken()
    cohort.segment_cohort(cts, output, thresholds, device="cpu")
    renamed = thresholds.description.model_copy(update={"name": "other"})
    other = dataclasses.replace(thresholds, description=renamed)
    again, tell = CohortSettings(overwrite=True), stop_at("volume-1", cancel)
    with pytest.raises(Cancelled):
        cohort.segment_cohort(cts, output, other, device="cpu", settings=again, progress=tell, cancel=cancel)
    summary = cohort.segment_cohort(cts, output, other, device="cpu")
    assert (sorted(summary.done), summary.skipped) == (["volume-0", "volume-1"], ("volume-3", "volume-2"))


def test_ranks_do_their_shares_and_another_number_of_ranks_goes_on(cts, thresholds, tmp_path):
    output = tmp_path / "out"
    first = cohort.segment_cohort(cts, output, thresholds, device="cpu", rank=Rank(0, 2))
    assert list(first.done) == ["volume-3", "volume-1"]
    assert len(rows(output)) == 2
    last = cohort.segment_cohort(cts, output, thresholds, device="cpu", rank=Rank(2, 3))
    assert (list(last.done), last.skipped) == ([], ("volume-1",))
    assert list(cohort.segment_cohort(cts, output, thresholds, device="cpu").done) == ["volume-2", "volume-0"]
    assert len(rows(output)) == 4


def test_dicom_series_are_cases(thresholds, tmp_path):
    for uid in ("1.2.3", "1.2.44"):
        write_series(tmp_path / "cts" / "patient", uid)
    cts, output = tmp_path / "cts", tmp_path / "out"
    summary = cohort.segment_cohort(
        cts, output, thresholds, device="cpu", settings=CohortSettings(force=True, format="nii.gz")
    )
    names = [f"patient-{hashlib.sha256(uid).hexdigest()[:6]}" for uid in (b"1.2.3", b"1.2.44")]
    assert sorted(summary.done) == sorted(names)
    assert labels(output / f"{names[1]}.nii.gz").shape == (6, 10, 12)


def test_progress_names_the_cases_and_never_goes_back(cts, thresholds, tmp_path):
    told = []
    cohort.segment_cohort(cts, tmp_path / "out", thresholds, device="cpu", progress=lambda *said: told.append(said))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert {"Case 1 of 4, volume-3: reading", "Case 4 of 4, volume-0: reading"} <= {sentence for _, sentence in told}


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_said_before_anything_is_done(cts, thresholds, tmp_path, device):
    with pytest.raises(UserError, match=device):
        cohort.segment_cohort(cts, tmp_path / "out", thresholds, device=device)
    assert not (tmp_path / "out").exists()
