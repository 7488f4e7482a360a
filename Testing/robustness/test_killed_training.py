import json
import os
import signal
import subprocess
import sys

import pytest
from support.repository import SUPPORT
from support.training_cases import RECIPE, make_data

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")

SCRIPT = SUPPORT / "killed_training.py"
SCHEDULE = """
schedule:
  {steps: 24, batch: 2, learning_rate: 0.01, precision: 32-true,
   validate_every: 6, policy: {name: plateau, patience: 1}}
callbacks: {save: best, best: {monitor: loss}, early_stopping: {patience: 9}, pictures_every: 2, checkpoint_every: 3}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")
@pytest.mark.parametrize("seed", [1])
def test_a_training_that_is_killed_again_and_again_ends_as_an_unbroken_one(tmp_path, seed):
    recipe = tmp_path / "recipe.yaml"
    lines = [line for line in RECIPE.splitlines() if not line.startswith("schedule:")]
    recipe.write_text("\n".join(lines) + SCHEDULE)
    words = [sys.executable, SCRIPT, recipe, make_data(tmp_path / "data"), tmp_path, str(seed)]
    ran = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert ran.returncode == 0, ran.stderr
    *killed, last = json.loads(ran.stdout.splitlines()[-1])
    assert killed == [-signal.SIGKILL] * 4
    assert last == 0
    for name in ("weights.safetensors", "model.json", "README.md"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes(), name
    logs = [max((tmp_path / f"{name}-log").glob("version_*")) for name in ("broken", "unbroken")]
    for name in ("metrics.csv", "curves.png", *(f"pictures/step-{step:09d}.png" for step in (12, 24))):
        assert (logs[0] / name).read_bytes() == (logs[1] / name).read_bytes(), name
    assert not list(logs[0].glob("checkpoints"))
