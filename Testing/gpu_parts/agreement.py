"""Networks, preprocessing and exported graphs on the GPU against the same on the CPU in float32."""

from math import isnan

import torch
from support.export_cases import small as small_model

from gpu_parts import Found, Setting
from LiverTumorSegLib import networks as architectures
from LiverTumorSegLib.core.arithmetic import inference_arithmetic
from LiverTumorSegLib.core.device import choose_device
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.export.graph import export_graph
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.preprocessing import Chain, Slices, named_chains

ROUNDING = 0.01
"""Root mean square of logits' differences, in parts of that of the logits: a wrong layer makes it about one."""

TIMES = 3
"""How much farther than the CPU, in the same type, the GPU may be from float32: what rounding does to a network with
fresh weights, whose maxima move and whose numbers grow, is the network's own."""

PRECISIONS = ("float32", "bfloat16", "float16")

_STEPS = (
    {"step": "hu_range", "low": -200, "high": 300},
    {"step": "median"},
    {"step": "gaussian", "sigma": 1.5},
    {"step": "resize", "height": 100, "width": 90},
    {"step": "resample", "spacing_mm": 1.7},
    {"step": "crop", "rows": [8, 72], "columns": [8, 72]},
    {"step": "crop_to_body"},
    {"step": "histogram_equalisation"},
    {"step": "frequency_histogram"},
    {"step": "clahe"},
    {"step": "min_max"},
    {"step": "z_score"},
    {"step": "z_score", "over": "volume"},
)
_SAME = 1e-3
"""Share of pixels that may differ: those beside an edge of a histogram's bin."""


@torch.inference_mode()
def networks(setting: Setting) -> Found:
    worst, wrong = {}, []
    names = architectures.names()[: 3 if setting.small else None]
    for name in names:
        torch.manual_seed(0)
        channels = 5 if name == "dalu_net" else 1
        network = architectures.create(name, channels, 3).eval()
        size = [64] * 3 if network.axes == 3 else [max(96 if setting.small else 256, network.smallest)] * 2
        slices = torch.rand(2, channels, *size)
        wanted = _logits(network, slices, "cpu", "float32")
        for precision in PRECISIONS:
            here, there = (
                _apart(_logits(network, slices, place, precision), wanted) for place in ("cpu", setting.device)
            )
            worst[f"{name}, {precision}"] = there
            if not (there <= ROUNDING + TIMES * here or (isnan(here) and isnan(there))):
                wrong.append(f"{name} in {precision} ({there:.2g}, the CPU {here:.2g})")
    assert not wrong, f"These differ from the CPU by more than is allowed: {', '.join(wrong)}."
    return Found(f"{len(names)} networks in three precisions answer as the CPU in float32.", worst)


def _apart(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().mean().sqrt() / wanted.square().mean().sqrt())


def _logits(network: architectures.SliceNetwork, slices: torch.Tensor, device: str, precision: str) -> torch.Tensor:
    placement = choose_device(device, precision)
    with inference_arithmetic(placement.device, placement.dtype):
        engine = Predictor(network, placement)
        return engine(slices.to(placement.device, placement.dtype)).float().cpu()


@torch.inference_mode()
def preprocessing(setting: Setting) -> Found:
    made = phantom.create((6, 96, 112), (20.0, 3.0, 3.0)).volume
    view, spacing = made.axial.of(made.voxels), made.axial.spacing
    pixels = torch.from_numpy(view.copy())[:, None].float()
    chains = {" of ".join(map(str, step.values())): _chain(step) for step in _STEPS}
    chains |= {f"chain {entry.name}": entry.chain for entry in named_chains()}
    shares, wrong = {}, []
    for name, chain in chains.items():
        here, there = (
            chain.fitted(view, spacing, place)(Slices(pixels.to(place), spacing[1:])).pixels.float().cpu()
            for place in (torch.device("cpu"), setting.place)
        )
        scale = float(here.abs().max()) or 1.0
        shares[name] = float(((here - there).abs() > 1e-3 * scale).double().mean())
        if here.shape != there.shape or not shares[name] <= _SAME:
            wrong.append(name)
    assert not wrong, f"These differ from the CPU in more than {_SAME:.1%} of pixels: {', '.join(wrong)}."
    return Found(f"{len(chains)} steps and chains give the CPU's pixels.", shares)


def _chain(step: dict) -> Chain:
    """A step that takes HU alone, or behind a window."""
    window = {"step": "window", "level": 60, "width": 400}
    return Chain.model_validate([step] if step["step"] in ("hu_range", "crop_to_body") else [window, step])


@torch.inference_mode()
def exports(setting: Setting) -> Found:
    from torch.export.passes import move_to_device_pass

    apart = {}
    for name in ("unet", "segnet", "attention_unet"):
        model = small_model(name)
        slices = torch.rand(2, 1, *[model.network.smallest + 64] * 2)
        slices = torch.rand(2, 1, *[-(-n // model.network.stride) * model.network.stride for n in slices.shape[2:]])
        wanted = model.network(slices)
        graph = move_to_device_pass(export_graph(model), setting.place).module()
        found = graph(slices.to(setting.place)).cpu()
        apart[name] = _apart(found, wanted)
        assert apart[name] <= ROUNDING, f"The exported {name} differs by {apart[name]:.2g}."
    return Found(f"Exported graphs answer on {setting.place} as the networks on the CPU.", apart)
