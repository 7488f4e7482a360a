import json
import os
import shutil

import nibabel
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from support.dataset_cases import ct, labels, volume, write_ircadb, write_lits, write_msd, write_slices
from support.evaluation_cases import save
from support.training_cases import make_volumes
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import cache, layouts, sources, volumes
from LiverTumorSegLib.datasets.volumes import ScanRequest, VolumeSource, read_patients, read_scan
from LiverTumorSegLib.preprocessing import Chain

CHAIN = Chain.model_validate([{"step": "window", "level": 0, "width": 400}])
SOURCE = VolumeSource(volumes="set")
QUIET = {"say": lambda _: None, "job": Job()}


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


def wanted(root, source=SOURCE, chain=CHAIN):
    return [ScanRequest(scan, source, chain) for scan in volumes.find(source, root)[0]]


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (write_lits, ["volume-2", "volume-10"]),
        (write_msd, ["liver_2", "liver_10"]),
        (write_ircadb, ["3Dircadb1.2", "3Dircadb1.10"]),
    ],
)
def test_every_data_set_of_cts_becomes_patients(tmp_path, write, names):
    for number in (10, 2):
        write(tmp_path / "set", number)
    patients = read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)
    assert [patient.name for patient in patients] == names
    for patient, number in zip(patients, (2, 10), strict=True):
        assert patient.numbers.tolist() == list(range(8))
        assert patient.slice_mm == pytest.approx(2.0)
        greys = np.rint((ct(number) + 200) / 400 * 255)
        assert np.abs(patient.pixels[:, 0].numpy() - greys).max() <= 1
        assert np.array_equal(patient.labels.numpy(), labels())
        assert patient.overview.shown.tolist() == [0, 1, 2, 2, 1, 2, 1, 0]


@pytest.mark.parametrize("spacing_mm", [None, (3.0, 1.3, 1.1)])
@pytest.mark.parametrize(("axes", "flips"), [((0, 1, 2), (1, 1, 0)), ((2, 0, 1), (0, 1, 1)), ((1, 2, 0), (1, 0, 0))])
def test_a_turned_file_gives_the_patient_of_the_one_not_turned(tmp_path, axes, flips, spacing_mm):
    write_lits(tmp_path / "set", 0)
    turned, marked = (reordered(volume(array), axes, flips) for array in (ct(0), labels().astype(np.int16)))
    write_lits(tmp_path / "set", 1, turned.voxels, marked.voxels.astype(np.uint8), turned.affine)
    asked = [each._replace(spacing_mm=spacing_mm) for each in wanted(tmp_path)]
    straight, other = read_patients(asked, tmp_path / "cache", **QUIET)
    assert torch.equal(straight.pixels, other.pixels)
    assert torch.equal(straight.labels, other.labels)
    assert straight.slice_mm == pytest.approx(other.slice_mm)


def test_every_third_slice_keeps_its_number(tmp_path):
    write_lits(tmp_path / "set", 0)
    (whole,) = map(read_scan, wanted(tmp_path))
    (third,) = map(read_scan, wanted(tmp_path, VolumeSource(volumes="set", every=3, lesions_apart=False)))
    assert third.numbers.tolist() == [0, 3, 6]
    assert torch.equal(third.pixels, whole.pixels[::3])
    assert torch.equal(third.labels, whole.labels[::3])
    assert (third.slice_mm, third.lesions_apart) == (whole.slice_mm, False)
    assert third.neighbours(1, 6.0, 3) == [0, 1, 2]  # 6 mm are three slices of 2 mm


def test_labels_follow_what_the_chain_resizes(tmp_path):
    write_lits(tmp_path / "set", 0)
    (patient,) = map(
        read_scan, wanted(tmp_path, chain=Chain.model_validate([{"step": "resize", "height": 10, "width": 12}]))
    )
    assert patient.pixels.shape == (8, 1, 10, 12)
    assert np.array_equal(patient.labels.numpy(), labels()[:, 1::2, 1::2])


def test_a_scan_is_read_once(tmp_path, monkeypatch):
    write_lits(tmp_path / "set", 0)
    told = []
    cold = read_patients(wanted(tmp_path), tmp_path / "cache", say=told.append, job=Job())
    assert told == [f"1 CT will be read once; the cache in {tmp_path / 'cache'} grows by less than 1 MB."]
    monkeypatch.setattr(volumes, "read_scan", None)
    warm = read_patients(wanted(tmp_path), tmp_path / "cache", say=told.append, job=Job())
    assert len(told) == 1
    assert torch.equal(cold[0].pixels, warm[0].pixels)


@pytest.mark.parametrize(("every", "spacing_mm"), [(3, None), (1, (9.0, 8.0, 7.0))])
def test_what_it_costs_is_what_it_takes(tmp_path, every, spacing_mm):
    make_volumes(tmp_path)
    for steps in (CHAIN.model_dump(), [{"step": "z_score", "over": "volume"}, {"step": "resample", "spacing_mm": 7}]):
        found = wanted(tmp_path, VolumeSource(volumes="LITS", every=every), Chain.model_validate(steps))
        asked = [each._replace(spacing_mm=spacing_mm) for each in found]
        read_patients(asked, tmp_path / "cache", **QUIET)
        for each in asked:
            patient = cache.load(tmp_path / "cache" / each.key)
            assert volumes._bytes_of(each) == patient.pixels.nbytes + patient.labels.nbytes


def test_the_headers_grid_is_that_of_the_axial_view(tmp_path):
    turned = reordered(volume(), (2, 0, 1), (0, 1, 1))
    write_lits(tmp_path / "LITS", 0, turned.voxels, turned.voxels * 0, turned.affine)
    write_ircadb(tmp_path / "IRCADB", 1)
    for folder in ("LITS", "IRCADB"):
        (scan,) = volumes.find(VolumeSource(volumes=folder), tmp_path)[0]
        shape, spacing = scan.grid()
        assert shape == (8, 20, 24)
        assert spacing == pytest.approx((2.0, 0.9, 0.8))


@pytest.mark.parametrize("change", ["chain", "every", "ct", "labels"])
def test_other_chains_options_and_files_have_other_entries(tmp_path, change):
    write_lits(tmp_path / "set", 0)
    before = wanted(tmp_path)[0].key
    source, chain = SOURCE, CHAIN
    if change == "chain":
        chain = Chain.model_validate([{"step": "window", "level": 1, "width": 400}])
    elif change == "every":
        source = VolumeSource(volumes="set", every=2)
    else:
        os.utime(tmp_path / "set" / f"{'volume' if change == 'ct' else 'segmentation'}-0.nii", ns=(1, 1))
    assert wanted(tmp_path, source, chain)[0].key != before
    assert wanted(tmp_path, source, chain)[0].key == wanted(tmp_path, source, chain)[0].key


def test_a_resampled_scan_has_the_wanted_spacing_and_an_entry_of_its_own(tmp_path):
    write_lits(tmp_path / "set", 0)
    (slices,) = wanted(tmp_path)
    resampled = slices._replace(spacing_mm=(4.0, 1.8, 1.6))
    assert len({each.key for each in (slices, resampled, resampled._replace(spacing_mm=(4.0, 1.6, 1.8)))}) == 3
    (patient,) = read_patients([resampled], tmp_path / "cache", **QUIET)
    assert patient.pixels.shape == (4, 1, 10, 12)
    assert (patient.slice_mm, patient.numbers.tolist()) == (pytest.approx(4.0), [0, 1, 2, 3])


def test_a_damaged_entry_is_made_again(tmp_path):
    write_lits(tmp_path / "set", 0)
    (first,) = read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)
    (file,) = (tmp_path / "cache").glob("*/pixels.npy")
    expected = first.pixels.clone()
    file.unlink()
    file.write_bytes(b"rubbish")
    (again,) = read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)
    assert torch.equal(again.pixels, expected)


def test_a_full_disk_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    write_lits(tmp_path / "set", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 5))
    monkeypatch.setattr(volumes, "read_scan", None)
    with pytest.raises(UserError, match=r"needs less than 1 MB more, but its disk has less than 1 MB left"):
        read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)


def test_a_scan_that_cannot_be_read_is_named_and_the_others_are_kept(tmp_path):
    for number in range(3):
        write_lits(tmp_path / "set", number)
    (tmp_path / "set" / "volume-1.nii").write_bytes(b"rubbish")
    with pytest.raises(
        UserError, match=r"volume-1 cannot be used for training: .*volume-1\.nii is not a NIfTI"
    ) as caught:
        read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)
    assert "\n" not in str(caught.value)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_labels_of_another_grid_are_refused_by_name(tmp_path):
    write_lits(tmp_path / "set", 0, marked=labels()[:, :-1])
    with pytest.raises(UserError, match="volume-0 cannot be used for training: .*does not lie on its CT's voxels"):
        read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)


def test_progress_counts_the_cts_and_stopping_keeps_what_was_read(tmp_path):
    for number in range(3):
        write_lits(tmp_path / "set", number)
    seen, cancel = [], CancelToken()

    def progress(fraction, sentence):
        seen.append((fraction, sentence))
        if "1 of 3" in sentence:
            cancel.cancel()

    with pytest.raises(Cancelled):
        read_patients(wanted(tmp_path), tmp_path / "cache", say=seen.append, job=Job(progress, cancel))
    assert seen[1:] == [(0.0, "Reading the CTs: 0 of 3"), (0.0, "Reading the CTs: 1 of 3")]
    assert 1 <= len(list((tmp_path / "cache").iterdir())) < 3


def test_several_cores_read_the_same(tmp_path, monkeypatch):
    for number in range(8):
        write_lits(tmp_path / "set", number)
    alone = read_patients(wanted(tmp_path), tmp_path / "alone", **QUIET)
    asked, run = [], volumes.for_each
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(volumes, "for_each", lambda *given: (asked.append(given[2]), run(*given))[1])
    together = read_patients(wanted(tmp_path), tmp_path / "together", **QUIET)
    assert asked == [2]
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(alone, together, strict=True))


def test_what_is_left_out_is_found_and_slice_pictures_are_no_cts(tmp_path):
    write_lits(tmp_path / "set", 0)
    save(tmp_path / "set" / "volume-7.nii", ct(), dtype=np.int16)
    scans, left_out = volumes.find(SOURCE, tmp_path)
    assert [scan.name for scan in scans] == ["volume-0"]
    assert [(each.name, each.reason) for each in left_out] == [("volume-7", "it has no segmentation")]
    write_slices(tmp_path / "pictures", "volume-1")
    with pytest.raises(UserError, match="holds slice pictures, not CTs: name it as folder"):
        volumes.find(VolumeSource(volumes="pictures"), tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        volumes.find(VolumeSource(volumes="gone"), tmp_path)


@pytest.mark.parametrize("entry", [{"volumes": "a", "every": 0}, {"volumes": "a", "folder": "b"}, {}])
def test_a_source_is_strict(entry):
    with pytest.raises(ValidationError):
        VolumeSource.model_validate(entry)


def test_a_tilted_ct_costs_no_error(tmp_path):
    affine = volume().affine.copy()
    affine[1, 2] = 0.4  # gantry tilt
    sheared = Volume(ct(), affine)
    write_lits(tmp_path / "set", 0, sheared.voxels, affine=affine)
    assert nibabel.load(tmp_path / "set" / "volume-0.nii").affine == pytest.approx(affine)
    (patient,) = read_patients(wanted(tmp_path), tmp_path / "cache", **QUIET)
    assert len(patient.pixels) == 8


def test_what_a_damaged_header_hides_costs_nothing_and_reading_says_so(tmp_path, monkeypatch):
    write_ircadb(tmp_path / "set", 1)
    (asked,) = wanted(tmp_path)
    monkeypatch.setattr(layouts.sitk.ImageFileReader, "ReadImageInformation", _fail)
    with pytest.raises(UserError, match="PATIENT_DICOM holds images that are damaged: unzip"):
        asked.scan.grid()
    assert volumes._bytes_of(asked) == 0


def _fail(_reader):
    msg = "no header"
    raise RuntimeError(msg)


def test_what_a_gpu_preprocessed_is_an_entry_of_its_own(tmp_path):
    scan, source, chain, *_ = wanted(make_volumes(tmp_path, [0]), VolumeSource(volumes="LITS"))[0]
    keys = {ScanRequest(scan, source, chain, None, device).key for device in ("cpu", "cuda:0", "cuda:1")}
    assert len(keys) == 2


@pytest.mark.parametrize("spacing_mm", [None, (4.0, 1.8, 1.6)])
def test_the_device_that_is_asked_for_preprocesses(tmp_path, monkeypatch, spacing_mm):
    write_lits(tmp_path / "set", 0)
    seen, name = [], "prepare_volume" if spacing_mm else "prepare"
    work = getattr(volumes, name)

    def on_the_cpu(*given, device, **more):
        seen.append(device)
        return work(*given, **more)

    monkeypatch.setattr(volumes, name, on_the_cpu)
    (asked,) = wanted(tmp_path)
    read_scan(asked._replace(spacing_mm=spacing_mm, device="cuda:1"))
    assert seen == [torch.device("cuda:1")]


def damaged_ct():
    """Slice 3 repeats the one below it."""
    voxels = ct(0).astype(np.int16)
    voxels[3] = voxels[2]
    return voxels


@pytest.mark.parametrize("every", [1, 2])
def test_damaged_slices_are_interpolated_or_left_out_where_that_is_asked_for(tmp_path, every):
    write_lits(tmp_path / "set", 0, damaged_ct())
    treated = {
        damaged: read_scan(wanted(tmp_path, VolumeSource(volumes="set", every=every, damaged=damaged))[0])
        for damaged in ("as-is", "interpolate", "leave-out")
    }
    assert treated["leave-out"].numbers.tolist() == [n for n in range(0, 8, every) if n != 3]
    as_is, mended = (treated[key].pixels.float() for key in ("as-is", "interpolate"))
    kept = [at for at, number in enumerate(treated["as-is"].numbers) if number != 3]
    assert torch.equal(mended[kept], as_is[kept])
    assert torch.equal(treated["leave-out"].pixels.float(), as_is[kept])
    assert torch.equal(treated["leave-out"].labels, treated["as-is"].labels[kept])
    if every == 1:
        assert (mended[3] - (as_is[2] + as_is[4]) / 2).abs().max() <= 1.5


def test_slices_of_nan_can_be_trained_on_once_they_are_interpolated(tmp_path):
    voxels = ct(0).astype(np.float32)
    voxels[3] = np.nan
    write_lits(tmp_path / "set", 0, voxels)
    with pytest.raises(UserError, match="NaN"):
        read_scan(wanted(tmp_path)[0])
    source = VolumeSource(volumes="set", damaged="interpolate")
    assert read_scan(wanted(tmp_path, source)[0]).pixels.isfinite().all()
    volume, marked = sources.read(source, tmp_path, "volume-0")
    assert volume.voxels.shape == marked.shape


def test_an_entry_of_the_cache_from_before_damaged_slices_could_be_treated_is_still_found(tmp_path):
    write_lits(tmp_path / "set", 0)
    (as_is,) = wanted(tmp_path)
    options = json.dumps({"lesions_apart": True, "every": 1}, separators=(",", ":"))
    assert as_is.key == cache.key(as_is.scan.sources, "volume-0", CHAIN.to_json(), options)
    (other,) = wanted(tmp_path, VolumeSource(volumes="set", damaged="interpolate"))
    assert len({as_is.key, other.key, as_is._replace(spacing_mm=(2, 2, 2)).key}) == 3


def test_a_resampled_volume_is_cropped_or_padded_and_has_an_entry_of_its_own(tmp_path):
    write_lits(tmp_path / "set", 0)
    whole = wanted(tmp_path)[0]._replace(spacing_mm=(2.0, 1.0, 1.0))
    framed = whole._replace(frame=(4, 16, 200))
    assert framed.key != whole.key
    patient = read_scan(framed)
    assert tuple(patient.labels.shape) == (4, 16, 200)
    assert tuple(patient.pixels.shape) == (4, 1, 16, 200)
    assert patient.slice_mm == read_scan(whole).slice_mm
