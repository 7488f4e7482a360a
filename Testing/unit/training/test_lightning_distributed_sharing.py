import numpy as np
import pytest
import torch
from support.training_cases import patient, recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.prefetch import NumberedBatches, PrefetchedBatches
from LiverTumorSegLib.core.ranks import Rank
from LiverTumorSegLib.training.distributed import ProcessGroup
from LiverTumorSegLib.training.input_mode import input_mode_of
from LiverTumorSegLib.training.lightning_distributed import SharedBatches, take_share

PAINTED = "augmentation={synthetic_lesions: {share: 1.0}, elastic: 1.0}"


def labelled():
    labels = np.zeros((6, 40, 40), np.uint8)
    labels[1:, 8:30, 8:30] = 1
    labels[3:5, 12:16, 12:16] = 2
    return patient(labels, np.random.default_rng(0).random(labels.shape))


@pytest.mark.parametrize("change", ["crop=32", PAINTED])
def test_the_shares_of_all_processes_are_the_batch_of_one(tmp_path, change):
    plan = recipe_with(tmp_path, "schedule.batch=6", "crop=32", "seed=4", change)
    kind = input_mode_of(plan)

    def sampler():
        return kind.sampler(plan, [labelled()], 2)

    whole = kind.augmented(next(iter(sampler())))
    shares = [ProcessGroup(Rank(number, 3)).share(6) for number in range(3)]
    parts = [kind.augmented(SharedBatches(sampler(), share).draw(2)) for share in shares]
    for name, values in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), values)
    assert len(parts[0]["pixels"]) == 2


def test_a_share_keeps_the_number_of_its_first_batch(tmp_path):
    plan = recipe_with(tmp_path, "schedule.batch=6", "crop=32")
    shared = SharedBatches(input_mode_of(plan).sampler(plan, [labelled()], 3), slice(0, 2))
    assert isinstance(shared, NumberedBatches)
    first = next(iter(PrefetchedBatches(shared, threads=2)))
    assert torch.equal(first["slices"], shared.draw(3)["slices"])
    assert len(first["slices"]) == 2


def test_what_is_no_list_of_samples_stays():
    assert take_share(0.5, slice(0, 1)) == 0.5
    assert take_share([], slice(0, 1)) == []
    assert take_share([torch.zeros(1), torch.ones(2)], slice(1, 2))[0].tolist() == [1, 1]
