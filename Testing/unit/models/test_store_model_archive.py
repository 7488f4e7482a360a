"""The rest is in the campaign on untrusted models, which runs every archive of ``support.hostile_archives``."""

import pytest
from support import hostile_archives

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import model_folder as model
from LiverTumorSegLib.models.store import unpack_model


@pytest.fixture
def packed(model_folder, tmp_path):
    """Write an archive by name; its path."""

    def write(name):
        files = {file.name: file.read_bytes() for file in model_folder.iterdir()}
        (hostile_archives.ATTACKS | hostile_archives.HARMLESS)[name](files, tmp_path / "m.zip")
        return tmp_path / "m.zip"

    return write


@pytest.mark.parametrize("name", hostile_archives.HARMLESS)
def test_a_models_files_alone_come_out_whatever_else_is_there(packed, tmp_path, name):
    unpack_model(packed(name), tmp_path / "out", "m.zip")
    assert {file.name for file in (tmp_path / "out").rglob("*")} == set(model.FILES)
    assert model.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a bomb for weights", r"unpacks to a weights\.safetensors that is larger than a model's"),
        ("a bomb for a card", r"unpacks to a README\.md that is larger than a model's"),
        ("a damaged stream", "is not a zip file that can be unpacked"),
        ("encrypted entries", "is not a zip file that can be unpacked"),
        ("packed by lzma", "is not a zip file that can be unpacked"),
        ("a file twice", r"several files named model\.json"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_before_it_fills_the_disk(packed, tmp_path, name, words):
    with pytest.raises(UserError, match=words):
        unpack_model(packed(name), tmp_path / "out", "m.zip")
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 10e6
