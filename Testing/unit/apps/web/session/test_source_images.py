import pytest
from support import dicom_slices, enhanced_dicom

from LiverTumorSegLib.apps.web.session.source_images import delete_images, keep_images
from LiverTumorSegLib.io.volumes import read_volume


@pytest.mark.parametrize("is_own", [True, False])
def test_an_enhanced_ct_is_kept_once_for_all_its_slices(tmp_path, is_own):
    one = enhanced_dicom.enhanced(dicom_slices.plain())
    file = enhanced_dicom.write(one, tmp_path / "given" / "ct.dcm")
    volume = read_volume(file, force=True)
    (tmp_path / "session").mkdir()
    kept = keep_images(volume, tmp_path / "session", is_own=is_own)
    assert len(kept.images) == 6
    assert kept.frames == volume.frames
    (only,) = set(kept.images)
    assert [path for path in (tmp_path / "session").rglob("*") if path.is_file()] == [only]
    assert only.read_bytes() == file.read_bytes()
    delete_images(kept.images)
    assert file.exists()
    assert not only.exists()
