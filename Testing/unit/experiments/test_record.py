import json

import pytest
from support.training_cases import make_data, recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments import record
from LiverTumorSegLib.experiments.record import TrialRecord, begin_trial, new_record


class Plain(TrialRecord):
    FILE = "plain.json"


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def wanted(data, tmp_path):
    return lambda *changes: new_record(Plain, recipe_with(tmp_path, *changes), data)


def correct(data):
    """Change a label and nothing that a folder's listing shows."""
    path = data / "lits" / "masks" / "volume-1_slice_4.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_it_is_on_disk_before_anything_else_and_gone_on_with(wanted, tmp_path):
    first = begin_trial(wanted(), tmp_path / "trial", overwrite=False)
    assert [path.name for path in (tmp_path / "trial").iterdir()] == ["plain.json"]
    assert begin_trial(wanted(), tmp_path / "trial", overwrite=False) == first == wanted()


def test_corrected_labels_of_the_old_size_are_other_data(wanted, data, tmp_path):
    begin_trial(wanted(), tmp_path / "trial", overwrite=False)
    correct(data)
    with pytest.raises(UserError, match=r"other data: the files of lits/volume-1 have changed: .*--overwrite"):
        begin_trial(wanted(), tmp_path / "trial", overwrite=False)
    assert begin_trial(wanted(), tmp_path / "trial", overwrite=True) == wanted()


def test_records_of_before_labels_were_looked_at_are_taken_and_stay_as_they_are(wanted, data, tmp_path):
    begin_trial(wanted(), tmp_path / "trial", overwrite=False)
    path = tmp_path / "trial" / "plain.json"
    content = json.loads(path.read_text())
    del content["labels"]
    path.write_text(json.dumps(content))
    correct(data)
    assert begin_trial(wanted(), tmp_path / "trial", overwrite=False).labels is None
    assert json.loads(path.read_text()) == content


@pytest.mark.parametrize(("owner", "name"), [(record.shutil, "rmtree"), (record, "remove_checkpoints")])
def test_a_record_never_outlives_what_it_vouches_for(wanted, tmp_path, monkeypatch, owner, name):
    begin_trial(wanted(), tmp_path / "trial", overwrite=False)

    def killed(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, killed)
    with pytest.raises(KeyboardInterrupt):
        begin_trial(wanted("seed=2"), tmp_path / "trial", overwrite=True)
    assert not (tmp_path / "trial" / "plain.json").exists()
