import shutil

import pytest
from support.dicom_series_cases import write_series

from LiverTumorSegLib.apps.cohort import cases

MEGABYTE = 2**20


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_copy_under_another_name_is_the_same_ct_and_the_hash_names_nothing(tmp_path):
    first = save(tmp_path / "one" / "a.nii", b"voxels")
    copy = save(tmp_path / "two" / "b.nii", b"voxels")
    assert cases.fingerprint([first]) == cases.fingerprint([copy])
    assert set(cases.fingerprint([first])) <= set("0123456789abcdef")
    assert len(cases.fingerprint([first])) == 64


@pytest.mark.parametrize("place", [0, 3 * MEGABYTE, 6 * MEGABYTE - 1])
def test_files_of_one_size_differ_by_their_beginning_middle_or_end(tmp_path, place):
    content = bytearray(6 * MEGABYTE)
    before = cases.fingerprint([save(tmp_path / "ct.nii", content)])
    content[place] = 1
    assert cases.fingerprint([save(tmp_path / "ct.nii", content)]) != before


def test_files_that_begin_and_end_alike_differ_by_their_size(tmp_path):
    sizes = (6 * MEGABYTE, 6 * MEGABYTE + 1)
    assert len({cases.fingerprint([save(tmp_path / "ct.nii", bytes(size))]) for size in sizes}) == 2


def test_a_dicom_series_is_known_by_its_files_in_any_order(tmp_path):
    folder = write_series(tmp_path / "one")
    copy = shutil.copytree(folder, tmp_path / "two")
    before = cases.fingerprint(sorted(folder.iterdir()), "1.2.3")
    assert cases.fingerprint(sorted(copy.iterdir(), reverse=True), "1.2.3") == before
    assert cases.fingerprint(sorted(copy.iterdir()), "1.2.4") != before
    last = max(copy.iterdir())
    last.write_bytes(last.read_bytes()[:-1] + b"!")
    assert cases.fingerprint(sorted(copy.iterdir()), "1.2.3") != before
    shutil.copyfile(max(folder.iterdir()), last)
    last.rename(copy / "z.dcm")
    assert cases.fingerprint(sorted(copy.iterdir()), "1.2.3") != before


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("ct.mhd", "ObjectType = Image\nElementDataFile = ct 1.raw\n"),
        ("ct.mhd", "ElementDataFile = LIST\nct 1.raw\n"),
        ("ct.mhd", "ElementDataFile = ct%d.raw 1 1 1\n"),
        ("ct.nhdr", "NRRD0004\ndata file: ct 1.raw\n"),
        ("ct.nhdr", "NRRD0004\ndatafile: LIST\nct 1.raw\n"),
    ],
)
def test_voxels_in_a_file_of_their_own_are_the_cts(tmp_path, name, header):
    path = save(tmp_path / name, header.encode())
    data = "ct1.raw" if "%" in header else "ct 1.raw"
    prints = set()
    for content in (b"ours", b"them"):
        save(tmp_path / data, content)
        prints.add(cases.fingerprint([path]))
    assert len(prints) == 2


def test_a_file_that_cannot_be_read_counts_as_empty_and_the_others_still_tell(tmp_path):
    link = tmp_path / "a.dcm"
    link.symlink_to(tmp_path / "nowhere")
    prints = set()
    for content in (b"ours!!", b"theirs"):
        whole = save(tmp_path / "b.dcm", content)
        assert cases.total_bytes([link, whole]) == 6
        prints.add(cases.fingerprint([link, whole]))
    assert len(prints) == 2
    assert cases.fingerprint([tmp_path / "gone.mhd"]) not in prints


def test_a_header_that_names_nothing_sensible_is_a_file_like_others(tmp_path):
    for tail in (b"", b" LIST", b" \0%d", b" ..", b" /", b" " + 5000 * b"a"):
        assert cases.fingerprint([save(tmp_path / "ct.mhd", b"ElementDataFile =" + tail)])
