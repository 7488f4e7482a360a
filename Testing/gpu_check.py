"""Check on a machine with a GPU what no machine of the developers could: one command, one page.

    python Testing/gpu_check.py [--output FOLDER] [--device cuda:N] [--only PART ...] [--rehearse]

Each part runs in a process of its own, which is ended where it takes too long, so that one that takes the GPU down
costs no other. ``gpu-check.json`` and ``gpu-check.html`` are written after every part. The exit code is 1 where a part
failed. Without a GPU the parts are skipped by name; ``--rehearse`` runs them on the CPU in small, which says nothing of
a GPU but that the check itself works.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from time import perf_counter

TESTING = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTING.parent), str(TESTING)]

from gpu_parts import PARTS, Found, LeftOut, Part, Setting  # noqa: E402
from support.check_page import CheckResult, count_states, write_check  # noqa: E402

TITLE, NAME = "LiverTumorSeg on this GPU", "gpu-check"
REHEARSAL = "Rehearsal of the GPU check on a CPU: nothing here is about a GPU"
_LAST = 600
"""Characters of what a process printed last, shown where it ended without a word."""


def main(words: list[str] | None = None) -> int:
    args = _arguments(words)
    if args.part:
        _run_here(args)
        return 0
    results: list[CheckResult] = []
    environment: dict[str, object] = {}
    for part in PARTS:
        if args.only and part.name not in (*args.only, "environment"):
            continue
        results.append(_result(part, args, environment))
        if part.name == "environment":
            environment |= results[-1].figures
        data, page = write_check(args.output, REHEARSAL if args.rehearse else TITLE, environment, results, NAME)
        print(f"{results[-1].status:8s}{part.name}: {results[-1].sentence}", flush=True)
    print(f"{count_states(results)}: {page}, and {data.name} beside it.")
    return int(any(result.status == "failed" for result in results))


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("gpu-check"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS])
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--found", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _result(part: Part, args: argparse.Namespace, environment: dict[str, object]) -> CheckResult:
    chosen = str(environment.get("chosen", args.device)).partition(" ")[0].rstrip(",")
    if part.gpu and not args.rehearse and not chosen.startswith("cuda"):
        return CheckResult(part.name, "skipped", "There is no CUDA GPU that can be used here.", 0.0)
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        found = Path(folder) / "found.json"
        words = [sys.executable, __file__, "--part", part.name, "--found", found, "--device", chosen]
        said = _run_child([*map(str, words), *(["--rehearse"] if args.rehearse else [])], part.minutes * 60)
        seconds = perf_counter() - began
        if not found.exists():
            return CheckResult(part.name, "failed", said, seconds)
        kept = json.loads(found.read_text(encoding="utf-8"))
    return CheckResult(part.name, kept["status"], kept["sentence"], seconds, figures=kept["figures"])


def _run_child(words: list[str], seconds: float) -> str:
    """Run a part; why it has nothing to say, where that is so."""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[:2])}
    with tempfile.TemporaryFile() as printed:
        child = subprocess.Popen(
            words, stdout=printed, stderr=printed, env=variables, start_new_session=os.name != "nt"
        )
        try:
            code = child.wait(seconds)
            ended = f"Its process ended with the exit code {code}"
        except subprocess.TimeoutExpired:
            _end(child)
            ended = f"It took more than {seconds / 60:g} minutes and was ended"
        printed.seek(0)
        last = " ".join(printed.read().decode(errors="replace").split())[-_LAST:]
    return f"{ended}: {last or 'it printed nothing'}"


def _end(child: subprocess.Popen) -> None:
    from LiverTumorSegLib.apps.worker.client import kill_process_tree

    kill_process_tree(child.pid)
    child.wait()


def _run_here(args: argparse.Namespace) -> None:
    part = next(part for part in PARTS if part.name == args.part)
    with tempfile.TemporaryDirectory(prefix="gpu-part-") as folder:
        try:
            found = part.load()(Setting(args.device, Path(folder), args.rehearse))
            status = "passed"
        except LeftOut as error:
            found, status = Found(str(error)), "skipped"
        except Exception as error:  # noqa: BLE001, whatever fails is what the page is for
            lines = {"traceback": traceback.format_exc()}
            found, status = Found(f"{type(error).__name__}: {error}".splitlines()[0], lines), "failed"
    args.found.write_text(
        json.dumps({"status": status, "sentence": found.sentence, "figures": dict(found.figures)}, default=str),
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
