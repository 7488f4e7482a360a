from LiverTumorSegLib.progress import Job
from LiverTumorSegLib.reproduction.run_options import RunOptions


def test_a_part_reports_its_stretch_and_keeps_the_rest():
    told = []
    options = RunOptions("cpu", overwrite=True, job=Job(lambda fraction, _: told.append(fraction)))
    part = options.part(0.5, 1)
    part.job.at(0.5, "")
    part.say("Nobody listens.")
    assert told == [0.75]
    assert (part.device, part.overwrite) == ("cpu", True)
