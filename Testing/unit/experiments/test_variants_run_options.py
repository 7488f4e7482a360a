from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.experiments.run_options import RunOptions


def test_a_part_reports_its_stretch_and_keeps_the_rest():
    told = []
    options = RunOptions("cpu", overwrite=True, job=Job(lambda fraction, _: told.append(fraction)))
    part = options.part(0.5, 1)
    part.job.at(0.5, "")
    part.say("Nobody listens.")
    assert told == [0.75]
    assert (part.device, part.overwrite) == ("cpu", True)


def test_sentences_begin_with_the_name_they_are_put_under():
    told = []
    options = RunOptions("cpu", job=Job(lambda fraction, sentence: told.append((fraction, sentence))))
    options.under("a").part(0.5, 1).under("b").job.at(0, "Begun")
    assert told == [(0.5, "a: b: Begun")]
