"""The one way from a CT to its results, which every door takes with the same checks and warnings."""

import ast
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.cohort_cases import save, small_ct
from support.repository import LIBRARY

from LiverTumorSegLib import pipeline
from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models.store import load_model
from LiverTumorSegLib.reporting.lesions import measure_lesions
from LiverTumorSegLib.reporting.outputs import LabelFile, ProbabilityMaps, ReportFolder

STEPS = {
    "LiverTumorSegLib.inference.segment": {"segment"},
    "LiverTumorSegLib.inference.region": {"segment_region"},
    "LiverTumorSegLib.inference.composition": {"segment_with"},
    "LiverTumorSegLib.reporting.lesions": {"measure_lesions"},
}
OWN_STEPS = {
    "worker/commands.py: measure": "labels that were corrected by hand are measured again, not segmented",
    "worker/object_commands.py: open": "labels of an earlier result are measured, not segmented",
    "worker/follow_up_commands.py: _scan": "labels of two CTs that are compared are measured, not segmented",
    "cli/lesions.py: _measured": "lesions by points are measured with those of a file, whoever made these",
}


def imported(tree, package):
    """Module and name behind each name that a module under ``package`` imports."""
    names = {}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        parts = package.split(".")
        above = parts[: len(parts) + 1 - node.level] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        names |= {name.asname or name.name: (module, name.name) for name in node.names}
    return names


def steps_of(tree, package):
    """The functions of a module under ``package`` that segment or measure by themselves, whatever name they call."""
    names = imported(tree, package)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for call in (node.func for node in ast.walk(function) if isinstance(node, ast.Call)):
            module, name = "", ""
            if isinstance(call, ast.Name):
                module, name = names.get(call.id, ("", ""))
            elif isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name):
                module, name = ".".join(names.get(call.value.id, ())), call.attr
            if name in STEPS.get(module, ()):
                yield function.name


def test_no_door_segments_or_measures_by_itself():
    apps, found = LIBRARY / "apps", set()
    for path in apps.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        package = ".".join(["LiverTumorSegLib", *path.parent.relative_to(LIBRARY).parts])
        found |= {f"{path.relative_to(apps).as_posix()}: {name}" for name in steps_of(tree, package)}
    assert found == set(OWN_STEPS)


@pytest.mark.parametrize(
    "code",
    [
        "def door():\n    from ...inference.segment import segment as run\n    run(ct, model)",
        "from ...inference import segment\ndef door():\n    segment.segment(ct, model)",
        "from LiverTumorSegLib.inference.region import segment_region\ndef door():\n    segment_region(ct)",
        "from ...reporting import lesions\ndef door():\n    lesions.measure_lesions(labels, ct)",
    ],
)
def test_a_door_that_does_is_found(code):
    assert list(steps_of(ast.parse(code), "LiverTumorSegLib.apps.cli")) == ["door"]


@pytest.fixture
def ct(tmp_path):
    """A CT that gives rise to doubts: its slices are thick."""
    volume = small_ct()
    save(tmp_path / "ct.nii.gz", volume)
    return tmp_path / "ct.nii.gz"


def by_python(ct, output, model, **chosen):
    return pipeline.segment_file(ct, output, model=model, device="cpu", **chosen).warnings


def by_command_line(ct, output, model, run, **chosen):
    words = [f"--{name}" for name in chosen]
    code, said, complained = run("segment", ct, "-o", output, "-m", model, "--device", "cpu", "--json", *words)
    if code:
        raise UserError(complained)
    return tuple(json.loads(said)["warnings"])


def by_worker(ct, output, model, **chosen):
    asked = {"source": str(ct), "output": str(output), "model": str(model), "device": "cpu", "options": {}, **chosen}
    return tuple(Commands().run("segment_file", asked, Job())["warnings"])


def test_every_door_gives_the_same_labels_and_warnings(ct, model_folder, tmp_path, run):
    told = {
        "python": by_python(ct, tmp_path / "python.seg.nrrd", model_folder),
        "line": by_command_line(ct, tmp_path / "line.seg.nrrd", model_folder, run),
        "worker": by_worker(ct, tmp_path / "worker.seg.nrrd", model_folder),
    }
    shutil.copy(ct, (tmp_path / "cts").mkdir() or tmp_path / "cts" / "cohort.nii.gz")
    summary = cohort.segment_cohort(tmp_path / "cts", tmp_path, load_model(model_folder), device="cpu")
    told["cohort"] = summary.done["cohort"].warnings
    assert "Its slices lie 15.0 mm apart: small lesions are missed." in told["python"]
    assert set(told.values()) == {told["python"]}
    assert len({(tmp_path / f"{name}.seg.nrrd").read_bytes() for name in told}) == 1


def test_doubts_about_the_measures_reach_the_panels(ct, model_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.reporting.lesions.LARGEST_LIVER_ML", -1)
    volume = volumes.read_volume(ct)
    arrays.write(tmp_path / "ct.nrrd", volume.voxels, volume.affine)
    asked = {"volume": str(tmp_path / "ct.nrrd"), "labels": str(tmp_path / "labels.nrrd"), "options": {}}
    answer = Commands().run("segment", {**asked, "model": str(model_folder), "device": "cpu"}, Job())
    assert any(sentence.endswith("cannot be: the model has not found it.") for sentence in answer["warnings"])


def test_no_door_writes_over_the_ct(ct, model_folder, run):
    before = ct.read_bytes()
    for door in (by_python, by_worker, lambda *given, **chosen: by_command_line(*given, run, **chosen)):
        with pytest.raises(UserError, match="is the CT itself: choose another"):
            door(ct, ct, model_folder, overwrite=True)
    assert ct.read_bytes() == before


class Noting:
    """An output that notes what is asked of it."""

    stage = "Writing nothing"

    def __init__(self, on_write=lambda: None):
        self.asked, self.on_write = [], on_write

    def files(self, marks):
        return [] if marks else None

    def check(self, marks, source):
        self.asked.append(("check", source, marks))

    def check_volume(self, volume):
        self.asked.append(("check_volume", volume.voxels.shape))

    def write(self, found, table):
        self.asked.append(("write", table.with_origins({}) == measure_lesions(found.labels, found.volume)))
        self.on_write()
        return ("A remark.",)


def test_outputs_are_checked_before_the_work_and_written_after_it(ct, thresholds):
    output, told = Noting(), []
    result = pipeline.run(
        pipeline.CTFile(ct),
        thresholds,
        [output],
        device="cpu",
        job=Job(lambda at, words: (told.append(at), output.asked.append(words))),
    )
    asked = [entry if isinstance(entry, str) else entry[0] for entry in output.asked]
    order = ["check", "Reading the volume", "check_volume", "Cleaning up", "Measuring lesions", "Writing nothing"]
    assert [word for word in asked if word in order] == order
    assert asked[-3:] == ["Writing nothing", "write", "Done"]
    assert ("check", ct, thresholds.description.labels) in output.asked
    assert ("write", True) in output.asked
    assert told == sorted(told)
    assert result.warnings[-1] == "A remark."


def test_a_refused_output_stops_before_the_ct_is_read(ct, thresholds, tmp_path, monkeypatch):
    monkeypatch.setattr(volumes, "read_volume", lambda *_, **__: pytest.fail("the CT was read"))
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "lesions.csv").touch()
    with pytest.raises(UserError, match="exists already"):
        pipeline.run(pipeline.CTFile(ct), thresholds, [ReportFolder(tmp_path / "report")], device="cpu")


def test_a_stop_before_the_first_file_leaves_none_and_a_later_one_comes_too_late(ct, thresholds, tmp_path):
    cancel = CancelToken()
    stop = Job(lambda _, words: cancel.cancel() if words == "Measuring lesions" else None, cancel)
    with pytest.raises(Cancelled):
        pipeline.run(pipeline.CTFile(ct), thresholds, [LabelFile(tmp_path / "out.nii.gz")], device="cpu", job=stop)
    assert not (tmp_path / "out.nii.gz").exists()
    cancel = CancelToken()
    outputs = [Noting(cancel.cancel), LabelFile(tmp_path / "out.nii.gz")]
    result = pipeline.run(pipeline.CTFile(ct), thresholds, outputs, device="cpu", job=Job(cancel=cancel))
    assert result.files == (tmp_path / "out.nii.gz",)
    assert (tmp_path / "out.nii.gz").is_file()


def test_maps_are_written_without_asking_for_probabilities_twice(ct, thresholds, tmp_path):
    outputs = [ProbabilityMaps(tmp_path / "maps", "ct")]
    result = pipeline.run(pipeline.CTFile(ct), thresholds, outputs, device="cpu", options=SegmentationOptions())
    assert sorted(os.listdir(tmp_path / "maps")) == ["ct_lesion.nii.gz", "ct_liver.nii.gz"]
    assert set(result.segmentation.probabilities) == {"liver", "lesion"}


def test_a_ct_in_memory_gives_what_its_file_gives_also_in_a_part(ct, thresholds, tmp_path):
    volume = volumes.read_volume(ct)
    whole = pipeline.segment(volume, thresholds, device="cpu")
    filed = pipeline.segment_file(ct, model=thresholds, device="cpu")
    assert whole.labels.any()
    assert np.array_equal(whole.labels, filed.labels)
    assert (whole.lesions, whole.warnings, filed.files) == (filed.lesions, filed.warnings, ())
    inside = np.zeros(volume.voxels.shape, bool)
    inside[:6] = True
    part = pipeline.segment(volume, thresholds, device="cpu", inside=inside)
    assert part.labels[:6].any()
    assert not part.labels[6:].any()


def test_files_are_named_in_the_result(ct, model_folder, tmp_path):
    result = pipeline.segment_file(
        ct, tmp_path / "out.nii", model=model_folder, device="cpu", report=tmp_path / "r", probabilities=tmp_path / "p"
    )
    written = {path for path in tmp_path.rglob("*") if path.is_file() and path.parent != model_folder} - {ct}
    assert set(result.files) == written
    assert Path(result.files[0]).name == "out.nii"
