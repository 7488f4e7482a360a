"""The table of attacks whole, and a few of the random ones."""

import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from robustness.stress.campaigns import untrusted_models
from robustness.untrusted_models import folders


def test_no_attack_runs_code_or_writes_elsewhere_and_each_is_refused(tmp_path):
    rows = untrusted_models.table()
    harmless = sum("harmless" in kind for kind, _ in rows)
    tally = untrusted_models.run(len(rows) + 20, 0, tmp_path)
    assert not tally.failed, "\n".join(tally.failed)
    assert tally.handled >= harmless > 8  # the model that is spoilt is sound
    assert tally.refused >= len(rows) - harmless > 100


def test_a_file_that_appears_and_what_is_not_refused_are_failures(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted_models, "table", lambda: [("folder, harmless", "planted"), ("folder", "none")])
    monkeypatch.setitem(folders.HARMLESS, "planted", lambda folder, marker: marker.mkdir())
    monkeypatch.setitem(folders.ATTACKS, "none", lambda folder, marker: None)
    appeared, taken = untrusted_models.run(2, 0, tmp_path).failed
    assert "wrote ran" in appeared
    assert "code 0" in taken
