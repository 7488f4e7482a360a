import json
import subprocess
import sys

import numpy as np
import pytest
from support.dataset_cases import ct, labels, write_ircadb, write_lits, write_msd
from support.repository import SHARED

ONE = ("--processes", 1)


@pytest.fixture
def lits(tmp_path):
    """Eight patients, the first three without lesions, and a volume alone."""
    for number in range(8):
        write_lits(tmp_path / "lits", number, marked=labels(lesions=0 if number < 3 else 2))
    (tmp_path / "lits" / "volume-9.nii").touch()
    return tmp_path / "lits"


def test_a_table_a_summary_and_what_is_left_out_are_printed(run, lits):
    code, said, complained = run("data", "check", lits, *ONE)
    assert code == 0
    cells = said.splitlines()[-3].split()
    assert cells == ["volume-7", "24×20×8", "0.80×0.90×2.00", "LPS", "1", "0.0", "2", "1"]
    assert said.splitlines()[-1] == (f"{lits} is LiTS: 8 scans read, 5 with lesions, 0 not readable, 1 left out.")
    assert "volume-9 was left out: it has no segmentation." in complained


def test_doubts_that_many_scans_share_are_said_once(run, lits):
    _, _, complained = run("data", "check", lits, *ONE)
    (line,) = [line for line in complained.splitlines() if "It covers 16 mm" in line]
    assert "volume-0, volume-1" in line


def test_json_is_all_that_goes_to_standard_output(run, lits):
    code, said, _ = run("data", "check", lits, "--json", *ONE)
    (data,) = json.loads(said)["data"]
    assert (code, data["kind"], len(data["scans"])) == (0, "lits", 8)


def test_a_scan_that_cannot_be_read_ends_with_3_after_the_others(run, lits):
    (lits / "volume-2.nii").write_bytes(b"no")
    code, said, complained = run("data", "check", lits, *ONE)
    assert code == 3
    assert "7 scans read" in said
    assert "error: volume-2: " in complained


def test_patients_of_two_data_sets_are_named(run, tmp_path, lits):
    write_ircadb(tmp_path / "ircadb", 1, ct(7))
    write_msd(tmp_path / "msd", 7, ct(7))
    _, _, complained = run("data", "check", lits, tmp_path / "msd", tmp_path / "ircadb", *ONE)
    assert f"One patient and CT in {lits} and {tmp_path / 'msd'}: volume-7 = liver_7." in complained
    assert f"One CT under different numbers in {lits} and {tmp_path / 'ircadb'}: volume-7 = 3Dircadb1.1." in complained


def test_folds_are_written_with_a_person_on_one_side(run, tmp_path, lits):
    write_msd(tmp_path / "msd", 7, ct(7))
    code, said, _ = run("data", "split", lits, tmp_path / "msd", "-o", tmp_path / "split.json", "--folds", 4, *ONE)
    assert (code, said.splitlines()[-1]) == (0, f"Wrote {tmp_path / 'split.json'}.")
    content = json.loads((tmp_path / "split.json").read_text())
    names = [name for fold in content["folds"] for name in fold]
    assert sorted(names) == sorted([*(f"volume-{n}" for n in range(8)), "liver_7"])
    assert all(("volume-7" in fold) == ("liver_7" in fold) for fold in content["folds"])
    assert all(
        any(name in fold for name in ("volume-3", "volume-4", "volume-5", "volume-6", "volume-7"))
        for fold in content["folds"]
    )


def test_shares_are_written_and_an_older_file_is_kept(run, tmp_path, lits):
    words = ("data", "split", lits, "-o", tmp_path / "split.json", "--validation", 0.25, "--test", 0.25, *ONE)
    assert run(*words)[0] == 0
    before = (tmp_path / "split.json").read_bytes()
    content = json.loads(before)
    assert [len(content[part]) for part in ("train", "validation", "test")] == [4, 2, 2]
    code, _, complained = run(*words, "--seed", 1)
    assert (code, (tmp_path / "split.json").read_bytes()) == (3, before)
    assert "exists already" in complained
    assert run(*words, "--seed", 1, "--overwrite")[0] == 0
    assert (tmp_path / "split.json").read_bytes() != before


@pytest.mark.parametrize("choice", [(), ("--folds", 2, "--validation", 0.2), ("--validation", 1.5)])
def test_a_choice_that_cannot_be_drawn_is_refused_at_once(run, tmp_path, choice):
    code, _, complained = run("data", "split", tmp_path / "missing", "-o", tmp_path / "split.json", *choice)
    assert code == 3
    assert "missing" not in complained


def test_a_folder_of_nothing_is_one_sentence(run, tmp_path):
    code, _, complained = run("data", "check", tmp_path)
    assert code == 3
    assert "holds no data set of a known kind" in complained


def test_processes_of_their_own_say_the_same(run, lits):
    alone, many = (json.loads(run("data", "check", lits, "--json", "--processes", n)[1]) for n in (1, 2))
    assert alone == many


def test_rebuilt_lits_volumes_are_checked(run, tmp_path):
    if not (SHARED / "make_nifti.py").exists():
        pytest.skip(f"needs {SHARED / 'make_nifti.py'}")
    subprocess.run([sys.executable, SHARED / "make_nifti.py", tmp_path, "--volumes", "0", "29"], check=True)
    (data,) = json.loads(run("data", "check", tmp_path, "--json", *ONE)[1])["data"]
    first, second = data["scans"]
    assert (first["name"], first["orientation"], first["size"][:2]) == ("volume-0", "LPS", [512, 512])
    assert not any("which is wrong" in words for words in first["warnings"])
    assert any("which is wrong" in words for words in second["warnings"])
    assert np.sum(second["labels"]) == np.prod(second["size"])
