from pathlib import Path

import pytest
import torch
from support import torchvision_weights

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from support.reproduction_cases import row_result, unmeasured
from support.training_cases import make_volumes

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction import run as module
from LiverTumorSegLib.experiments.reproduction.request import Settings
from LiverTumorSegLib.experiments.reproduction.results import ProtocolResult
from LiverTumorSegLib.experiments.reproduction.run import reproduce
from LiverTumorSegLib.experiments.run_options import RunOptions


@pytest.fixture
def wanted(monkeypatch):
    """What is run, in place of running it."""
    seen = []

    def run(wanted, data, _foreseen, options, keep):
        seen.append((wanted, data, options))
        empty = [None] * (len(wanted.system.metrics) - 1)
        done = tuple(
            row_result(row.name, row.figures or (None, *empty), 0.5, *[0.25 for _ in empty]) for row in wanted.rows
        )
        keep(ProtocolResult(command="", rows=done))

    monkeypatch.setattr(module, "run_protocol", run)
    unmeasured(monkeypatch)
    return seen


@pytest.fixture
def lits(tmp_path):
    return make_volumes(tmp_path, range(7)) / "LITS"


def test_quick_takes_the_first_patients_and_says_how_many(lits, tmp_path, wanted):
    done = reproduce("li", lits, tmp_path / "out", "published", Settings(size="quick"))
    assert done.data == "LITS (LiTS, 6 patients)"
    assert (wanted[0][0].size, wanted[0][1].patients[-1]) == ("quick", "volume-5")
    assert reproduce("li", lits, tmp_path / "whole", "published").data == "LITS (LiTS, 7 patients)"


def test_the_files_are_written_when_all_rows_are_there(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "sound")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "reproduction.csv",
        "reproduction.html",
        "reproduction.json",
        "reproduction.md",
    }


def test_nothing_is_run_where_the_folder_holds_another_reproduction(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "published", Settings(size="quick"))
    with pytest.raises(UserError, match="has --size quick, not published"):
        reproduce("li", lits, tmp_path / "out", "sound")
    assert len(wanted) == 1
    done = reproduce("li", lits, tmp_path / "out", "sound", options=RunOptions(overwrite=True))
    assert list(done.protocols) == ["sound"]


@pytest.fixture
def resnet18(tmp_path):
    torch.save(torchvision_weights.constant_weights("resnet18"), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


def test_rows_are_named_by_what_they_start_from(lits, tmp_path, wanted, resnet18, monkeypatch):
    monkeypatch.setattr(module, "build_network", lambda _: None)  # which would download
    reproduce("elmenabawy", lits, tmp_path / "none", "published")
    reproduce("elmenabawy", lits, tmp_path / "some", "published", Settings(weights=[resnet18]))
    reproduce("elmenabawy", lits, tmp_path / "all", "published", Settings(weights=[resnet18, Path("imagenet")]))
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
        reproduce("li", lits, tmp_path / "out", "published", Settings(weights=[tmp_path / "resnet18.pth"]))
    assert not wanted


def test_rows_are_done_one_by_one_and_stand_in_the_papers_order(lits, tmp_path, wanted):
    reproduce("li", lits, tmp_path / "out", "published", Settings(rows=["dalu-net"]))
    done = reproduce("li", lits, tmp_path / "out", "published", Settings(rows=["AU-Net", "U-Net"]))
    assert [row.name for row in wanted[1][0].system.rows] == ["U-Net", "AU-Net"]
    assert [row.name for row in done.protocols["published"].rows] == ["U-Net", "AU-Net", "DALU-Net"]


def test_an_unknown_row_is_answered_with_those_there_are(lits, tmp_path, wanted):
    with pytest.raises(UserError, match="There is no row “VNet”: choose of U-Net, AU-Net, AU-Net with DS, DALU-Net"):
        reproduce("li", lits, tmp_path / "out", "published", Settings(rows=["VNet"]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epochs": 3}, "has --epochs as published, not 3"),
        ({"changes": {"schedule.batch": 2}}, "has --set nothing, not schedule.batch=2"),
        ({"size": "small"}, "has --size published, not small"),
    ],
)
@pytest.mark.parametrize("resume", [True, False])
def test_going_on_with_other_settings_is_one_sentence(lits, tmp_path, wanted, given, said, resume):
    reproduce("li", lits, tmp_path / "out", "published")
    with pytest.raises(UserError, match=said):
        reproduce("li", lits, tmp_path / "out", "sound", Settings(resume=resume, **given))
    assert len(wanted) == 1


def test_settings_are_known_from_before_the_first_row_is_done(lits, tmp_path, wanted, monkeypatch):
    monkeypatch.setattr(module, "run_protocol", lambda *_: None)
    reproduce("li", lits, tmp_path / "out", "published", Settings(epochs=2))
    with pytest.raises(UserError, match="has --epochs 2, not as published"):
        reproduce("li", lits, tmp_path / "out", "published")


def test_resume_goes_on_with_what_is_there_alone(lits, tmp_path, wanted):
    with pytest.raises(UserError, match="holds no reproduction to go on with: leave --resume out"):
        reproduce("li", lits, tmp_path / "out", "published", Settings(resume=True))
    assert not (tmp_path / "out").exists()
    reproduce("li", lits, tmp_path / "out", "published")
    assert reproduce("li", lits, tmp_path / "out", "sound", Settings(resume=True)).protocols.keys() == {
        "published",
        "sound",
    }
    with pytest.raises(UserError, match="leave one of them out"):
        reproduce("li", lits, tmp_path / "out", "sound", Settings(resume=True), RunOptions(overwrite=True))


@pytest.mark.parametrize("key", ["data", "validation", "split.seed"])
def test_what_the_protocol_decides_cannot_be_set(lits, tmp_path, wanted, key):
    with pytest.raises(UserError, match=f"“{key}” is what the protocol decides"):
        reproduce("li", lits, tmp_path / "out", "published", Settings(changes={key: []}))


@pytest.mark.parametrize(
    ("name", "protocol", "size", "needed"),
    [("elmenabawy", "published", "quick", 2), ("li", "sound", "quick", 3), ("elmenabawy", "sound", "small", 2)],
)
def test_too_few_patients_are_said_before_anything_is_run(tmp_path, wanted, name, protocol, size, needed):
    alone = make_volumes(tmp_path / "data", [0]) / "LITS"
    with pytest.raises(UserError, match=f"has too few patients for .*, 1: give a folder with {needed} or more"):
        reproduce(name, alone, tmp_path / "out", protocol, Settings(size=size))
    assert not wanted
    assert not (tmp_path / "out").exists()


def test_a_setting_that_fits_nothing_is_said_before_anything_is_run(lits, tmp_path, wanted):
    with pytest.raises(UserError, match=r"U-Net cannot be trained on .*schedule, batch should be larger than 0"):
        reproduce("li", lits, tmp_path / "out", "published", Settings(changes={"schedule.batch": 0}))
    assert not wanted


def test_who_is_chosen_is_used_and_another_choice_is_another_reproduction(lits, tmp_path, wanted):
    done = reproduce("li", lits, tmp_path / "out", "published", Settings(patients="not:2-3"))
    assert wanted[0][1].patients == ("volume-0", "volume-1", "volume-4", "volume-5", "volume-6")
    assert done.data == "LITS (LiTS, 5 patients of --patients not:2-3)"
    with pytest.raises(UserError, match=r"is on LITS .*--patients not:2-3\), not on LITS .*--patients 0-4\)"):
        reproduce("li", lits, tmp_path / "out", "sound", Settings(patients="0-4"))
    with pytest.raises(UserError, match="“9” is nobody"):
        reproduce("li", lits, tmp_path / "out", "sound", Settings(patients="9"))
