from pathlib import Path

import pytest

from LiverTumorSegLib.core import sanitize


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("segment", "segment"),
        ("--full", "--full"),
        ("/home/jane doe/ct.nii.gz", "ct.nii.gz"),
        ("/data/jane/", "jane"),
        ("~/scans/ct", "ct"),
        ("../../jane/ct", "ct"),
        ("a/../../jane/ct", "ct"),
        ("scans/ct.nii.gz", "scans/ct.nii.gz"),
        ("--data=/home/jane/data", "--data=data"),
        ("-o/home/jane/model", "-omodel"),
        ("encoder_weights=/home/jane/w.pt", "encoder_weights=w.pt"),
        ("data=[{folder: /home/jane/lits, kind: lits}]", "data=[{folder: lits, kind: lits}]"),
        ("/data/a=b/jane/ct", "ct"),
        (r"C:\Users\jane\ct.nii", "ct.nii"),
        (r"\\server\jane\ct.nii", "ct.nii"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("preprocessing=[{step: window, level: 60}]", "preprocessing=[{step: window, level: 60}]"),
        ("1/2", "1/2"),
        ("/", "/"),
        ("..", ".."),
        ("", ""),
    ],
)
def test_a_word_of_a_command_keeps_the_name_of_what_lies_elsewhere(word, kept):
    assert sanitize.strip_folders_of_word(word) == kept


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("/home/jane/ct.nii.gz is empty: get the file again.", "ct.nii.gz is empty: get the file again."),
        ("No space left on device: '/home/jane/out/a.nrrd'", "No space left on device: 'a.nrrd'"),
        ("It is 1/2 of liver / lesion, see https://a.org/b/c.", "It is 1/2 of liver / lesion, see https://a.org/b/c."),
        ("~/jane/ct.nii is empty.", "ct.nii is empty."),
        (r"C:\Users\jane\ct.nii is empty.", "ct.nii is empty."),
        (r"\\server\jane\ct.nii is empty.", "ct.nii is empty."),
    ],
)
def test_a_sentence_loses_the_folders_of_absolute_paths(sentence, kept):
    assert sanitize.strip_folders(sentence) == kept


def test_folders_with_blanks_are_found_where_they_are_told():
    folder = Path("/home/jane doe/scans")
    assert sanitize.strip_folders(f"{folder / 'ct.nii'} is empty.", [folder]) == "ct.nii is empty."


def test_content_keeps_all_but_the_folders():
    content = {"initial": "/home/jane/model", "seeds": [1, 2.5, None, True], "data": ({"folder": "lits"},)}
    assert sanitize.strip_folders_of_content(content) == content | {"initial": "model"}
