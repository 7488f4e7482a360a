import json
import sys
from pathlib import Path

import gpu_check
import pytest
import torch
from gpu_parts import PARTS, LeftOut, Part, Setting

CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, of which make gpu-check tells")


@CPU_ONLY
def test_without_a_gpu_every_part_is_skipped_by_name_and_the_page_is_whole(tmp_path, capsys):
    assert gpu_check.main(["--output", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "gpu-check.json").read_text())
    states = {part["name"]: part["status"] for part in content["results"]}
    assert states == {part.name: "skipped" if part.gpu else "passed" for part in PARTS}
    assert content["environment"]["PyTorch"] == torch.__version__
    page = (tmp_path / "gpu-check.html").read_text()
    assert all(part.name in page for part in PARTS)
    assert "There is no CUDA GPU that can be used here." in page
    assert "1 passed, 0 failed, 16 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "networks",
        "preprocessing",
        "numbers not finite",
        "training resumed",
        "parts of a volume",
        "nnU-Net",
        "training batches",
        "upsampling",
    ],
)
def test_a_part_works_where_the_cpu_stands_in_for_the_gpu(name, tmp_path):
    part = next(part for part in PARTS if part.name == name)
    found = part.load()(Setting("cpu", tmp_path, small=True))
    assert found.sentence.endswith(".")


@CPU_ONLY
@pytest.mark.parametrize("part", [part for part in PARTS if part.gpu], ids=lambda part: part.name)
def test_every_part_can_be_loaded(part):
    assert callable(part.load())


@pytest.mark.parametrize("name", ["1,000 slices", "out of memory", "device-side assert", "two GPUs"])
def test_what_a_cpu_cannot_stand_in_for_is_left_out(name, tmp_path):
    part = next(part for part in PARTS if part.name == name)
    with pytest.raises(LeftOut, match="needs a CUDA GPU"):
        part.load()(Setting("cpu", tmp_path, small=True))


def test_a_part_that_hangs_or_dies_is_a_sentence():
    words = [sys.executable, "-c"]
    assert gpu_check._run_child([*words, "import time; time.sleep(60)"], 0.3).startswith("It took more than")
    said = gpu_check._run_child([*words, "import os; print('no memory', flush=True); os._exit(9)"], 60)
    assert said == "Its process ended with the exit code 9: no memory"


def test_a_part_that_fails_leaves_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_check, "PARTS", (Part("broken", "training:no_such", 1),))
    args = gpu_check._arguments(["--found", str(tmp_path / "found.json"), "--device", "cpu"])
    args.part = "broken"
    gpu_check._run_here(args)
    kept = json.loads(Path(args.found).read_text())
    assert kept["status"] == "failed"
    assert "no_such" in kept["sentence"]
    assert "Traceback" in kept["figures"]["traceback"]
