import math

import pytest
import torch
from support.training_cases import at_step

from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.callbacks import CheckpointWriter


def written(folder, every, steps, network=None, **trainer):
    names = []

    def save(path, weights_only):
        assert not weights_only
        path.touch()
        names.append(path.name)

    for step in steps:
        one = at_step(step, of=12, save_checkpoint=save)
        vars(one).update(trainer)
        network = network or torch.nn.Linear(1, 1)
        CheckpointWriter(folder, every, 0.5).on_train_batch_end(one, network, None, None, 0)
    return names


def test_a_checkpoint_is_written_every_so_many_steps_but_not_at_the_last_and_two_stay(tmp_path):
    names = [f"step-{step:09d}.ckpt" for step in (3, 6, 9)]
    assert written(tmp_path, 3, range(1, 13)) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names[1:]


def test_none_is_written_where_none_is_wanted_or_training_ends_early(tmp_path):
    assert written(tmp_path, 0, range(1, 13)) == []
    assert written(tmp_path, 3, [3], should_stop=True) == []


def test_weights_that_are_no_numbers_are_not_written(tmp_path):
    network = torch.nn.Linear(1, 1)
    network.weight.data.fill_(math.nan)
    with pytest.raises(UserError, match="diverged"):
        written(tmp_path, 3, [3], network)
    assert not list(tmp_path.iterdir())
