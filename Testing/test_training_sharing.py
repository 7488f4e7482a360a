import numpy as np
import pytest
import torch
from training_cases import patient, recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.cohort.ranks import Rank
from LiverTumorSegLib.training.group import Group
from LiverTumorSegLib.training.kinds import kind_of
from LiverTumorSegLib.training.sharing import Shared, part_of

PAINTED = "augmentation={synthetic_lesions: {share: 1.0}, elastic: 1.0}"


def labelled():
    labels = np.zeros((6, 40, 40), np.uint8)
    labels[1:, 8:30, 8:30] = 1
    labels[3:5, 12:16, 12:16] = 2
    return patient(labels, np.random.default_rng(0).random(labels.shape))


@pytest.mark.parametrize("change", ["crop=32", PAINTED])
def test_the_shares_of_all_processes_are_the_batch_of_one(tmp_path, change):
    plan = recipe_with(tmp_path, "schedule.batch=6", "crop=32", "seed=4", change)
    kind = kind_of(plan)

    def sampler():
        return kind.sampler(plan, [labelled()], 2)

    whole = kind.augmented(next(iter(sampler())))
    shares = [Group(Rank(number, 3)).share(6) for number in range(3)]
    parts = [kind.augmented(next(iter(Shared(sampler(), share)))) for share in shares]
    for name, values in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), values)
    assert len(parts[0]["pixels"]) == 2


def test_what_is_no_list_of_samples_stays():
    assert part_of(0.5, slice(0, 1)) == 0.5
    assert part_of([], slice(0, 1)) == []
    assert part_of([torch.zeros(1), torch.ones(2)], slice(1, 2))[0].tolist() == [1, 1]
