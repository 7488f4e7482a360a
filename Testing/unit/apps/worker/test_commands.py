import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from support import dicom_slices, enhanced_dicom
from support.lesion_scores import model_with_scores
from support.models import describe

from LiverTumorSegLib import networks
from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import store
from LiverTumorSegLib.models.description import Description, NetworkSpec
from LiverTumorSegLib.models.model_folder import load, save
from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))


@pytest.fixture
def ct_file(small_phantom, tmp_path):
    arrays.write(tmp_path / "ct.nrrd", small_phantom.volume.voxels, small_phantom.volume.affine)
    return tmp_path / "ct.nrrd"


def run(command, **arguments):
    told = []
    answer = Commands().run(command, arguments, Job(lambda fraction, sentence: told.append(fraction)))
    assert told == sorted(told)
    return answer


def segmented(ct_file, **arguments):
    chosen = {"model": "unet-lits", "device": "cpu", "options": {"precision": "float32"}} | arguments
    return run("segment", volume=str(ct_file), labels=str(ct_file.with_name("labels.nrrd")), **chosen)


def unjudged(table):
    """A lesion table without what labels alone don't give: probabilities and origins."""
    return table | {"lesions": [lesion | {"probability": None, "origin": None} for lesion in table["lesions"]]}


def test_segmenting_gives_what_the_library_gives(ct_file, small_phantom):
    answer = segmented(ct_file)
    labels, affine = arrays.read(ct_file.with_name("labels.nrrd"))
    direct = segment(volumes.read_volume(ct_file), load(store.find_model()), "cpu")
    assert dice(labels > 0, direct.labels > 0) > 0.995  # float32 against the device's own precision
    assert np.allclose(affine, small_phantom.volume.affine)
    table = measure_lesions(labels.clip(0, 2).astype(np.uint8), small_phantom.volume).to_dict()
    assert unjudged(answer["table"]) == table
    assert labels.max() == 1 + table["lesion_count"]
    assert answer["run"]["device"] == "cpu, float32"
    assert answer["run"]["model"] == "unet-lits"
    assert answer["warnings"] == []


def test_nothing_is_found_where_it_is_not_inside(ct_file, small_phantom):
    inside = np.zeros(small_phantom.labels.shape, np.uint8)
    inside[:20, :, 30:60] = 1
    arrays.write(ct_file.with_name("inside.nrrd"), inside, small_phantom.volume.affine)
    answer = segmented(ct_file, inside=str(ct_file.with_name("inside.nrrd")))
    labels, _ = arrays.read(ct_file.with_name("labels.nrrd"))
    assert labels.any()
    assert not labels[inside == 0].any()
    voxels = np.count_nonzero(labels)
    assert answer["table"]["liver_ml"] == pytest.approx(voxels * small_phantom.volume.voxel_ml, abs=1e-3)


def test_options_change_the_result(ct_file):
    nothing = {"postprocessing": {"smallest_liver_ml": 9000.0}}
    answer = segmented(ct_file, options=nothing)
    assert answer["table"]["liver_ml"] == 0
    assert "No liver was found." in answer["warnings"]
    assert answer["run"]["options"]["postprocessing"]["smallest_liver_ml"] == 9000
    assert answer["run"]["options"]["postprocessing"]["largest_liver"] is True


def test_a_file_becomes_a_file(ct_file, tmp_path):
    chosen = {"model": "unet-lits", "device": "cpu", "options": {}}
    answer = run("segment_file", source=str(ct_file), output=str(tmp_path / "out.seg.nrrd"), **chosen)
    assert (tmp_path / "out.seg.nrrd").is_file()
    assert answer["table"]["liver_ml"] > 500
    with pytest.raises(UserError, match="exists already"):
        run("segment_file", source=str(ct_file), output=str(tmp_path / "out.seg.nrrd"), **chosen)


def test_relative_paths_are_of_the_clients_folder(ct_file, model_folder, tmp_path):
    for name in ("mine", "unet-lits"):  # a model's name comes before a folder
        shutil.copytree(model_folder, tmp_path / "here" / name)
    commands, task = Commands(tmp_path / "here"), Job(lambda *_: None)
    chosen = {"source": "../ct.nrrd", "device": "cpu", "options": {}}
    commands.run("segment_file", chosen | {"output": "out.nrrd", "model": "mine"}, task)
    assert (tmp_path / "here" / "out.nrrd").is_file()
    assert commands._model("unet-lits").description.title != commands._model("mine").description.title
    assert commands.run("import_model", {"folder": "mine"}, task)["name"] in store.available_models()


SERIES_FILES = {*report_files.REPORT_FILES, "segmentation.dcm", "measurements.dcm"}


@pytest.fixture
def series_job(model_folder, tmp_path):
    """Segment a DICOM series into a folder."""
    images = dicom_slices.plain()
    for image in images:
        image.PixelSpacing = [8, 8]
    dicom_slices.write(images, tmp_path / "series")
    told = {"model": str(model_folder), "device": "cpu", "made": "2026-01-02T03:04:05+00:00", "lesion_segments": "all"}

    def job(**changes):
        places = {"source": str(tmp_path / "series"), "folder": str(tmp_path / "result"), "options": {}}
        return run("segment_series", **places | told | changes)

    return job


def test_stacks_of_an_enhanced_ct_are_said_without_what_tells_of_the_patient(series_job, tmp_path):
    slices = [*dicom_slices.plain(), *dicom_slices.plain(seed=8)]
    one = enhanced_dicom.enhanced(slices, ["1"] * 6 + ["2"] * 6)
    source = enhanced_dicom.write(one, tmp_path / "enhanced" / "1.dcm").parent
    with pytest.raises(UserError) as error:
        series_job(source=str(source))
    assert str(error.value).startswith(
        f"{source} holds 2 stacks of slices in one series (stack1 of 6 images, stack2 of"
    )
    assert "1.2.32" not in str(error.value)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_series_becomes_a_folder_of_objects_and_a_report_and_again_the_same(series_job, tmp_path):
    answer = series_job()
    assert {Path(file) for file in answer["files"]} == {tmp_path / "result" / name for name in SERIES_FILES}
    assert set(content(tmp_path / "result")) == SERIES_FILES
    dataset = pydicom.dcmread(tmp_path / "result" / "segmentation.dcm")
    assert (dataset.PatientID, dataset.ContentDate, dataset.ContentTime[:6]) == ("1", "20260102", "030405")
    assert json.loads((tmp_path / "result" / "lesions.json").read_text())["liver_ml"] == answer["table"]["liver_ml"]
    assert answer["run"]["model"] == "tiny"
    _is_made_anew_the_same(series_job, tmp_path)


def test_a_series_has_the_same_uids_on_every_machine_at_any_time(series_job, tmp_path):
    uids = set()
    for year in ("2026", "2027"):
        folder = tmp_path / year
        series_job(made=f"{year}-01-02T03:04:05+00:00", folder=str(folder))
        uids.add(
            tuple(pydicom.dcmread(folder / name).SOPInstanceUID for name in ("segmentation.dcm", "measurements.dcm"))
        )
    assert len(uids) == 1


def _is_made_anew_the_same(series_job, tmp_path):
    """As after a kill."""
    before = content(tmp_path / "result")
    (tmp_path / "result" / "measurements.dcm").write_bytes(b"half")
    (tmp_path / "result" / "report.html").unlink()
    series_job()
    assert content(tmp_path / "result") == before


def test_a_series_goes_into_no_folder_of_other_things(series_job, tmp_path):
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "mine.txt").touch()
    with pytest.raises(UserError, match="holds mine.txt, which would be lost"):
        series_job()


def test_a_file_that_is_no_series_becomes_no_objects(series_job, tmp_path, small_phantom):
    write_volume(tmp_path / "ct.nii.gz", small_phantom.volume)
    with pytest.raises(UserError, match="give the folder of a DICOM series"):
        series_job(source=str(tmp_path / "ct.nii.gz"))
    assert not (tmp_path / "result").exists()


def test_corrected_labels_are_measured_and_numbered_anew(ct_file, small_phantom):
    labels = small_phantom.labels.copy()
    path = ct_file.with_name("labels.nrrd")
    labels[labels == 2] = 9  # any larger number is a lesion
    arrays.write(path, labels, small_phantom.volume.affine)
    answer = run("measure", volume=str(ct_file), labels=str(path))
    assert answer["table"] == measure_lesions(small_phantom.labels, small_phantom.volume).to_dict()
    assert arrays.read(path)[0].max() == 1 + answer["table"]["lesion_count"]


@pytest.fixture
def lesion_model(tmp_path):
    """A saved model of lesions alone with random weights."""
    torch.manual_seed(0)
    spec = NetworkSpec(name="unet", in_channels=1, classes=1, options={"features": [4, 4, 4, 4, 4, 4]})
    description = describe(network=spec, labels=("background", "lesion"))
    kept = {name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")}
    save(tmp_path / "alone", networks.create("unet", 1, 1, **spec.options), lambda d: d.title, **kept)
    return tmp_path / "alone"


def test_a_model_of_lesions_alone_says_nothing_of_the_liver_in_any_command(ct_file, small_phantom, lesion_model):
    answer = segmented(ct_file, model=str(lesion_model), liver_model="none")
    path, labels = ct_file.with_name("labels.nrrd"), np.where(small_phantom.labels == 2, 2, 0).astype(np.uint8)
    arrays.write(path, labels, small_phantom.volume.affine)
    pair = {"volume": str(ct_file), "labels": str(path)}
    again = run("measure", **pair, run=answer["run"])
    facts = answer["run"] | {"model": str(lesion_model)}
    written = run("report", **pair, run=facts, folder=str(ct_file.with_name("report")), overwrite=False)
    chosen = {"model": str(lesion_model), "liver_model": "none", "device": "cpu", "options": {}}
    filed = run("segment_file", source=str(ct_file), output=str(ct_file.with_name("out.nrrd")), **chosen)
    for given in (answer, again, written, filed):
        assert given["table"]["liver_ml"] is given["table"]["burden_percent"] is None
    assert again["table"]["lesion_count"] == 2
    arrays.write(path, labels, small_phantom.volume.affine)
    assert run("measure", **pair)["table"]["burden_percent"] == 100  # without a model the liver is known


def test_labels_on_another_grid_are_refused(ct_file):
    arrays.write(ct_file.with_name("other.nrrd"), np.ones((2, 3, 4), np.uint8), np.eye(4))
    with pytest.raises(UserError, match="not on the grid"):
        run("measure", volume=str(ct_file), labels=str(ct_file.with_name("other.nrrd")))


def test_the_report_is_written_from_what_segmenting_answered(ct_file, tmp_path):
    answer = segmented(ct_file)
    chosen = {"volume": str(ct_file), "labels": str(ct_file.with_name("labels.nrrd")), "run": answer["run"]}
    chosen |= {name: answer[name] for name in ("candidates", "marks")}
    written = run("report", **chosen, folder=str(tmp_path / "report"), overwrite=False)
    assert written["table"] == answer["table"]
    assert {path.rsplit("/", 1)[1] for path in written["files"]} == report_files.REPORT_FILES
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "unet-lits" in page
    assert '<span class="ct">' not in page
    named = {"ct_name": "case 7", "ct_date": "2026-03-14"}
    run("report", **chosen, **named, folder=str(tmp_path / "report"), overwrite=True)
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert '<span class="ct">: case 7, 2026-03-14</span>' in page
    with pytest.raises(UserError, match="exists already"):
        run("report", **chosen, folder=str(tmp_path / "report"), overwrite=False)


def test_the_preview_is_what_the_network_sees(ct_file):
    answer = run("preview", volume=str(ct_file), image=str(ct_file.with_name("image.nrrd")), model="unet-lits")
    image, _ = arrays.read(ct_file.with_name("image.nrrd"))
    assert answer["steps"] == ["window", "resample"]
    assert image.dtype == np.float32
    assert 0 <= image.min() < image.max() <= 1


def test_models_are_described_the_default_first_and_broken_ones_with_the_reason(model_folder, tmp_path):
    assert run("import_model", folder=str(model_folder)) == {"name": "tiny"}
    broken = tmp_path / "models" / "broken"
    broken.mkdir()
    (broken / "model.json").write_text("{}")
    first, second, of_clicks, third = run("models")["models"]
    assert (first["name"], first["ships"], first["licence"]) == ("unet-lits", True, "CC-BY-NC-SA-4.0")
    assert first["accuracy"].startswith("Mean Dice: liver 0.9")
    assert "is not a valid model description" in second["error"]
    assert (of_clicks["name"], of_clicks["clicks"], of_clicks["ships"]) == ("lesion-click", True, True)
    assert (third["title"], third["ships"], third["accuracy"]) == ("A tiny model", False, "")
    assert run("remove_model", name="tiny") == {"name": "tiny"}
    assert len(run("models")["models"]) == 3


def test_a_model_is_loaded_once_and_again_when_it_changed(model_folder):
    commands = Commands()
    first = commands._model(str(model_folder))
    assert commands._model(str(model_folder)) is first
    card = model_folder / "README.md"
    card.write_text(card.read_text() + "changed")
    assert commands._model(str(model_folder)) is not first


def test_devices_are_listed():
    assert run("devices")["devices"][-1]["name"] == "cpu"


def test_an_unknown_command_names_the_known():
    with pytest.raises(UserError, match="no command “dance”: give one of segment,"):
        run("dance")


def test_an_address_that_is_none_is_refused():
    with pytest.raises(UserError, match="https"):
        run("download_model", url="m.zip", sha256="0" * 64)


@pytest.fixture
def scored(ct_file, tmp_path):
    """The answer of a model with lesion scores, when many false lesions are put up with."""
    folder = model_with_scores(tmp_path)
    return segmented(ct_file, model=str(folder), options={"postprocessing": {"sensitivity": 5}})


def measured(ct_file, answer, **arguments):
    labels = str(ct_file.with_name("labels.nrrd"))
    given = {name: answer[name] for name in ("run", "candidates", "marks")} | arguments
    return run("measure", volume=str(ct_file), labels=labels, **given)


def test_other_candidates_are_lesions_at_once_and_back_again(ct_file, scored):
    assert [point["false_per_patient"] for point in scored["run"]["points"]] == [0, 0.5, 2]
    strict = measured(ct_file, scored, sensitivity=0)
    assert strict["table"]["lesion_count"] < scored["table"]["lesion_count"]
    assert strict["run"]["options"]["postprocessing"]["sensitivity"] == 0
    back = measured(ct_file, scored | {name: strict[name] for name in ("run", "candidates", "marks")}, sensitivity=5)
    assert back["table"] == scored["table"]


def test_measuring_again_keeps_what_is_said_of_each_lesion(ct_file, scored):
    assert measured(ct_file, scored)["table"] == scored["table"]
    assert all(lesion["probability"] for lesion in scored["table"]["lesions"])
    painted, affine = arrays.read(ct_file.with_name("labels.nrrd"))
    arrays.write(ct_file.with_name("labels.nrrd"), np.where(painted > 1, 1, painted), affine)
    assert measured(ct_file, scored)["table"]["lesion_count"] == 0


def test_a_model_without_scores_answers_without_candidates(ct_file, model_folder):
    answer = segmented(ct_file, model=str(model_folder))
    assert (answer["candidates"], answer["run"]["points"]) == ("", [])


def test_candidates_of_another_ct_are_no_candidates_but_cannot_be_chosen_from(ct_file, scored):
    other = scored["candidates"].replace('"shape": [', '"shape": [1, ')
    assert {x["probability"] for x in measured(ct_file, scored, candidates=other)["table"]["lesions"]} == {None}
    with pytest.raises(UserError, match="of another CT"):
        measured(ct_file, scored, candidates=other, sensitivity=0)


def test_the_report_says_how_likely_each_lesion_is(ct_file, scored, tmp_path):
    labels = str(ct_file.with_name("labels.nrrd"))
    run(
        "report",
        volume=str(ct_file),
        labels=labels,
        run=scored["run"],
        folder=str(tmp_path / "report"),
        overwrite=False,
        candidates=scored["candidates"],
    )
    content = json.loads((tmp_path / "report" / "lesions.json").read_text())
    assert [x["probability"] for x in content["lesions"]] == [x["probability"] for x in scored["table"]["lesions"]]


def test_dicom_objects_are_written_of_corrected_labels_for_the_images_of_the_ct(tmp_path):
    files = dicom_slices.write(dicom_slices.plain(), tmp_path / "series")
    volume = volumes.read_volume(tmp_path / "series", force=True)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[1:5, 3:14, 2:18], labels[2:4, 8:11, 5:9] = 1, 2
    arrays.write(tmp_path / "ct.nrrd", volume.voxels, volume.affine)
    arrays.write(tmp_path / "labels.nrrd", labels, volume.affine)
    facts = {"model": "unet-lits", "device": "cpu", "notes": [], "seconds": 1.0, "options": {"postprocessing": None}}
    pair = {"volume": str(tmp_path / "ct.nrrd"), "labels": str(tmp_path / "labels.nrrd"), "run": facts}
    chosen = pair | {"images": [str(file) for file in files], "folder": str(tmp_path / "objects")}
    answer = run("write_objects", **chosen)
    assert sorted(Path(file).name for file in answer["files"]) == ["measurements.dcm", "segmentation.dcm"]
    segments = pydicom.dcmread(tmp_path / "objects" / "segmentation.dcm")
    assert segments.StudyInstanceUID == "1.2.9"
    first = segments.pixel_array[0] if segments.pixel_array.ndim == 3 else segments.pixel_array
    assert first.shape == labels.shape[1:]
    shown = {
        item.ReferencedSOPInstanceUID
        for series in segments.ReferencedSeriesSequence
        for item in series.ReferencedInstanceSequence
    }
    assert shown <= {one.SOPInstanceUID for one in map(pydicom.dcmread, files)}
    with pytest.raises(UserError, match="exists already"):
        run("write_objects", **chosen)
    again = chosen | {"folder": str(tmp_path / "again"), "corrected": True, "predecessor": answer["report"]}
    report = pydicom.dcmread(run("write_objects", **again)["files"][-1])
    named = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == answer["report"]["instance"]
    assert "corrected" in report.SeriesDescription


def test_the_cts_of_a_folder_are_found_without_those_that_were_made_of_them(ct_file, small_phantom, tmp_path):
    write_volume(tmp_path / "in" / "sub" / "one.nii.gz", small_phantom.volume)
    write_volume(tmp_path / "in" / "out" / "one.nii.gz", small_phantom.volume)
    dicom_slices.write(dicom_slices.plain(), tmp_path / "in" / "series")
    answer = run("find_cases", folder=str(tmp_path / "in"), without=str(tmp_path / "in" / "out"))
    found = {case["name"]: case for case in answer["cases"]}
    assert set(found) == {"one", "series"}
    assert found["series"]["series"] == "1.2.3"
    assert Path(found["one"]["path"]) == tmp_path / "in" / "sub" / "one.nii.gz"


def test_a_series_of_a_folder_is_segmented(tmp_path):
    dicom_slices.write(dicom_slices.plain(), tmp_path / "in", name="one")
    dicom_slices.write(dicom_slices.plain("1.2.4", seed=1, count=4), tmp_path / "in", name="two")
    chosen = {"source": str(tmp_path / "in"), "model": "unet-lits", "device": "cpu", "options": {}}
    run("segment_file", output=str(tmp_path / "four.nrrd"), series="1.2.4", **chosen)
    assert volumes.read_volume(tmp_path / "four.nrrd", force=True).voxels.shape[0] == 4
    with pytest.raises(UserError, match="several series"):
        run("segment_file", output=str(tmp_path / "any.nrrd"), **chosen)
