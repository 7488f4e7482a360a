import os
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
import torch
from safetensors.torch import load_file
from support.fake_gpus import FakeGpu, put_gpus
from support.repository import PYTHON_PATH, SUPPORT
from support.training_cases import RECIPE, VOLUMES, make_volumes
from support.waiting import PATIENCE
from support.warm_processes import COMMAND, WarmProcess

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.ranks import Rank
from LiverTumorSegLib.models.model_folder import WEIGHTS
from LiverTumorSegLib.training import distributed
from LiverTumorSegLib.training.distributed import ALONE, ProcessGroup, join_processes

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
TOGETHER = pytest.mark.skipif(os.name == "nt", reason="PyTorch for Windows has no gloo that torchrun can use")
SABOTAGED = (SUPPORT / "sabotaged_rank.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def arguments(data):
    """Of a training whose steps are as large as gradients are: Adam's first ones make much of rounding errors."""
    (data / "quick.yaml").write_text(RECIPE)
    changes = (*VOLUMES, "schedule.optimizer=sgd", "schedule.validate_every=3", "callbacks.checkpoint_every=2")
    sets = [word for change in changes for word in ("--set", change)]
    return ["train", data / "quick.yaml", "--data", data, *sets, "--cache", data / "cache", "-o"]


def environment(**more):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "TORCHELASTIC"))}
    return outside | {"OMP_NUM_THREADS": "1", "PYTHONPATH": PYTHON_PATH, **more}


def started(*command, **more):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *map(str, command)], env=environment(**more), **options)


@pytest.fixture
def two_by_hand():
    """Exit codes and complaints of two processes, started as ``srun`` would with an address of its own."""

    def run(*words, code=COMMAND):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        places = [environment(RANK=rank, LOCAL_RANK=rank, **shared) for rank in "01"]
        both = [WarmProcess(*words, code=code, environment=place) for place in places]
        codes, _, said = zip(*(one.wait() for one in both), strict=True)
        return codes, said

    return run


@pytest.fixture(scope="module")
def unbroken(arguments, tmp_path_factory):
    """Folders of a model and its log by one process, and by two that torchrun started; and what these said."""
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    made, said = {}, {}
    for name, how in {"one": (), "two": torchrun}.items():
        made[name] = tmp_path_factory.mktemp(name)
        own = ("--cache", made[name] / "cache")
        done = started(*how, "-m", "LiverTumorSegLib.apps.cli", *arguments, made[name] / "model", *own)
        said[name], complained = done.communicate(timeout=PATIENCE)
        assert done.returncode == 0, complained
    return made, said


@TOGETHER
def test_two_processes_make_the_model_of_one(unbroken):
    one, two = (load_file(folder / "model" / WEIGHTS) for folder in unbroken[0].values())
    torch.testing.assert_close(two, one, rtol=0, atol=2e-4)
    tables = [(folder / "model-log" / "version_0" / "metrics.csv").read_text() for folder in unbroken[0].values()]
    ours, theirs = ([row.split(",") for row in table.splitlines()] for table in tables)
    assert ours[0] == theirs[0]
    assert len(ours) == len(theirs) == 1 + 6
    for row, other in zip(ours[1:], theirs[1:], strict=True):
        assert [float(cell or 0) for cell in row] == pytest.approx([float(cell or 0) for cell in other], abs=1e-4)


@TOGETHER
def test_one_process_of_two_talks_and_writes(unbroken):
    made, said = unbroken
    one, two = ({str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in made.values())
    assert one == two
    for lines in (said["one"].splitlines(), said["two"].splitlines()):
        read, log, weights = lines
        assert read.startswith("3 CTs will be read once")
        assert log.startswith("The log is in")
        assert weights.startswith("The saved weights are")


@TOGETHER
def test_a_rank_that_fails_says_why_and_ends_the_other(two_by_hand, arguments, tmp_path):
    codes, said = two_by_hand(1, "fail", *arguments, tmp_path / "model", code=SABOTAGED)
    assert codes == (3, 3)
    assert said == ("", "error: Rank 1 has had enough.\n")
    assert not (tmp_path / "model").exists()


@TOGETHER
def test_a_rank_that_is_cancelled_cancels_the_other_and_both_go_on_to_the_same_weights(
    two_by_hand, arguments, unbroken, tmp_path
):
    codes, said = two_by_hand(1, "cancel", *arguments, tmp_path / "model", code=SABOTAGED)
    assert codes == (130, 130)
    assert "".join(said).startswith("Cancelled; no model was written, and ")
    assert "".join(said).count("\n") == 1
    codes, said = two_by_hand(*arguments, tmp_path / "model", "--resume")
    assert codes == (0, 0), said
    weights = [(folder / "model" / WEIGHTS).read_bytes() for folder in (tmp_path, unbroken[0]["two"])]
    assert weights[0] == weights[1]


@TOGETHER
def test_a_rank_that_vanishes_is_missed(two_by_hand, arguments, tmp_path):
    codes, said = two_by_hand(1, "vanish", *arguments, tmp_path / "model", code=SABOTAGED)
    assert codes == (3, -9)
    assert said[0].startswith("error: One of the 2 processes of this training ended unexpectedly")


def test_shares_are_a_batch_in_order_and_even():
    groups = [ProcessGroup(Rank(number, 3)) for number in range(3)]
    assert [number for one in groups for number in range(6)[one.share(6)]] == list(range(6))
    with pytest.raises(UserError, match="batch of 7 cannot be shared by 3 processes"):
        groups[0].share(7)


def test_alone_nothing_is_exchanged():
    part = torch.arange(3.0, requires_grad=True)
    assert ALONE.whole(part) is part
    assert ALONE.summed(part) is part
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.dealt([1, 2], str) == ["1", "2"]
    assert ALONE.from_first(lambda: 5) == ALONE.in_turns(lambda: 5) == 5
    with join_processes({}) as own:
        assert own.is_first
        assert not own.several


def test_slurm_says_where_the_first_process_is(monkeypatch):
    monkeypatch.setattr(os, "environ", {"SLURM_NODELIST": "gpu[3-5]", "SLURM_JOB_ID": "1234"})
    distributed._name_the_first()
    assert os.environ["MASTER_ADDR"] == "gpu3"
    assert 1024 < int(os.environ["MASTER_PORT"]) < 65536


def test_the_loss_stays_and_its_gradient_is_multiplied():
    weight = torch.tensor(3.0, requires_grad=True)
    loss = ProcessGroup(Rank(1, 4)).summed(weight**2)
    loss.backward()
    assert float(loss.detach()) == 9
    assert float(weight.grad) == 4 * 6


def test_what_gpus_exchange_is_waited_for_minutes_and_long_work_a_day(monkeypatch):
    made = {}
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: made.setdefault("gpu", number))
    monkeypatch.setattr(distributed.distributed, "init_process_group", lambda backend, **kept: made.update(kept))
    monkeypatch.setattr(distributed.distributed, "new_group", lambda **kept: made.setdefault("long", kept))
    store = torch.distributed.HashStore()
    monkeypatch.setattr(sys.modules["torch.distributed.rendezvous"], "rendezvous", lambda *_, **__: iter([(store,)]))
    put_gpus(monkeypatch, FakeGpu(), FakeGpu())
    places = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "here"}
    distributed._meet(Rank(1, 2, 1), places, on_gpus=True)
    monkeypatch.setattr(distributed._LongWaits, "group", None)
    assert made["gpu"] == 1
    assert made["timeout"] < timedelta(hours=1) < made["long"]["timeout"]
    assert made["long"]["backend"] == "gloo"


@pytest.mark.parametrize("others", ["uuid-1", "uuid-0"])
def test_processes_that_have_met_are_refused_where_two_have_one_gpu(monkeypatch, others):
    """SLURM shows this one, the fourth of a machine, its own GPU alone."""

    def gather(uuids, own, _group):
        uuids[:] = [others, own]

    put_gpus(monkeypatch, FakeGpu())
    monkeypatch.setattr(distributed, "_meet", lambda *_: torch.distributed.HashStore())
    monkeypatch.setattr(distributed, "_leave", lambda *, failed: None)
    monkeypatch.setattr(distributed.distributed, "all_gather_object", gather)
    places = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "3"}
    if others == "uuid-0":
        with pytest.raises(UserError, match="have the same GPU"), join_processes(places):
            pass
        return
    with join_processes(places) as group:
        assert group.rank == Rank(1, 2, 3)
