"""A cohort that two hosts share by ranks: how fast beside one host on the same cores, and what a killed host costs.

    python Testing/benchmarks/cohort.py [--cases N] [--cores N]

Each host is a process of its own with a host name and a network of its own (UTS and network namespaces of Linux; where
the system refuses them, the processes share both, which the output says). Hosts share a folder and nothing else, as the
tasks of a SLURM array do:

- one host: ``segment-cohort`` on all cores;
- two hosts: ranks 0 and 1 of 2, each on half of the cores, at the same time;
- killed: the same, but rank 1 is killed without warning in the middle, and started again when rank 0 has ended, as a
  scheduler puts a task back into its queue. Every case is then there, and none was written twice.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume

SHAPE, SPACING_MM = (64, 128, 128), (3.0, 2.5, 2.5)
DIFFERENT = 5
"""Phantoms; each stands for several cases, under names of their own."""

NAMESPACES = (
    ["unshare", "--uts", "--net", "--"],
    ["unshare", "--user", "--map-root-user", "--uts", "--net", "--"],
)
LIMIT_S = 1800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    apart = next((words for words in NAMESPACES if _works(words)), [])
    told = "with host names and networks of their own" if apart else "in one namespace: this system allows no others"
    print(f"{args.cases} CTs of {'x'.join(map(str, SHAPE[::-1]))} voxels, {args.cores} cores, hosts {told}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_cases(folder / "cts", args.cases)
        hosts = Hosts(folder, apart, args.cores)
        alone = hosts.together("alone", 1)
        print(f"one host       {alone:7.1f} s, {alone / args.cases:.2f} s a CT")
        both = hosts.together("both", 2)
        print(f"two hosts      {both:7.1f} s, {both / args.cases:.2f} s a CT, {alone / both:.2f} times the throughput")
        done, late = hosts.with_one_killed("killed")
        print(f"one is killed  after {done} of its CTs; started again, it took {late:.1f} s for the rest")
        twice, lacking = hosts.check("killed", args.cases)
        print(f"               {args.cases - lacking} of {args.cases} CTs are done, {twice} were written twice")
        if twice or lacking:
            sys.exit(1)


def make_cases(folder: Path, count: int) -> None:
    """Phantoms as CTs of so many names."""
    folder.mkdir()
    for number in range(count):
        made = folder / f"ct{number % DIFFERENT}.nii.gz"
        if number < DIFFERENT:
            write_volume(made, phantom.create(SHAPE, SPACING_MM, seed=number).volume)
        else:
            os.link(made, folder / f"ct{number}.nii.gz")


class Hosts:
    """Starts hosts that share a cohort.

    Args:
        folder: that they share: CTs in ``cts``, results in folders beside it.
        apart: the words that give a command namespaces of its own.
        cores: of all hosts together.
    """

    def __init__(self, folder: Path, apart: list[str], cores: int) -> None:
        self._folder, self._apart, self._cores = folder, apart, cores
        self._before: dict[Path, tuple[int, int]] = {}

    def start(self, name: str, rank: int, count: int) -> subprocess.Popen[bytes]:
        """A host with its share of the cores."""
        own = ["bash", "-c", f'hostname host{rank} && exec "$@"', "bash"] if self._apart else []
        ranks = ["--rank", str(rank), "--ranks", str(count)]
        words = ["segment-cohort", str(self._folder / "cts"), "-o", str(self._folder / name), *ranks, "--quiet"]
        return subprocess.Popen(
            [*self._apart, *own, sys.executable, "-m", "LiverTumorSegLib.apps.cli", *words],
            env=os.environ | {"OMP_NUM_THREADS": str(max(1, self._cores // count))},
            start_new_session=True,
        )

    def together(self, name: str, count: int) -> float:
        """Seconds until so many hosts have ended, which were started at once."""
        began = time.monotonic()
        hosts = [self.start(name, rank, count) for rank in range(count)]
        for host in hosts:
            _end_well(host)
        return time.monotonic() - began

    def with_one_killed(self, name: str) -> tuple[int, float]:
        """How many CTs rank 1 had done when it was killed, and the seconds that it took for its others later."""
        other, killed = (self.start(name, rank, 2) for rank in range(2))
        cases = len(list((self._folder / "cts").iterdir()))
        others = cases - cases // 2  # the share of rank 0
        _wait(lambda: len(self._written(name)) >= others, killed)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        _end_well(other)
        self._before = self._written(name)
        began = time.monotonic()
        _end_well(self.start(name, 1, 2))
        return len(self._before) - others, time.monotonic() - began

    def check(self, name: str, cases: int) -> tuple[int, int]:
        """How many results that were there were written again, and how many are lacking."""
        after = self._written(name)
        return sum(after.get(path) != mark for path, mark in self._before.items()), cases - len(after)

    def _written(self, name: str) -> dict[Path, tuple[int, int]]:
        found = (self._folder / name).glob("*.seg.nrrd")
        return {path: (at.st_ino, at.st_mtime_ns) for path in found for at in [path.stat()]}


def _wait(is_so, host: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        if host.poll() is not None or time.monotonic() > end:
            sys.exit("The host ended, or stood still, before it was to be killed.")
        time.sleep(0.05)


def _end_well(host: subprocess.Popen[bytes]) -> None:
    if host.wait(LIMIT_S):
        sys.exit(f"A host ended with exit code {host.returncode}.")


def _works(words: list[str]) -> bool:
    try:
        return subprocess.run([*words, "hostname", "tried"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
