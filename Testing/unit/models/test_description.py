import pytest
from pydantic import ValidationError
from support.models import describe

from LiverTumorSegLib.models.description import MeasuredAccuracy, NetworkSpec, PatientDice, SliceStack
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain


@pytest.mark.parametrize(
    ("classes", "labels", "values", "sigmoid"),
    [
        (3, ("background", "liver", "lesion"), (1, 2), False),
        (2, ("background", "liver"), (1,), False),
        (1, ("background", "lesion"), (2,), True),
    ],
)
def test_the_head_says_what_the_logits_stand_for(classes, labels, values, sigmoid):
    spec = NetworkSpec(name="unet", in_channels=1, classes=classes)
    head = describe(network=spec, labels=labels).head
    assert (head.values, head.sigmoid) == (values, sigmoid)


def test_a_model_without_a_liver_asks_for_none_in_its_cleaning():
    spec = NetworkSpec(name="unet", in_channels=1, classes=1)
    lesions = describe(network=spec, labels=("background", "lesion"))
    cleaning = lesions.cleaning(Postprocessing(smallest_lesion_ml=0.3))
    assert {name: value for name, value in cleaning.model_dump().items() if value} == {
        "smallest_lesion_ml": 0.3,
        "sensitivity": 1.0,
    }
    assert describe().cleaning(Postprocessing()) == Postprocessing()


def test_a_stack_knows_how_far_apart_its_slices_are():
    stack = SliceStack(slices=5, spacing_mm=3.0)
    found = {mm: stack.offsets(mm) for mm in (0.5, 1.25, 2.0, 3.0, 5.0, 6.0, 10.0, 13.0)}
    assert found == {
        0.5: [-12, -6, 0, 6, 12],
        1.25: [-5, -2, 0, 2, 5],
        2.0: [-3, -2, 0, 2, 3],
        3.0: [-2, -1, 0, 1, 2],
        5.0: [-1, -1, 0, 1, 1],
        6.0: [-1, 0, 0, 0, 1],
        10.0: [-1, 0, 0, 0, 1],
        13.0: [0, 0, 0, 0, 0],
    }
    assert SliceStack().offsets(3.0) == [0]


@pytest.mark.parametrize(("channels", "slices"), [(4, 3), (1, 3), (2, 1), (6, 3)])
def test_a_network_takes_the_channels_that_its_stack_of_slices_has(channels, slices):
    with pytest.raises(ValidationError, match=f"channels, not {channels}"):
        describe(network=NetworkSpec(name="unet", in_channels=channels), stack=SliceStack(slices=slices))


@pytest.fixture
def two_windows():
    """A chain of two channels."""
    windows = [[{"step": "window", "level": 0, "width": width}] for width in (20, 200)]
    return Chain.model_validate([{"step": "channels", "chains": windows}])


def test_a_chain_of_several_channels_gives_as_many_for_each_slice_of_a_stack(two_windows):
    spec = NetworkSpec(name="unet", in_channels=6)
    assert describe(network=spec, stack=SliceStack(slices=3), preprocessing=two_windows).network.in_channels == 6


@pytest.mark.parametrize(
    ("classes", "labels"),
    [(1, ("background", "liver", "lesion")), (2, ("background", "liver", "lesion")), (3, ("background", "liver"))],
)
def test_classes_that_cannot_stand_for_the_labels_are_refused(classes, labels):
    with pytest.raises(ValidationError, match="cannot stand for"):
        describe(network=NetworkSpec(name="unet", in_channels=1, classes=classes), labels=labels)


def test_figures_leave_out_of_the_means_what_is_not_there():
    cases = {"a": PatientDice(liver_dice=0.9, lesion_dice=None), "b": PatientDice(liver_dice=0.8, lesion_dice=0.5)}
    words = MeasuredAccuracy(definition="", command="", cases=cases).in_words
    assert words == "Mean Dice: liver 0.850 over 2 patients, lesion 0.500 over 1 patients."


@pytest.mark.parametrize(
    ("options", "refusal"),
    [({}, "slices: 3"), ({"slices": 5}, "slices: 3"), ({"slices": 3, "all_slices": True}, "all_slices")],
)
def test_a_network_for_stacks_has_to_know_slices_from_channels(two_windows, options, refusal):
    spec = NetworkSpec(name="dalu_net", in_channels=6, options=options)
    with pytest.raises(ValidationError, match=refusal):
        describe(network=spec, stack=SliceStack(slices=3), preprocessing=two_windows)


def test_a_network_for_stacks_takes_its_slices_with_one_channel_or_several(two_windows):
    one = NetworkSpec(name="dalu_net", in_channels=3)
    assert describe(network=one, stack=SliceStack(slices=3)).network == one
    two = NetworkSpec(name="dalu_net", in_channels=6, options={"slices": 3})
    assert describe(network=two, stack=SliceStack(slices=3), preprocessing=two_windows).network == two


def test_figures_of_patients_that_have_nothing_to_find_say_so():
    cases = {"a": PatientDice(liver_dice=None, lesion_dice=None)}
    assert (
        MeasuredAccuracy(definition="", command="", cases=cases).in_words
        == "No patient had anything that the model finds."
    )
