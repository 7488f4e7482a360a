import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from support.reproduction_cases import row_result
from support.training_cases import make_volumes

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction import run as module
from LiverTumorSegLib.experiments.reproduction.results import ProtocolResult
from LiverTumorSegLib.experiments.reproduction.run import reproduce
from LiverTumorSegLib.experiments.run_options import RunOptions


@pytest.fixture
def wanted(monkeypatch):
    """What is run, in place of running it."""
    seen = []

    def run(wanted, data, options):
        seen.append((wanted, data, options))
        return ProtocolResult(command="", rows=(row_result("U-Net", (0.822,), 0.5),))

    monkeypatch.setattr(module, "run_protocol", run)
    return seen


@pytest.fixture
def lits(tmp_path):
    return make_volumes(tmp_path, range(7)) / "LITS"


def test_quick_takes_the_first_patients_and_says_how_many(lits, tmp_path, wanted):
    done = reproduce("li", lits, tmp_path / "out", "published", size="quick")
    assert done.data == "LITS (LiTS, 6 patients)"
    assert (wanted[0][0].size, wanted[0][1].patients[-1]) == ("quick", "volume-5")
    assert reproduce("li", lits, tmp_path / "whole", "published").data == "LITS (LiTS, 7 patients)"


def test_the_files_are_written_when_all_rows_are_there(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "sound")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "reproduction.csv",
        "reproduction.json",
        "reproduction.md",
    }


def test_nothing_is_run_where_the_folder_holds_another_reproduction(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "published", size="quick")
    with pytest.raises(UserError, match="holds the reproduction of li"):
        reproduce("li", lits, tmp_path / "out", "sound")
    assert len(wanted) == 1
    done = reproduce("li", lits, tmp_path / "out", "sound", options=RunOptions(overwrite=True))
    assert list(done.protocols) == ["sound"]


def test_weights_that_nothing_starts_from_are_refused_before_anything_is_run(lits, tmp_path, wanted, monkeypatch):
    monkeypatch.setattr(module.encoder_files, "by_network", lambda files: {"resnet18": files[0]})
    with pytest.raises(UserError, match="leave --encoder-weights out"):
        reproduce("li", lits, tmp_path / "out", "published", weights=[tmp_path / "resnet18.pth"])
    assert not wanted
