import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.slice_metrics import MEASURES
from LiverTumorSegLib.preprocessing import named_chains

PUBLISHED = {
    "ahmad": {"U-Net": (), "U-Net as TorchIO projects have it": ()},
    "dhanush": {
        "U-Net": (96, 94, 0.76, *[None] * 5),
        "SegNet": (98, 97, 0.89, *[None] * 5),
        "U-Net lesions": (),
        "SegNet lesions": (),
    },
    "elmenabawy": {
        "ResNet-18 without": (82.3, 4.21, 57.7, 5.76),
        "ResNet-18 with": (84.2, 3.65, 61.4, 4.77),
        "AlexNet-FCN without": (88.5, 3.87, 59.7, 5.32),
        "AlexNet-FCN with": (90.4, 2.65, 62.4, 4.98),
        "Korabelnikov": (88.7, None, 59.9, None),
    },
    "kulkarni": {
        "U-Net": (0.8215, 0.7976, 1.00, None, None),
        "ResNet-50": (0.7711, 0.7318, 0.99, None, None),
    },
    "li": {
        "U-Net": (0.822, None),
        "AU-Net": (0.852, None),
        "AU-Net with DS": (0.887, None),
        "DALU-Net": (0.899, None),
    },
}
METRICS = {
    "ahmad": [
        f"{structure} {measure}"
        for structure in ("liver", "lesion")
        for measure in ("Dice", "Jaccard", "sensitivity", "specificity", "Hausdorff distance, mm")
    ]
    + ["validation loss"],
    "dhanush": [
        f"{structure} {measure}"
        for structure in ("liver", "lesion")
        for measure in ("accuracy, %", "sensitivity, %", "Dice", "F1")
    ],
    "elmenabawy": ["liver Dice, %", "liver ASSD", "lesion Dice, %", "lesion ASSD"],
    "kulkarni": [
        "lesion mean Dice",
        "lesion mean IoU",
        "lesion ROC AUC",
        "lesion Dice of slices with tumour",
        "lesion Dice of patients",
    ],
    "li": ["liver Dice", "lesion Dice"],
}


def test_the_figures_are_those_of_the_papers():
    found = {name: {row.name: row.figures for row in systems.load(name).rows} for name in systems.names()}
    assert found == PUBLISHED
    assert {name: [metric.title for metric in systems.load(name).metrics] for name in systems.names()} == METRICS


def test_what_a_paper_does_not_give_is_none():
    ahmad = systems.load("ahmad")
    assert set(ahmad.published(ahmad.rows[0]).values()) == {None}


def test_no_published_figure_of_a_whole_liver_stands_beside_a_measured_one_of_lesions():
    li = systems.load("li")
    for row in li.rows:
        by_metric = {metric.structure: value for metric, value in li.published(row).items()}
        assert by_metric["lesion"] is None
        assert by_metric["liver"] is not None
    assert "10.1038/s41598-022-09978-0" in li.remarks[0]


def test_most_weights_of_dalu_net_are_in_its_convolutional_lstm_as_is_said():
    spec = (systems.load("li").recipe | systems.load("li").rows[3].recipe)["network"]
    with torch.device("meta"):
        network = networks.create(spec["name"], spec["in_channels"], spec["classes"], **spec["options"])
    counts = {False: 0, True: 0}
    for name, weights in network.named_parameters():
        counts[name.startswith("joins.")] += weights.numel()
    assert (round(sum(counts.values()) / 1e6), round(counts[True] / 1e6)) == (109, 75)
    assert "Of its 109 million weights 75 million are in the ConvLSTM" in systems.load("li").chosen["DALU-Net"]


def test_who_starts_from_imagenet_is_known():
    found = {name: systems.load(name).from_weights for name in PUBLISHED}
    starting = {"elmenabawy": ("resnet18", "alexnet_fcn"), "kulkarni": ("resnet50",)}
    assert found == dict.fromkeys(PUBLISHED, ()) | starting


def test_kulkarni_splits_cts_as_section_3_7_says_and_slices_as_the_figures_suggest():
    protocols = systems.load("kulkarni").protocols
    assert {name: protocol.drawn for name, protocol in protocols.items()} == {
        "published": "patients",
        "slices": "slices",
        "sound": "patients",
    }
    assert protocols["published"].exported
    assert protocols["slices"].exported
    assert "as the figures suggest" in protocols["slices"].why


def test_a_protocol_that_a_system_has_not_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="no protocol “slices” of U-Net on volumes: choose one of published, sound"):
        systems.load("ahmad").protocol("slices")


def test_a_row_is_trained_as_an_earlier_one():
    for name in PUBLISHED:
        rows = systems.load(name).rows
        for at, row in enumerate(rows):
            assert not row.trained_as or row.trained_as in [each.name for each in rows[:at]]


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_metric_can_be_measured_under_both_protocols(name):
    known = systems.load(name)
    for metric in known.metrics:
        assert metric.slices in MEASURES or known.protocols["published"].measured_on == "volumes"
    assert known.protocols["sound"].drawn == "patients"
    assert known.protocols["sound"].stratified
    assert known.protocols["sound"].measured_on == "volumes"


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_system_has_its_preprocessing_and_says_what_was_chosen_and_what_is_undefined(name):
    known = systems.load(name)
    assert name in {chain.name for chain in named_chains()}
    assert known.chosen
    assert all(reason.endswith(".") for reason in known.chosen.values())
    assert not any(clause.endswith(".") for clause in known.undefined)


def test_two_rows_never_share_a_folder():
    for name in systems.names():
        folders = [row.folder for row in systems.load(name).rows]
        assert len(set(folders)) == len(folders)
        assert not any(set(folder) - set("abcdefghijklmnopqrstuvwxyz0123456789-") for folder in folders)


def test_accuracy_sensitivity_and_dice_of_dhanush_imply_a_foreground_as_large_as_the_liver():
    """FP + FN = (1 - accuracy) n, TP = sensitivity P, Dice = 2 TP / (2 TP + FP + FN)."""
    for accuracy, sensitivity, dice, *_ in (PUBLISHED["dhanush"][name] for name in ("U-Net", "SegNet")):
        foreground = (100 - accuracy) / (1 / dice - 1) / (2 * sensitivity)
        assert 0.06 < foreground < 0.09


def test_an_unknown_system_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="no published system “lee”: choose one of ahmad, dhanush, .*, li"):
        systems.load("lee")
