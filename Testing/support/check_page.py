"""What a check on someone's machine found: one JSON file, and one HTML page that needs no other file.

Standard library alone, and no import of its neighbours, so that a script inside 3D Slicer can load it by its path.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from html import escape
from pathlib import Path

STATES = ("passed", "failed", "skipped")
FORMAT = 1
"""Version of the JSON file's shape."""

_STYLE = """
body { font: 15px/1.45 system-ui, "Segoe UI", Arial, sans-serif; color: #1c2430; background: #fff;
  margin: 0 auto; max-width: 1180px; padding: 24px; }
h1 { font-size: 25px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 30px 0 10px; border-bottom: 1px solid #d5dae2; padding-bottom: 4px; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 6px 9px; text-align: left; border-bottom: 1px solid #e3e7ed; vertical-align: top; }
th { background: #f3f6fa; font-weight: 600; }
td.seconds { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.figures { white-space: pre-wrap; overflow-wrap: anywhere; }
.state { font-weight: 600; white-space: nowrap; }
.passed { color: #14632f; } .failed { color: #b3261e; } .skipped { color: #566173; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
figure { display: inline-block; margin: 0 14px 14px 0; vertical-align: top; }
figure img { display: block; max-width: 100%; border-radius: 4px; }
figcaption { color: #566173; font-size: 13px; }
@media print { body { max-width: none; } tr, figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class CheckResult:
    """One part of a check.

    Args:
        name: of the part, a few words.
        status: one of :data:`STATES`.
        sentence: what was found, or why it failed or was left out.
        seconds: taken.
        pictures: files shown on the page; each is written into it.
        figures: numbers and words by name, such as peak memory.

    Raises:
        ValueError: the status is none of the three.
    """

    name: str
    status: str
    sentence: str
    seconds: float
    pictures: Sequence[Path] = ()
    figures: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATES:
            msg = f"{self.name} has the status “{self.status}”: it must be one of {', '.join(STATES)}."
            raise ValueError(msg)


def write_check(
    folder: Path, title: str, environment: Mapping[str, object], results: Sequence[CheckResult], name: str = "check"
) -> tuple[Path, Path]:
    """Write ``NAME.json`` and ``NAME.html`` into a folder; what is there by these names is replaced.

    Args:
        folder: made where it is missing.
        title: of the page.
        environment: what the check ran on, by name.
        results: in the order of the page; a check that goes on may be written again with more of them.
        name: of both files.

    Returns:
        The JSON file and the page.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    data, page = folder / f"{name}.json", folder / f"{name}.html"
    _replace(data, json.dumps(_content(title, made, environment, results), indent=2, ensure_ascii=False) + "\n")
    _replace(page, make_page(title, made, environment, results))
    return data, page


def count_states(results: Sequence[CheckResult]) -> str:
    """How many parts passed, failed and were skipped, in words."""
    counts = {state: sum(result.status == state for result in results) for state in STATES}
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def make_page(title: str, made: str, environment: Mapping[str, object], results: Sequence[CheckResult]) -> str:
    """The HTML page with its pictures inside.

    Args:
        title: of the page.
        made: when.
        environment: what the check ran on, by name.
        results: in this order.
    """
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in environment.items())
    rows = "\n".join(_row(result) for result in results)
    pictures = "\n".join(_figure(picture, result) for result in results for picture in result.pictures)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title><style>{_STYLE}</style></head><body>
<h1>{_text(title)}</h1>
<p>{_text(made)}: {_text(count_states(results))}.</p>
<h2>Environment</h2>
<dl>{facts}</dl>
<h2>Results</h2>
<table><thead><tr><th>part</th><th>result</th><th>what was found</th><th>figures</th><th>seconds</th></tr></thead>
<tbody>
{rows}
</tbody></table>
{f"<h2>Pictures</h2>{pictures}" if pictures else ""}
</body></html>
"""


def _content(
    title: str, made: str, environment: Mapping[str, object], results: Sequence[CheckResult]
) -> dict[str, object]:
    parts = [
        {**asdict(result), "pictures": [path.name for path in result.pictures], "figures": _plain(result.figures)}
        for result in results
    ]
    return {"format": FORMAT, "title": title, "made": made, "environment": _plain(environment), "results": parts}


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Values as JSON has them: what it cannot hold becomes text."""
    return {
        str(name): value if isinstance(value, (bool, int, str, type(None))) or _is_finite(value) else str(value)
        for name, value in values.items()
    }


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and abs(value) < float("inf")


def _row(result: CheckResult) -> str:
    figures = "\n".join(f"{name}: {_short(value)}" for name, value in result.figures.items())
    return (
        f'<tr><td>{_text(result.name)}</td><td class="state {result.status}">{result.status}</td>'
        f'<td>{_text(result.sentence)}</td><td class="figures">{_text(figures)}</td>'
        f'<td class="seconds">{result.seconds:.1f}</td></tr>'
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figure(picture: Path, result: CheckResult) -> str:
    caption = f"{result.name}: {picture.stem}"
    try:
        content = base64.b64encode(picture.read_bytes()).decode()
    except OSError:
        return f"<p>{_text(caption)}: the picture cannot be read.</p>"
    kind = mimetypes.guess_type(picture.name)[0] or "image/png"
    image = f'<img src="data:{_text(kind)};base64,{content}" alt="{_text(caption)}">'
    return f"<figure>{image}<figcaption>{_text(caption)}</figcaption></figure>"


def _text(value: object) -> str:
    return escape(str(value))


def _replace(path: Path, text: str) -> None:
    """Write a whole file or none: a check that is stopped leaves the one before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8", errors="backslashreplace")
    beside.replace(path)
