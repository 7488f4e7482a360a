from robustness.odd_commands.table import Command
from robustness.stress.campaigns import odd_commands


def test_odd_commands_end_in_a_result_or_in_one_sentence(tmp_path):
    tally = odd_commands.run(24, 0, tmp_path)
    assert not tally.failed, "\n".join(tally.failed)
    assert tally.handled > 1
    assert tally.refused > 10


def test_a_command_that_ends_otherwise_than_it_should_is_a_failure(tmp_path, monkeypatch):
    planted = (Command(("phantom", "p.nii.gz", "--shape", "1", "1", "1"), "refused"), Command(("phantom", "p.txt")))
    monkeypatch.setattr(odd_commands, "COMMANDS", planted)
    tally = odd_commands.run(2, 0, tmp_path)
    assert (tally.refused, tally.handled, len(tally.failed)) == (0, 0, 2)
