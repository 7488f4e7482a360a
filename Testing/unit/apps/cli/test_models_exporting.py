import json

import torch

from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder, store


def test_the_model_that_ships_becomes_a_bundle_and_the_figures_are_printed(run, tmp_path):
    code, said, warned = run("export", "unet-lits", "--format", "monai-bundle", "-o", tmp_path / "bundle")
    assert (code, warned) == (0, "")
    assert said.startswith("Checked on a slice of a phantom: logits differ by ")
    assert f"Wrote {tmp_path / 'bundle' / 'LICENSE'}, " in said
    assert "100.0000% of pixels have the same label. Licence of the weights: CC-BY-NC-SA-4.0." in said
    source = json.loads((tmp_path / "bundle" / "configs" / "metadata.json").read_text())["livertumorseg"]
    assert source["weights"]["sha256"] == model_folder.read_description(store.find_model("unet-lits")).weights.sha256


def test_a_users_ct_and_slice_check_the_export(run, model_folder, small_phantom, tmp_path):
    write_volume(tmp_path / "ct.nii.gz", small_phantom.volume)
    words = ("export", model_folder, "--format", "torch-export", "-o", tmp_path / "out", "-i", tmp_path / "ct.nii.gz")
    code, said, _ = run(*words, "--slice", 12)
    assert (code, f"Checked on a slice of {tmp_path / 'ct.nii.gz'}" in said) == (0, True)
    code, _, complained = run(*words, "--slice", 99, "--overwrite")
    assert (code, "slices 1 to 40, counted from the feet, but no 99" in complained) == (3, True)
    graph = torch.export.load(tmp_path / "out" / "model.pt2").module()
    channels = torch.rand(1, 1, 64, 48)
    with torch.inference_mode():
        assert torch.allclose(graph(channels), model_folder_network(model_folder)(channels), atol=1e-5)


def model_folder_network(folder):
    return model_folder.load(folder).network


def test_bad_names_end_with_a_sentence(run, model_folder, tmp_path):
    words = ("-o", tmp_path / "out", "--format")
    code, _, complained = run("export", "no-such-model", *words, "onnx")
    assert (code, "no-such-model" in complained) == (3, True)
    code, _, complained = run("export", model_folder, *words, "caffe")
    assert (code, "There is no format called “caffe”" in complained) == (3, True)
    assert not (tmp_path / "out").exists()
