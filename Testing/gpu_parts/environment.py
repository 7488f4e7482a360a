"""What the check runs on."""

import platform
import shutil
import subprocess

import torch

import LiverTumorSegLib
from gpu_parts import Found, Setting
from LiverTumorSegLib.core import gpus
from LiverTumorSegLib.core.device import choose_device, describe_missing_gpu


def describe(setting: Setting) -> Found:
    facts: dict[str, object] = {
        "LiverTumorSeg": LiverTumorSegLib.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "PyTorch": torch.__version__,
        "CUDA of PyTorch": torch.version.cuda or torch.version.hip or "none",
        "built for": " ".join(torch.cuda.get_arch_list()) or "-",
        "cuDNN": torch.backends.cudnn.version() or "none",
        "driver": _driver(),
    }
    for gpu in gpus.find_gpus():
        free = "not known" if gpu.free_bytes is None else f"{gpu.free_bytes / 2**30:.1f} GiB free"
        capability = ".".join(map(str, gpu.capability))
        facts[gpu.name] = f"{gpu.title}, {capability}, {free}{'' if gpu.is_supported else ', not supported'}"
    chosen = str(choose_device(setting.device))
    return Found(describe_missing_gpu() or f"It runs on {chosen}.", facts | {"chosen": chosen})


def _driver() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "no nvidia-smi"
    words = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout.strip().splitlines() or ["not known"])[0]
