from pathlib import Path

import pytest
import torch
from support.fake_gpus import FakeGpu, put_gpus

from LiverTumorSegLib.apps.cohort.cases import CohortCase, share_cases
from LiverTumorSegLib.core import ranks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.ranks import ALONE, Rank

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
SLURM = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}
SRUN = SLURM | {"SLURM_JOB_ID": "77", "SLURM_STEP_ID": "0"}


@pytest.mark.parametrize(
    ("environment", "said", "rank"),
    [
        ({}, (None, None), ALONE),
        (TORCHRUN, (None, None), Rank(5, 8, 1)),
        (SLURM, (None, None), Rank(2, 4, 0)),
        (SRUN, (None, None), Rank(2, 4, 0)),
        (SRUN | TORCHRUN, (None, None), Rank(5, 8, 1)),
        (SRUN | {"SLURM_LOCALID": "3", "RANK": "7", "WORLD_SIZE": "8"}, (None, None), Rank(7, 8, 3)),
        ({"SLURM_JOB_ID": "77", "SLURM_LOCALID": "3", "RANK": "7", "WORLD_SIZE": "8"}, (None, None), Rank(7, 8, 0)),
        (TORCHRUN, (1, 2), Rank(1, 2, 1)),
        ({"RANK": "1"}, (None, None), ALONE),
        ({"SLURM_JOB_ID": "77", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, (None, None), ALONE),
    ],
)
def test_ranks_are_said_or_stand_in_the_environment(environment, said, rank):
    assert ranks.find_rank(environment, *said) == rank


@pytest.mark.parametrize(
    ("environment", "said", "why"),
    [
        ({}, (0, None), "give both"),
        ({}, (None, 2), "give both"),
        ({}, (2, 2), "There is no rank 2 of 2 ranks: give one from 0 to 1"),
        ({}, (-1, 2), "There is no rank -1 of 2 ranks"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, (None, None), "RANK is “one”, not a number"),
    ],
)
def test_what_is_no_rank_is_refused(environment, said, why):
    with pytest.raises(UserError, match=why):
        ranks.find_rank(environment, *said)


def case(name, size):
    return CohortCase(name, Path(name), size)


def test_the_largest_are_dealt_round_first():
    cases = [case(f"v-{number}", size) for number, size in enumerate([5, 30, 10, 20, 10])]
    assert [each.name for each in share_cases(cases, Rank(0, 2))] == ["v-1", "v-2", "v-0"]
    assert [each.name for each in share_cases(cases, Rank(1, 2))] == ["v-3", "v-4"]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_case_is_one_ranks_whatever_the_order_they_are_found_in(count):
    cases = [case(f"v-{number}", number % 3) for number in range(10)]
    shares = [share_cases(cases, Rank(number, count)) for number in range(count)]
    assert sorted(each.name for share in shares for each in share) == sorted(each.name for each in cases)
    assert shares == [share_cases(reversed(cases), Rank(number, count)) for number in range(count)]


def test_each_rank_has_its_own_gpu_unless_told(monkeypatch):
    assert ranks.choose_rank_device(Rank(1, 4, 1), "auto") == "auto"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [ranks.choose_rank_device(Rank(n, 4, n), "auto") for n in range(4)] == [
        "cuda:0",
        "cuda:1",
        "cuda:0",
        "cuda:1",
    ]
    assert ranks.choose_rank_device(Rank(1, 4, 1), "gpu") == "cuda:1"
    assert ranks.choose_rank_device(Rank(1, 4, 1), "cpu") == "cpu"
    assert ranks.choose_rank_device(ALONE, "auto") == "auto"


def test_a_rank_has_the_one_gpu_that_slurm_shows_it_whatever_its_number(monkeypatch):
    put_gpus(monkeypatch, FakeGpu())
    ranks.require_local_number(Rank(3, 4, 3), SRUN | {"SLURM_LOCALID": "3"})
    assert [ranks.choose_gpu(Rank(n, 4, n)) for n in range(4)] == [0, 0, 0, 0]
    put_gpus(monkeypatch, FakeGpu(), FakeGpu())
    assert [ranks.choose_gpu(Rank(n, 4, n)) for n in range(4)] == [0, 1, 0, 1]


def test_ranks_that_share_a_gpu_are_refused_in_a_sentence():
    ranks.refuse_shared_gpus(["uuid-0", "uuid-1", "", ""])
    with pytest.raises(UserError, match="Two of these 3 ranks have the same GPU: start no more .* --device cpu"):
        ranks.refuse_shared_gpus(["uuid-0", "uuid-1", "uuid-0"])


def test_a_rank_of_which_nothing_says_which_gpu_it_has_is_refused_in_a_sentence(monkeypatch):
    by_hand = {"RANK": "1", "WORLD_SIZE": "4"}
    put_gpus(monkeypatch, FakeGpu())
    ranks.require_local_number(Rank(1, 4), by_hand)
    put_gpus(monkeypatch, FakeGpu(), FakeGpu())
    ranks.require_local_number(ALONE, {})
    ranks.require_local_number(Rank(1, 4, 1), by_hand | {"LOCAL_RANK": "1"})
    ranks.require_local_number(Rank(1, 4, 0), by_hand | SRUN)
    for environment in (by_hand, by_hand | {"SLURM_JOB_ID": "77", "SLURM_LOCALID": "0"}):
        with pytest.raises(UserError, match="LOCAL_RANK is missing, which says which GPU .* with torchrun"):
            ranks.require_local_number(Rank(1, 4), environment)
