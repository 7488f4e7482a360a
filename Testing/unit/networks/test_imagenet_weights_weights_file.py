import functools
import hashlib
import http.server
import threading

import pytest
import torch
from safetensors.torch import save_file

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks.imagenet_weights import download_weights, read_weights

WEIGHTS = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "bn1.bias": torch.ones(2)}


def same(weights):
    return weights.keys() == WEIGHTS.keys() and all(torch.equal(weights[key], WEIGHTS[key]) for key in WEIGHTS)


def test_a_state_dict_is_read(tmp_path):
    torch.save(WEIGHTS, tmp_path / "weights.pth")
    assert same(read_weights(tmp_path / "weights.pth"))


def test_the_format_of_pytorchs_first_years_is_read(tmp_path):
    torch.save(WEIGHTS, tmp_path / "weights.pth", _use_new_zipfile_serialization=False)
    assert same(read_weights(tmp_path / "weights.pth"))


def test_safetensors_are_read(tmp_path):
    save_file(WEIGHTS, tmp_path / "weights.safetensors")
    assert same(read_weights(tmp_path / "weights.safetensors"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 torn", b"\x80\x02}q\x00.", bytes(500)])
def test_a_file_of_something_else_is_an_error_in_words(tmp_path, suffix, content):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"weights{suffix} is damaged or no file of weights: get it again\.$"):
        read_weights(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_torn_file_is_an_error_in_words(tmp_path, kept, zipped):
    path = tmp_path / "weights.pth"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(UserError, match=r"weights\.pth is damaged or no file of weights: get it again\.$"):
        read_weights(path)


class Harmful:
    def __reduce__(self):
        return print, ("this must never be printed",)


@pytest.mark.parametrize(
    "held", [[torch.ones(2)], {"epoch": 3}, {1: torch.ones(2)}, torch.ones(2), {"conv1": Harmful()}]
)
def test_anything_but_tensors_by_name_is_refused_and_never_run(tmp_path, capfd, held):
    torch.save(held, tmp_path / "weights.pth")
    with pytest.raises(
        UserError, match=r"weights\.pth holds other things than named weights: save the network's state"
    ):
        read_weights(tmp_path / "weights.pth")
    assert "never" not in capfd.readouterr().out


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_network_is_not_called_damaged(tmp_path, zipped):
    torch.save(torch.nn.Linear(2, 1), tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="holds other things than named weights"):
        read_weights(tmp_path / "weights.pth")


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict"])
def test_a_training_checkpoint_is_called_one(tmp_path, key):
    torch.save({"epoch": 3, key: WEIGHTS}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth is a training checkpoint: save its state_dict alone\.$"):
        read_weights(tmp_path / "weights.pth")


@pytest.mark.parametrize("name", ["missing.pth", "missing.safetensors", "folder.pth", "folder.safetensors"])
def test_a_file_that_is_not_there_is_an_error_in_words(tmp_path, name):
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(UserError, match=f"{name} cannot be read .* give a file of weights"):
        read_weights(tmp_path / name)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that a real web server on this machine serves, and its address; downloads are kept beside it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def publish(folder):
    """Save the weights under a name that ends in the first digits of their SHA-256, as torchvision does."""
    torch.save(WEIGHTS, folder / "weights")
    digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()
    return (folder / "weights").rename(folder / f"net-{digest[:8]}.pth").name, digest


def test_weights_are_downloaded_once_and_nothing_is_printed_on_stdout(served, capfd):
    folder, address = served
    name, digest = publish(folder)
    assert same(download_weights(f"{address}/{name}", digest))
    (folder / name).unlink()
    assert same(download_weights(f"{address}/{name}", digest, show_progress=True))
    assert capfd.readouterr().out == ""


def test_a_file_whose_name_and_first_digits_are_right_is_refused_and_not_kept(served):
    """Another file with the same eight digits is made in minutes."""
    folder, address = served
    name, digest = publish(folder)
    other = digest[:63] + ("0" if digest[63] != "0" else "1")
    for _ in range(2):
        with pytest.raises(UserError, match=rf"{name} did not come as it was published \(invalid hash"):
            download_weights(f"{address}/{name}", other)


def test_what_somebody_else_put_where_downloads_are_kept_is_not_taken(served, tmp_path):
    folder, address = served
    name, digest = publish(folder)
    kept = tmp_path / "home" / "hub" / "checkpoints" / name
    kept.parent.mkdir(parents=True)
    torch.save({"conv1.weight": torch.zeros(2)}, kept)
    with pytest.raises(UserError, match=rf"{name} is not the file that was published \(SHA-256 differs\): delete it"):
        download_weights(f"{address}/{name}", digest)
    kept.unlink()
    assert same(download_weights(f"{address}/{name}", digest))


@pytest.mark.parametrize("address", ["{}/gone-01234567.pth", "http://127.0.0.1:9/net-01234567.pth"])
def test_what_cannot_be_downloaded_is_named_with_what_to_do(served, address):
    url = address.format(served[1])
    with pytest.raises(UserError, match=f"{url} cannot be downloaded .*: download it where you are online, and give"):
        download_weights(url, "0" * 64)


@pytest.mark.parametrize(
    "value",
    [
        torch.empty(10**6, 10**6, device="meta"),
        torch.eye(3).to_sparse(),
        torch.ones(2, dtype=torch.complex64),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    ],
    ids=["shape alone", "sparse", "complex", "quantised"],
)
def test_a_tensor_without_plain_numbers_is_none(tmp_path, value):
    torch.save({"conv1.weight": value}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth"):
        read_weights(tmp_path / "weights.pth")


def test_a_pickle_that_takes_from_an_empty_stack_is_an_error_in_words(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"\x80\x02R.")
    with pytest.raises(UserError, match="is damaged or no file of weights"):
        read_weights(tmp_path / "weights.pth")
