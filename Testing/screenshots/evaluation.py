"""A picture of an evaluation's page, measured on made-up patients, into Resources/Screenshots.

python Testing/screenshots/evaluation.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import system_libraries
from support.repository import ROOT

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store

TARGET = ROOT / "Resources" / "Screenshots" / "evaluation.png"
SHAPE, SPACING = (48, 192, 192), (5.0, 2.0, 2.0)
PATIENTS, WIDTH, HEIGHT = 8, 1200, 880
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = evaluate(Path(folder))
        taken = Path(folder) / "page.png"
        command = [system_libraries.browser(), *FLAGS, f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={taken}"]
        subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)
        Image.open(taken).convert("RGB").quantize(64).save(TARGET, optimize=True)


def evaluate(folder: Path) -> Path:
    network = model_folder.load(store.find_model("unet-lits"))
    for name in ("cts", "predictions", "references"):
        (folder / name).mkdir()
    for number in range(1, PATIENTS + 1):
        made = phantom.create(SHAPE, SPACING, seed=number, lesions=number % 4)
        name = f"phantom-{number}.nii.gz"
        write_volume(folder / "cts" / name, made.volume)
        volumes.write_labels(folder / "references" / name, made.labels, made.volume)
        volumes.write_labels(folder / "predictions" / name, segment(made.volume, network, "cpu").labels, made.volume)
    words = [
        "evaluate",
        folder / "predictions",
        folder / "references",
        "--images",
        folder / "cts",
        "-o",
        folder / "report",
    ]
    cli.app([str(word) for word in words], standalone_mode=False)
    return folder / "report" / "report.html"


if __name__ == "__main__":
    main()
