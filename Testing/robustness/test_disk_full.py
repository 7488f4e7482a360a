import sys
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from robustness.stress.campaigns import disk_full
from robustness.stress.small_cases import save_model

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork and RLIMIT_FSIZE")
QUICK = ("models", "phantom", "data")


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def test_a_disk_that_is_full_read_only_or_gone_is_one_sentence_and_leaves_nothing(tmp_path):
    tally = disk_full.run(12, 0, tmp_path, QUICK)
    assert tally.failed == []
    assert tally.refused >= 5
    assert tally.handled >= 1


def test_weights_that_do_not_fit_on_the_disk_are_one_sentence(sandbox, tmp_path):
    """The library of their format has an error of its own for it."""
    outcome = sandbox.run("robustness.test_disk_full:save", str(tmp_path / "tiny"), largest_file=8000)
    assert "UserError" in outcome.err
    assert "could not be written (File too large): nothing was changed" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["monai-bundle", "torch-export"])
def test_an_export_that_does_not_fit_on_the_disk_is_one_sentence(sandbox, tmp_path, name):
    """PyTorch ends the process where a file that it writes itself cannot be ended."""
    model = save_model(tmp_path / "tiny")
    words = ("export", model, "-o", tmp_path / "out" / "bundle", "--format", name)
    outcome = sandbox.livertumorseg(*words, largest_file=20_000)
    assert outcome.refused, outcome
    assert "bundle could not be written (File too large): nothing was changed" in outcome.err.replace("\n", " ")
    assert not any((tmp_path / "out").iterdir())


def save(path):
    save_model(Path(path))
