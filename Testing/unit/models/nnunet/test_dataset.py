import pytest
from support.nnunet_folders import dataset_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models.nnunet.dataset import describe_channel, is_ct, read_outputs


def names(labels, chosen=None, **changes):
    return read_outputs(dataset_of(labels, **changes), chosen or {}, "dataset.json").names


@pytest.mark.parametrize(
    ("own", "known"),
    [
        ("liver", "liver"),
        ("Liver", "liver"),
        ("cancer", "lesion"),
        ("Tumour", "lesion"),
        ("liver_tumor", "lesion"),
        ("liver lesions", "lesion"),
        ("Vessel", "liver_vessels"),
        ("hepatic_vessel", "liver_vessels"),
        ("portal_vein_and_splenic_vein", "portal_vein"),
        ("gall bladder", "gallbladder"),
        ("liver_segment_4", "liver_segment_4"),
        ("Couinaud VIII", "liver_segment_8"),
        ("segment iv", "liver_segment_4"),
        ("kidney_tumor", ""),
        ("pancreas", ""),
        ("liver_cyst", ""),
    ],
)
def test_labels_are_recognised_by_their_names_and_others_are_not(own, known):
    assert names({"liver": 1, own: 2} if own.lower() != "liver" else {own: 1})[-1] == known


def test_channels_are_in_the_order_of_their_numbers():
    assert names({"tumor": 2, "liver": 1}) == ("background", "liver", "lesion")


def test_several_labels_may_be_lesions():
    assert names({"hcc": 1, "metastasis": 2}) == ("background", "lesion", "lesion")


def test_a_name_that_does_not_tell_is_chosen_and_a_wrong_one_left_out():
    assert names({"a": 1, "liver": 2}, {"a": "lesion", "liver": ""}) == ("background", "lesion", "")


def test_regions_are_written_in_the_order_of_their_channels():
    outputs = read_outputs(
        dataset_of({"whole liver": [1, 2], "tumor": [2]}, regions_class_order=[1, 2]), {}, "dataset.json"
    )
    assert outputs.names == ("liver", "lesion")
    assert outputs.regions
    assert outputs.order == (0, 1)


def test_the_label_to_be_ignored_has_no_channel():
    assert names({"liver": 1, "ignore": 2}) == ("background", "liver")


@pytest.mark.parametrize(
    ("content", "chosen", "words"),
    [
        (dataset_of({"kidney": 1}), {}, "none of its labels is known here .kidney.: say what they are by --label"),
        (dataset_of({"liver": 1}), {"tumor": "lesion"}, "no label “tumor” in it, but liver"),
        (dataset_of({"liver": 1}), {"liver": "lever"}, "not as lever"),
        (dataset_of({"liver": 2}), {}, "not numbered 1, 2, 3"),
        (dataset_of({"liver": "1"}), {}, "and no number"),
        (dataset_of({"liver": True}), {}, "and no number"),
        (dataset_of({"liver": [1, 2]}), {}, "regions_class_order"),
        (dataset_of({}), {}, "has 0 labels"),
        ({"labels": ["liver"]}, {}, "names no labels"),
        (None, {}, "names no labels"),
    ],
)
def test_labels_that_say_too_little_are_refused(content, chosen, words):
    with pytest.raises(UserError, match=words):
        read_outputs(content, chosen, "dataset.json")


def test_one_channel_is_ct_and_others_are_named():
    assert is_ct(describe_channel(dataset_of({"liver": 1}), "d"))
    assert is_ct(describe_channel({"modality": {"0": "liver_CT"}}, "d"))
    assert not is_ct(describe_channel({"channel_names": {"0": "MRI"}}, "d"))
    assert not is_ct("dictionary")
    with pytest.raises(UserError, match="of 2 channels .T1, T2."):
        describe_channel({"channel_names": {"0": "T1", "1": "T2"}}, "d")
    with pytest.raises(UserError, match="names no channels"):
        describe_channel({}, "d")
