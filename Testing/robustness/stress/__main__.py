"""Runs the campaigns and prints the table; exit code 1 where anything failed.

``python -m robustness.stress [CAMPAIGN ...] [--share 1] [--seed 0]``, in ``Testing``. A share of 0.01 makes a
hundredth of the tries; the same seed makes the same ones. ``python -m robustness.stress CAMPAIGN --seed 0 --only 1234``
repeats one try of a campaign that makes many small ones, in this process, and raises what went wrong with it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import tempfile
import time
from pathlib import Path

from . import batches, campaigns
from .tally import Tally, table

SHOWN = 20


def main() -> int:
    names = [module.name for module in pkgutil.iter_modules(campaigns.__path__)]
    reader = argparse.ArgumentParser(prog="python -m robustness.stress")
    reader.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=", ".join(names))
    reader.add_argument("--share", type=float, default=1.0, help="of the tries of each campaign")
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--only", type=int, metavar="NUMBER", help="repeat one try of a campaign")
    reader.add_argument("--processes", type=int, default=1, help="for campaigns of many small tries")
    wanted = reader.parse_args()
    os.environ[batches.PROCESSES] = str(wanted.processes)
    if unknown := set(wanted.campaigns) - set(names):
        reader.error(f"no campaign {', '.join(sorted(unknown))}")
    if wanted.only is not None:
        return repeated(wanted.campaigns, wanted.only, wanted.seed)
    tallies = [carried_out(name, wanted.share, wanted.seed) for name in wanted.campaigns or names]
    print(table(tallies))
    return int(any(tally.failed for _, tally, _ in tallies))


def repeated(names: list[str], number: int, seed: int) -> int:
    [name] = names
    campaign = importlib.import_module(f"{campaigns.__name__}.{name}")
    with tempfile.TemporaryDirectory() as folder:
        print("handled" if campaign.only(number, seed, Path(folder)) else "refused")
    return 0


def carried_out(name: str, share: float, seed: int) -> tuple[str, Tally, float]:
    campaign = importlib.import_module(f"{campaigns.__name__}.{name}")
    tries, began = max(1, round(campaign.TRIES * share)), time.monotonic()
    print(f"{name}: {tries:,} tries", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign.run(tries, seed, Path(folder))
    for line in tally.failed[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    return name.replace("_", " "), tally, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
