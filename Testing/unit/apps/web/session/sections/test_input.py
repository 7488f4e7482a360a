import asyncio
import shutil
import sys
import zipfile

import numpy as np
import pytest
from support import dicom_slices
from support.web_session import built, session, web_page  # noqa: F401

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume

SHAPE, SPACING = (12, 24, 28), (20.0, 16.0, 16.0)


@pytest.fixture
def source(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.input import SourceSection

    return built(SourceSection, session)


def run(coroutine):
    return asyncio.get_event_loop().run_until_complete(coroutine)


def uploaded(session, *names):  # noqa: F811
    """CTs as the front has written them, each with another seed."""
    folder = session.folder / "uploads" / "batch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    volumes = [phantom.create(SHAPE, SPACING, seed=seed).volume for seed in range(len(names))]
    for name, volume in zip(names, volumes, strict=True):
        write_volume(folder / name, volume)
    return folder, volumes


def test_what_has_arrived_is_in_the_views_and_no_longer_on_disk(session, source):  # noqa: F811
    import slicer

    folder, (volume,) = uploaded(session, "liver of today.nii.gz")
    run(source.arrived("batch"))
    assert not folder.exists()
    assert np.array_equal(slicer.util.arrayFromVolume(session.volume), volume.voxels)
    shown = {view.get_background_volume_id() for view in session.scene.view_manager.get_slice_views()}
    assert shown == {session.volume.GetID()}
    state = session.state
    assert (state.ct_name, state.ct_error, state.opening) == ("liver of today", "", "")
    assert state.ct_size == "28 × 24 × 12 voxels of 16.00 × 16.00 × 20.00 mm"
    assert any("16.0 mm wide" in warning for warning in state.ct_warnings)


def test_the_images_of_a_dicom_series_are_kept_as_long_as_its_ct_is_there(session, source):  # noqa: F811
    slices = dicom_slices.plain()
    for _ in range(2):
        dicom_slices.write(slices, session.folder / "uploads" / "batch" / "Some One")
        run(source.arrived("batch"))
        assert not (session.folder / "uploads" / "batch").exists()
        assert len(session.images) == len(slices)
        assert [image.name for image in session.images] == [f"{number:05}.dcm" for number in range(1, 7)]
        (place,) = session.folder.glob("images-*")
        assert {image.parent for image in session.images} == {place}
    uploaded(session, "a.nii.gz")
    run(source.arrived("batch"))
    assert session.images == ()
    assert list(session.folder.glob("images-*")) == []


def test_images_of_the_folder_given_at_start_are_copied(session, source, tmp_path):  # noqa: F811
    session.shared = tmp_path / "shared"
    files = dicom_slices.write(dicom_slices.plain(), session.shared / "series")
    run(source._look_in(session.shared, "series"))
    assert {image.read_bytes() for image in session.images} == {file.read_bytes() for file in files}
    assert all(image.stat().st_nlink == 1 for image in session.images)


def test_of_several_cts_the_user_chooses_one(session, source):  # noqa: F811
    import slicer

    folder, volumes = uploaded(session, "a.nii.gz", "b.nii.gz")
    run(source.arrived("batch"))
    assert session.volume is None
    assert session.state.ct_choices == ["a.nii.gz", "b.nii.gz"]
    assert folder.exists()

    async def choose():
        source._on_choice(7)
        source._on_choice(1)
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()} - before))

    before = asyncio.all_tasks(asyncio.get_event_loop())
    run(choose())
    assert np.array_equal(slicer.util.arrayFromVolume(session.volume), volumes[1].voxels)


def test_rubbish_ends_in_a_sentence_and_what_was_there_stays(session, source):  # noqa: F811
    uploaded(session, "a.nii.gz")
    run(source.arrived("batch"))
    first = session.volume
    folder, _ = uploaded(session)
    (folder / "b.nii.gz").write_bytes(b"rubbish")
    run(source.arrived("batch"))
    assert session.volume is first
    assert session.state.ct_error.startswith("b.nii.gz ")
    assert str(session.folder) not in session.state.ct_error
    assert not folder.exists()


def test_a_zip_file_is_opened_like_what_is_in_it(session, source):  # noqa: F811
    folder, _ = uploaded(session, "ct.nii")
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        packed.write(folder / "ct.nii", "ct.nii")
    (folder / "ct.nii").unlink()
    run(source.arrived("batch"))
    assert session.state.ct_name == "ct"
    assert list((session.folder / "uploads").iterdir()) == []


def test_the_slices_of_a_dicom_series_are_told_by_the_numbers_of_its_images(session, source, tmp_path):  # noqa: F811
    slices = dicom_slices.plain()
    for number, one in enumerate(slices):
        one.InstanceNumber = 66 - number
    dicom_slices.write(slices, tmp_path / "scan")
    run(source.look(tmp_path / "scan"))
    r, a, s = dicom_slices.ORIGIN * (-1, -1, 1) + (0, 0, 4 * dicom_slices.SLICE_MM)
    session.views.go_to((r, a, s))
    shown = {tag: session.views.shown(view)["place"] for tag, view in session.views.slices.items()}
    assert shown["Red"] == "S 80.0 mm, slice 5 of 6, image 62"
    assert "image" not in shown["Green"] + shown["Yellow"]


def test_what_was_not_chosen_is_deleted_once_something_else_is_opened(session, source, tmp_path):  # noqa: F811
    folder, (volume, _) = uploaded(session, "a.nii.gz", "b.nii.gz")
    write_volume(tmp_path / "other.nii.gz", volume)
    run(source.arrived("batch"))
    run(source.look(tmp_path / "other.nii.gz"))
    assert not folder.exists()
    assert session.state.ct_choices == []
    source._on_choice(0)
    assert session.state.ct_name == "other"


def test_of_two_that_are_opened_at_once_the_later_one_stays(session, source, tmp_path):  # noqa: F811
    for name, shape in (("large", (48, 96, 112)), ("small", SHAPE)):
        write_volume(tmp_path / f"{name}.nii.gz", phantom.create(shape, SPACING).volume)

    async def open_both():
        await asyncio.gather(*(source.look(tmp_path / f"{name}.nii.gz") for name in ("large", "small")))

    run(open_both())
    assert session.state.ct_name == "small"
    assert session.state.opening == ""


def test_a_new_ct_does_not_stand_beside_the_error_of_the_one_before(session, source):  # noqa: F811
    session.panel.complain("“a” holds no image: load the CT again.")
    uploaded(session, "b.nii.gz")
    run(source.arrived("batch"))
    assert session.panel.error == ""


def test_a_new_ct_takes_the_place_of_the_earlier_one_and_its_result(session, source):  # noqa: F811
    import slicer

    for _ in range(2):
        uploaded(session, "a.nii.gz")
        run(source.arrived("batch"))
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert session.nodes is None


def test_corrections_are_not_lost_to_another_ct_without_a_question(session, source):  # noqa: F811
    asked = []
    session.ask = lambda answer, loss, then: asked.append(then)
    uploaded(session, "a.nii.gz")
    run(source.arrived("batch"))
    first, session.corrected = session.volume, True
    uploaded(session, "b.nii.gz")
    run(source.arrived("batch"))
    assert session.volume is first
    asked.pop()()
    assert session.state.ct_name == "b"
    assert not session.corrected


def test_the_folder_given_at_start_is_listed_and_nothing_else_is_opened(session, source, tmp_path):  # noqa: F811
    session.shared = tmp_path / "shared"
    session.shared.mkdir()
    write_volume(session.shared / "one.nii.gz", phantom.create(SHAPE, SPACING).volume)
    write_volume(tmp_path / "outside.nii.gz", phantom.create(SHAPE, SPACING).volume)
    run(source.list_shared())
    assert session.state.shared_names == ["one.nii.gz"]
    run(source._look_in(session.shared, "../outside.nii.gz"))
    assert "lies outside the folder" in session.state.ct_error
    assert session.volume is None
    run(source._look_in(session.shared, "one.nii.gz"))
    assert session.state.ct_name == "one"
    assert (session.shared / "one.nii.gz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_one_level_down_and_hidden_files_of_the_folder_given_at_start_open_nothing(session, source, tmp_path):  # noqa: F811
    session.shared = tmp_path / "shared"
    images = dicom_slices.write(dicom_slices.plain(), session.shared / "series")
    outside = images[0].rename(tmp_path / "outside.dcm")
    images[0].symlink_to(outside)
    volume = phantom.create(SHAPE, SPACING).volume
    write_volume(session.shared / ".hidden.nii.gz", volume)
    for name, words in (("series", "lies outside the folder"), (".hidden.nii.gz", "is hidden")):
        run(source._look_in(session.shared, name))
        assert words in session.state.ct_error
        assert session.volume is None
    images[0].unlink()
    shutil.copy(outside, images[0])
    run(source._look_in(session.shared, "series"))
    assert (session.state.ct_name, session.state.ct_error) == ("series 1.2.3", "")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_ct_that_becomes_a_link_before_it_is_chosen_is_not_opened(session, source, tmp_path):  # noqa: F811
    session.shared = tmp_path / "shared"
    for name in ("shared/all/a.nii.gz", "shared/all/b.nii.gz", "outside.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_volume(tmp_path / name, phantom.create(SHAPE, SPACING).volume)
    run(source._look_in(session.shared, "all"))
    (session.shared / "all" / "a.nii.gz").unlink()
    (session.shared / "all" / "a.nii.gz").symlink_to(tmp_path / "outside.nii.gz")
    run(source._choose(source._choices[0]))
    assert "all/a.nii.gz lies outside the folder" in session.state.ct_error
    assert session.volume is None


def test_a_zip_file_that_unpacks_to_more_than_a_session_may_hold_is_refused(session, source):  # noqa: F811
    folder, _ = uploaded(session, "ct.nii")
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(folder / "ct.nii", "ct.nii")
    (folder / "ct.nii").unlink()
    session.most_bytes = 1000
    run(source.arrived("batch"))
    assert session.volume is None
    assert session.state.ct_error.startswith("all.zip ")
