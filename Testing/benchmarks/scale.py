"""What many CTs cost beside the networks: finding them, taking a cohort up again, and a full queue beside an archive.

    python Testing/benchmarks/scale.py [--cases N] [--jobs N] [--images N]

- found: the CTs of a folder of so many NIfTI files, which are hard links of one;
- taken up again: ``segment-cohort`` on these, all of which are done, until it has said so and written ``cohort.csv``:
  what a run that goes on costs before its first CT;
- the queue beside an archive, in its SQLite file, with so many series of so many images each that wait: seconds to take
  an image in, and to ask what the status page and the next step ask.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from LiverTumorSegLib.apps.cohort import records
from LiverTumorSegLib.apps.cohort.cases import find
from LiverTumorSegLib.apps.cohort.segment import segment_cohort
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--images", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cohort(Path(name), args.cases)
        queue(Path(name) / "queue.sqlite", args.jobs, args.images)


def cohort(folder: Path, cases: int) -> None:
    """One case is segmented, and all others are copies of it."""
    source, output, model = folder / "cts", folder / "out", model_folder.load(store.find_model())
    source.mkdir()
    write_volume(source / "ct0.nii.gz", phantom.create((24, 64, 64), (8.0, 5.0, 5.0)).volume)
    segment_cohort(source, output, model)
    record, text = output / records.FOLDER / "ct0.json", '"case": "ct0"'
    for number in range(1, cases):
        os.link(source / "ct0.nii.gz", source / f"ct{number}.nii.gz")
        os.link(output / "ct0.seg.nrrd", output / f"ct{number}.seg.nrrd")
        own = record.read_text("utf-8").replace(text, text.replace("ct0", f"ct{number}"))
        record.with_name(f"ct{number}.json").write_text(own, "utf-8")
    found = timed(lambda: find(source))
    again = timed(lambda: segment_cohort(source, output, model))
    print(f"{cases} CTs      found in {found:.1f} s, {1000 * found / cases:.2f} ms each")
    print(f"               taken up again in {again:.1f} s, {1000 * again / cases:.2f} ms each")


def queue(path: Path, jobs: int, images: int) -> None:
    """Series that wait, in a new file."""
    made = SeriesQueue(path)
    arrived = timed(lambda: [fill(made, job, images) for job in range(jobs)])
    print(f"{jobs} x {images} images  taken into the queue in {1000 * arrived / jobs / images:.2f} ms each")
    print(f"               its file has {path.stat().st_size / 1e6:.0f} MB")
    for what, ask in {
        "counts": made.counts,
        "all jobs": made.all,
        "who waits": lambda: made.in_state(SeriesState.WAITING),
        "one image": lambda: made.image("1.2.3.1"),
        "the next": made.begin,
    }.items():
        print(f"               {what}: {1000 * timed(ask):.1f} ms")
    made.close()


def fill(made: SeriesQueue, job: int, images: int) -> None:
    """Take in a series and let it wait."""
    number = made.create(f"1.2.{job}", "1.2", "PACS")
    for file in range(images):
        made.arrived(f"1.2.{job}.{file}", number, file + 1, 60)
    made.waits(number)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = perf_counter()
    work()
    return perf_counter() - began


if __name__ == "__main__":
    main()
