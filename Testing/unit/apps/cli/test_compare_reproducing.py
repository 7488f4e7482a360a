import errno
import json
from dataclasses import replace

import pytest
from support.training_cases import make_data, make_volumes

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import record
from LiverTumorSegLib.experiments.reproduction import sizes, slice_metrics
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.networks import imagenet_weights


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Quicker than quick."""
    widths = {**sizes.QUICK.widths, "resnet50": {"width": 4}}
    tiny = replace(sizes.QUICK, steps=3, batch=(2, 2), side=(48, 284), widths=widths)
    monkeypatch.setitem(sizes.SHRINKING, "quick", tiny)


@pytest.fixture(scope="module")
def lits(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("data"), numbers=(0, 1, 2, 3)) / "LITS"


@pytest.fixture
def words(lits, tmp_path):
    cache = ("--cache", tmp_path / "cache", "--device", "cpu")
    return ("reproduce", "kulkarni", "--data", lits, "-o", tmp_path / "out", "--size", "quick", *cache)


@pytest.fixture
def trained(monkeypatch):
    """Folders that were trained in."""
    done, before = [], record.fit

    def noted(*given, **named):
        done.append(given[2].parent.name)
        before(*given, **named)

    monkeypatch.setattr(record, "fit", noted)
    return done


def cells(folder):
    """The table of the page, without its headings."""
    lines = (folder / "reproduction.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][1:]


def test_a_system_is_reproduced_by_both_protocols_and_what_is_done_stays(run, words, tmp_path, trained):
    code, said, complained = run(*words)
    assert (code, complained) == (0, "")
    assert "quick, no reproduction" in " ".join(said.split())
    assert "measured, quick, published protocol" in " ".join(said.split())
    assert "U-Net, published protocol." in said
    sentences = " ".join(said.split())
    assert "resnet50 starts from random weights, so that its rows are not compared with published figures" in sentences
    assert "It started from random weights and the paper's from ImageNet's" in sentences
    assert "give resnet50-0676ba61.pth (https://download.pytorch.org/models/resnet50-0676ba61.pth) with" in sentences
    assert trained == ["u-net", "resnet-50-from-random-weights"]
    published = [line[:4] for line in cells(tmp_path / "out")[1:]]
    apart = [f"{figure}, not comparable" for figure in ("0.7711", "0.7318", "0.99")]
    given = ["0.8215", "0.7976", "1.00", "not given", "not given", *apart, "not given", "not given"]
    assert [line[2] for line in published] == [*given, *["-"] * 5]
    assert {line[0] for line in published} == {"U-Net", "ResNet-50, from random weights", "nothing found"}
    assert all(0 <= float(line[3].partition(" ")[0]) <= 1 for line in published)
    nothing = {line[1]: float(line[3].partition(" ")[0]) for line in published if line[0] == "nothing found"}
    assert nothing["lesion ROC AUC"] == 0.5
    assert nothing["lesion Dice of patients"] == nothing["lesion Dice of slices with tumour"] == 0

    assert run(*words, "--protocol", "sound")[0] == 0
    assert trained == ["u-net", "resnet-50-from-random-weights"] * 2
    both = cells(tmp_path / "out")[1:]
    assert [line[:4] for line in both] == published
    assert all(len(line) == 5 for line in both)
    assert all((line[4] == "-") == ("slices with tumour" in line[1]) for line in both)
    page = (tmp_path / "out" / "reproduction.md").read_text(encoding="utf-8")
    assert "Every slice of a CT was segmented: no coarse pass looked for the liver first." in page
    assert "No clean-up ran, since the paper has none" in page
    assert "Labels and probabilities, and so Dice and AUC, are of one segmentation." in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "pictures",
        "published",
        "reproduction.csv",
        "reproduction.html",
        "reproduction.json",
        "reproduction.md",
        "sound",
    ]

    for row in ("u-net", "resnet-50-from-random-weights"):
        card = (tmp_path / "out" / "published" / row / "model" / model_folder.CARD).read_text(encoding="utf-8")
        assert "Reproduction of a published row, published protocol" in card
        assert f"| lesion mean Dice | {published[0 if row == 'u-net' else 5][2]} |" in card
    page = (tmp_path / "out" / "reproduction.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 5  # four rows' curves, and the ROC curves
    assert page.count("data:image/jpeg") >= 4
    assert str(tmp_path) not in page
    assert str(tmp_path) not in (tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8")

    before = (tmp_path / "out" / "reproduction.csv").read_bytes()
    for protocol in ("published", "sound"):
        assert run(*words, "--protocol", protocol)[0] == 0
    assert trained == ["u-net", "resnet-50-from-random-weights"] * 2
    assert (tmp_path / "out" / "reproduction.csv").read_bytes() == before


def test_a_reproduction_that_was_stopped_goes_on_to_the_same_figures(run, words, tmp_path, trained, monkeypatch):
    whole = [*words[:5], tmp_path / "whole", *words[6:]]
    assert run(*whole)[0] == 0
    before = slice_metrics.measure_slices

    def stop(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(slice_metrics, "measure_slices", stop)
    assert run(*words)[0] == 130
    assert not (tmp_path / "out" / "reproduction.md").exists()
    assert json.loads((tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8"))["protocols"] == {}
    monkeypatch.setattr(slice_metrics, "measure_slices", before)
    assert run(*words)[0] == 0
    assert trained == ["u-net", "resnet-50-from-random-weights"] * 2
    assert cells(tmp_path / "out") == cells(tmp_path / "whole")


def test_a_folder_of_another_reproduction_is_refused(run, words, tmp_path):
    (tmp_path / "out").mkdir()
    assert run(*words)[0] == 0
    other = ["reproduce", "dhanush", *words[2:]]
    code, _, complained = run(*other)
    assert code == 3
    assert "is of kulkarni, not of dhanush" in " ".join(complained.split())
    assert json.loads((tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8"))["name"] == "kulkarni"


def offline(_url, *_given, **_options):
    raise OSError(errno.ENETUNREACH, "no network")


def test_weights_that_cannot_be_had_are_named_before_anything_is_read(run, words, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(imagenet_weights.torch.hub, "download_url_to_file", offline)
    code, _, complained = run(*words, "--encoder-weights", "imagenet")
    assert code == 3
    sentence = " ".join(complained.split())
    assert "ResNet-50 starts from the weights in https://download.pytorch.org/models/resnet50-0676ba61.pth" in sentence
    assert "give the file with --encoder-weights" in sentence
    assert not (tmp_path / "out").exists()


def test_slice_pictures_are_reproduced_from_as_they_are(run, tmp_path):
    folder = make_data(tmp_path / "data") / "lits"
    words = ("reproduce", "kulkarni", "--data", folder, "-o", tmp_path / "out", "--size", "quick", "--device", "cpu")
    assert "--intensities -40 160" in " ".join(run(*words)[2].split())
    code, said, _ = run(*words, "--intensities", "-40", "160")
    assert code == 0
    assert "slice pictures was read as it is, not from exported JPG and PNG files." in said


def test_an_unknown_system_is_refused(run, words):
    code, _, complained = run("reproduce", "lee", *words[2:])
    assert code == 3
    assert "choose one of ahmad, dhanush, elmenabawy, kulkarni, li" in " ".join(complained.split())


def test_a_dry_run_says_what_it_will_take_and_writes_nothing(run, words, tmp_path):
    code, said, complained = run(*words, "--dry-run", "--rows", "u-net", "--set", "schedule.batch=4")
    assert (code, complained) == (0, "")
    assert "U-Net: 3 steps of " in said
    assert "ResNet-50" not in said
    assert all(word in said for word in ("In all about", "Memory: about", "Disk: "))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--resume",), "holds no reproduction to go on with"),
        (("--rows", "vnet"), "There is no row “vnet”"),
        (("--set", "schedule.nothing=1"), "U-Net cannot be trained on"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, words, tmp_path, more, sentence):
    code, _, complained = run(*words, *more)
    assert code == 3
    assert sentence in " ".join(complained.split())
    assert not (tmp_path / "out").exists()
