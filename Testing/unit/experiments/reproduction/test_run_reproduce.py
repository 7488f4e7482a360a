from pathlib import Path

import pytest
import torch
from support import torchvision_weights

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
        count = len(wanted.system.metrics)
        published, measured = (0.822, *[None] * (count - 1)), (0.5, *[0.25] * (count - 1))
        return ProtocolResult(command="", rows=(row_result("U-Net", published, *measured),))

    monkeypatch.setattr(module, "run_protocol", run)
    return seen


@pytest.fixture
def lits(tmp_path):
    return make_volumes(tmp_path, range(7)) / "LITS"


def test_quick_takes_the_first_patients_and_says_how_many(lits, tmp_path, wanted):
    done = reproduce("li", lits, tmp_path / "out", "published", quick=True)
    assert done.data == "LITS (LiTS, 6 patients)"
    assert (wanted[0][0].small, wanted[0][1].patients[-1]) == (True, "volume-5")
    assert reproduce("li", lits, tmp_path / "whole", "published").data == "LITS (LiTS, 7 patients)"


def test_the_files_are_written_when_all_rows_are_there(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "sound")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "reproduction.csv",
        "reproduction.json",
        "reproduction.md",
    }


def test_nothing_is_run_where_the_folder_holds_another_reproduction(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "published", quick=True)
    with pytest.raises(UserError, match="holds the reproduction of li"):
        reproduce("li", lits, tmp_path / "out", "sound")
    assert len(wanted) == 1
    done = reproduce("li", lits, tmp_path / "out", "sound", options=RunOptions(overwrite=True))
    assert list(done.protocols) == ["sound"]


@pytest.fixture
def resnet18(tmp_path):
    torch.save(torchvision_weights.constant_weights("resnet18"), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


def test_rows_are_named_by_what_they_start_from(lits, tmp_path, wanted, resnet18):
    reproduce("elmenabawy", lits, tmp_path / "none", "published")
    reproduce("elmenabawy", lits, tmp_path / "some", "published", weights=[resnet18])
    reproduce("elmenabawy", lits, tmp_path / "all", "published", weights=[resnet18, Path("imagenet")])
    none, some, every = ([row.name for row in request.rows] for request, _, _ in wanted)
    own = [row.name for row in wanted[0][0].system.rows]
    assert none == [f"{name}, from random weights" for name in own]
    assert some == [name if name.startswith("ResNet") else f"{name}, from random weights" for name in own]
    assert every == own
    trained = [request.rows[-1].trained_as for request, _, _ in wanted]
    assert trained == [*["AlexNet-FCN without, from random weights"] * 2, "AlexNet-FCN without"]
    assert wanted[0][0].rows[0].folder == "resnet-18-without-from-random-weights"
    assert wanted[0][0].rows[0].figures == wanted[0][0].system.rows[0].figures


def test_rows_that_the_paper_too_starts_from_random_weights_keep_their_names(lits, tmp_path, wanted):
    reproduce("kulkarni", lits, tmp_path / "out", "published")
    assert [row.name for row in wanted[0][0].rows] == ["U-Net", "ResNet-50, from random weights"]


def test_weights_that_nothing_starts_from_are_refused_before_anything_is_run(lits, tmp_path, wanted, resnet18):
    with pytest.raises(UserError, match="leave --encoder-weights out"):
        reproduce("li", lits, tmp_path / "out", "published", weights=[tmp_path / "resnet18.pth"])
    assert not wanted


def test_who_is_chosen_is_used_and_another_choice_is_another_reproduction(lits, tmp_path, wanted):
    done = reproduce("li", lits, tmp_path / "out", "published", patients="not:2-3")
    assert wanted[0][1].patients == ("volume-0", "volume-1", "volume-4", "volume-5", "volume-6")
    assert done.data == "LITS (LiTS, 5 patients of --patients not:2-3)"
    with pytest.raises(UserError, match="holds the reproduction of li"):
        reproduce("li", lits, tmp_path / "out", "sound", patients="0-4")
    with pytest.raises(UserError, match="“9” is nobody"):
        reproduce("li", lits, tmp_path / "out", "sound", patients="9")
