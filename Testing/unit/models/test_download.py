import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.download_cases import files_of, pack, serving

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models import store
from LiverTumorSegLib.models.download import download_model


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))


@pytest.fixture
def served(tmp_path):
    """A folder that a real web server on this machine serves, and its address."""
    with serving(tmp_path / "served") as found:
        yield found


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zipped_model_folder_becomes_one_of_the_users_models(served, model_folder, prefix):
    checksum = pack(served[0] / "m.zip", files_of(model_folder, prefix))
    told = []
    assert download_model(f"{served[1]}/m.zip", checksum.upper(), lambda f, s: told.append((f, s))) == "tiny"
    assert model.load(store.find_model("tiny")).description.name == "tiny"
    assert told[-1][0] == 1
    with pytest.raises(UserError, match="exists already"):
        download_model(f"{served[1]}/m.zip", checksum)
    assert download_model(f"{served[1]}/m.zip", checksum, overwrite=True) == "tiny"


def test_a_file_with_another_checksum_is_refused(served, model_folder):
    pack(served[0] / "m.zip", files_of(model_folder))
    with pytest.raises(UserError, match="SHA-256 differs"):
        download_model(f"{served[1]}/m.zip", "0" * 64)
    assert "tiny" not in store.available_models()


def test_entries_cannot_choose_where_they_are_written(served, model_folder, tmp_path):
    entries = files_of(model_folder, "../../../") | {"../../evil.txt": b"x", "/tmp/evil-livertumorseg.txt": b"x"}
    checksum = pack(served[0] / "m.zip", entries)
    assert download_model(f"{served[1]}/m.zip", checksum) == "tiny"
    assert not list(tmp_path.rglob("evil*"))
    assert sorted(file.name for file in store.find_model("tiny").iterdir()) == sorted(model.FILES)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no zip", "not a zip file"), (None, "is not a model folder"), ("twice", "several files named model.json")],
)
def test_what_holds_no_single_model_is_refused(served, model_folder, content, words):
    path = served[0] / "m.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        pack(path, {"readme.txt": "nothing"})
    else:
        pack(path, files_of(model_folder, "a/") | files_of(model_folder, "b/"))
    with pytest.raises(UserError, match=words):
        download_model(f"{served[1]}/m.zip", hashlib.sha256(path.read_bytes()).hexdigest())


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "models").rglob("*.part"))


def test_what_a_broken_connection_left_is_gone_on_with(served, model_folder, tmp_path):
    whole = served[0] / "m.zip"
    checksum = pack(whole, files_of(model_folder))
    place = tmp_path / "models" / ".downloads"
    place.mkdir(parents=True)
    (place / f"{checksum}.part").write_bytes(whole.read_bytes()[:1000])
    assert download_model(f"{served[1]}/m.zip", checksum) == "tiny"
    assert not place.exists()


def test_what_was_left_of_another_file_is_thrown_away(served, model_folder, tmp_path):
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    place = tmp_path / "models" / ".downloads"
    place.mkdir(parents=True)
    (place / f"{checksum}.part").write_bytes(bytes((served[0] / "m.zip").stat().st_size))
    assert download_model(f"{served[1]}/m.zip", checksum) == "tiny"
    assert kept(tmp_path) == []


def test_what_a_killed_process_left_is_found_by_the_next(served, model_folder, tmp_path):
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    left = tmp_path / "models" / ".downloads" / ".livertumorseg-left"
    left.mkdir(parents=True)
    (left / ".in-use").touch()  # locked by nobody
    (left / f"{checksum}.part").write_bytes((served[0] / "m.zip").read_bytes()[:1000])
    with pytest.raises(UserError):
        download_model("http://127.0.0.1:9/m.zip", checksum)
    assert kept(tmp_path) == [f"{checksum}.part"]
    assert not left.exists()
    assert download_model(f"{served[1]}/m.zip", checksum) == "tiny"
    assert kept(tmp_path) == []


def test_what_was_left_is_kept_for_a_week(served, model_folder, tmp_path):
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    place = tmp_path / "models" / ".downloads"
    place.mkdir(parents=True)
    for name, days in (("old", 8), ("new", 6)):
        (place / f"{name}.part").touch()
        os.utime(place / f"{name}.part", (time.time() - days * 86400,) * 2)
    download_model(f"{served[1]}/m.zip", checksum)
    assert kept(tmp_path) == ["new.part"]


def test_two_at_once_do_not_get_into_each_others_way(served, model_folder, tmp_path):
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(download_model, f"{served[1]}/m.zip", checksum, overwrite=True) for _ in range(4)]
    ended = [each.exception() for each in done]
    assert any(error is None for error in ended)
    assert all(error is None or isinstance(error, UserError) for error in ended)
    assert model.load(store.find_model("tiny")).description.name == "tiny"
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["http://example.org/m.zip", "ftp://example.org/m.zip", "file:///etc/passwd", "m.zip", ""]
)
def test_only_https_leaves_this_machine(url):
    with pytest.raises(UserError, match="not an address that starts with https"):
        download_model(url, "0" * 64)


def test_a_checksum_that_is_none_is_refused():
    with pytest.raises(UserError, match="not 64 hexadecimal digits"):
        download_model("https://example.org/m.zip", "abc")


def test_an_address_that_does_not_answer_is_one_sentence(served):
    with pytest.raises(UserError, match=r"cannot be downloaded \(File not found\)"):
        download_model(f"{served[1]}/none.zip", "0" * 64)
    with pytest.raises(UserError, match="cannot be downloaded"):
        download_model("http://127.0.0.1:9/m.zip", "0" * 64)


def test_it_can_be_cancelled_and_leaves_nothing(served, model_folder):
    checksum = pack(served[0] / "m.zip", files_of(model_folder))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        download_model(f"{served[1]}/m.zip", checksum, cancel=token)
    assert "tiny" not in store.available_models()
