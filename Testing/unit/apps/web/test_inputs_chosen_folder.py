import sys

import pytest
from support.dicom_slices import plain, write

from LiverTumorSegLib.apps.web.inputs import list_folder, refuse_strays, resolve_name
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A folder of CTs beside a secret."""
    root = tmp_path / "scans"
    write(plain(), root / "patient 2" / "series")
    for name in ("b.nii.gz", "A.nrrd", "patient 1/ct.mha", "patient 1/all.zip"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    for name in ("notes.txt", "b.seg.nrrd", ".hidden.nii", ".cache/ct.nii", "patient 1/readme"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (tmp_path / "secret.nii").write_bytes(b"x")
    return root


def test_what_can_be_opened_is_listed_folders_first(root):
    names = ("patient 2/series", "A.nrrd", "b.nii.gz", "patient 1/all.zip", "patient 1/ct.mha")
    assert list_folder(root).names == names
    assert list_folder(root).remark == ""


def test_a_folder_in_it_can_be_listed_alone(root):
    assert list_folder(root, "patient 1").names == ("patient 1/all.zip", "patient 1/ct.mha")
    assert list_folder(root, "patient 2/series").names == ("patient 2/series",)
    with pytest.raises(UserError, match="outside the folder"):
        list_folder(root, "..")


def test_a_folder_of_dicom_files_itself_is_listed_as_a_dot(root):
    assert list_folder(root / "patient 2" / "series").names == (".",)
    assert resolve_name(root / "patient 2" / "series", ".") == (root / "patient 2" / "series").resolve()


def test_everything_that_is_listed_can_be_resolved(root):
    for name in list_folder(root).names:
        assert resolve_name(root, name) == (root / name).resolve()


@pytest.mark.parametrize("limit", [{"most": 2}, {"most_seen": 12}])
def test_a_long_list_is_cut_and_says_so(root, limit):
    cut = list_folder(root, **limit)
    assert 0 < len(cut.names) < 5
    assert f"Only the first {len(cut.names)} CTs are listed" in cut.remark


def test_a_list_of_just_so_many_is_not_cut(root):
    assert len(list_folder(root, most=5).names) == 5
    assert list_folder(root, most=5).remark == ""


@pytest.mark.parametrize(
    "name",
    [
        "../secret.nii",
        "patient 1/../../secret.nii",
        "patient 1/..",
        "..\\secret.nii",
        "/etc/passwd",
        "//host/share",
        "C:\\secret.nii",
        "C:secret.nii",
        "~/secret.nii",
    ],
)
def test_nothing_outside_the_folder_can_be_named(root, name):
    with pytest.raises(UserError, match="lies outside the folder given at start"):
        resolve_name(root, name)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_that_lead_outside_are_refused_and_not_listed(root, tmp_path):
    (root / "link.nii").symlink_to(tmp_path / "secret.nii")
    (root / "up").symlink_to(tmp_path)
    for name in ("link.nii", "up", "up/secret.nii", "up/scans/../secret.nii"):
        with pytest.raises(UserError, match="lies outside the folder"):
            resolve_name(root, name)
    assert not any("link" in name or "up" in name for name in list_folder(root).names)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_that_stay_in_the_folder_are_followed(root, tmp_path):
    (root / "again.nii.gz").symlink_to(root / "b.nii.gz")
    (root / "itself").symlink_to(root / "itself")
    (tmp_path / "start").symlink_to(root)
    assert resolve_name(root, "again.nii.gz") == (root / "b.nii.gz").resolve()
    assert resolve_name(tmp_path / "start", "b.nii.gz") == (root / "b.nii.gz").resolve()
    assert list_folder(tmp_path / "start").names == list_folder(root).names
    with pytest.raises(UserError, match="itself is not in the folder"):
        resolve_name(root, "itself")


@pytest.mark.parametrize("name", [".hidden.nii", ".cache/ct.nii", ".cache", "./.hidden.nii", "patient 1\\.x\\a.nii"])
def test_what_is_hidden_cannot_be_named(root, name):
    with pytest.raises(UserError, match="is hidden, or leads to what is: choose a name from the list"):
        resolve_name(root, name)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_to_what_is_hidden_is_refused(root):
    (root / "shown.nii").symlink_to(root / ".hidden.nii")
    with pytest.raises(UserError, match="shown.nii is hidden, or leads to what is"):
        resolve_name(root, "shown.nii")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_among_the_files_of_a_folder_stay_in_the_folder_given_at_start(root, tmp_path):
    folder = resolve_name(root, "patient 2/series")
    (folder / "again").symlink_to(root / "b.nii.gz")
    refuse_strays(root, folder)
    for target, words in ((tmp_path / "secret.nii", "lies outside the folder"), (root / ".hidden.nii", "is hidden")):
        (folder / "stray").symlink_to(target)
        with pytest.raises(UserError, match=f"^patient 2/series/stray {words}"):
            refuse_strays(root, folder)
        (folder / "stray").unlink()


HEADERS = {
    "a.mhd": "NDims = 3\nDimSize = 1 1 1\nElementType = MET_SHORT\nElementDataFile = {}\n",
    "a.nhdr": "NRRD0004\ntype: short\ndimension: 3\nsizes: 1 1 1\nencoding: raw\ndata file: {}\n\n",
}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
@pytest.mark.parametrize("name", HEADERS)
def test_voxels_beside_a_header_stay_in_the_folder_given_at_start(root, tmp_path, name):
    (root / "voxels.raw").write_bytes(bytes(2))
    (root / ".voxels.raw").write_bytes(bytes(2))
    (root / "out.raw").symlink_to(tmp_path / "secret.nii")
    for voxels, words in (("out.raw", "lies outside the folder"), (".voxels.raw", "is hidden"), ("voxels.raw", "")):
        (root / name).write_text(HEADERS[name].format(voxels))
        if not words:
            refuse_strays(root, resolve_name(root, name))
            continue
        with pytest.raises(UserError, match=words):
            refuse_strays(root, resolve_name(root, name))


@pytest.mark.parametrize("name", ["gone.nii", "b.nii.gz/ct.nii", "a\0b", "x" * 5000])
def test_what_is_not_there_is_a_sentence(root, name):
    with pytest.raises(UserError, match="is not in the folder given at start: choose a name from the list"):
        resolve_name(root, name)


def test_a_name_cannot_command_the_page(root):
    with pytest.raises(UserError, match=r"^a\\x1b\[2J b is not"):
        resolve_name(root, "a\x1b[2J\nb")
