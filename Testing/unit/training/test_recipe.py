import json
import shlex
from itertools import pairwise

import pytest
from support.repository import LIBRARY

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.preprocessing import Chain, named
from LiverTumorSegLib.training import recipe
from LiverTumorSegLib.training.augmentation import SETS, Augmentation
from LiverTumorSegLib.training.augmentation.options import SyntheticLesions
from LiverTumorSegLib.training.losses import PartialLabel
from LiverTumorSegLib.training.recipe import Recipe
from LiverTumorSegLib.training.recipe_options import AdamW, OneCycle, Plateau

SHIPPED = sorted(LIBRARY.joinpath("training", "recipes").glob("*.yaml"))
UNET_LITS = LIBRARY / "training" / "recipes" / "unet-lits.yaml"


def changed(*changes):
    return recipe.load(UNET_LITS, recipe.parse_changes(list(changes)))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_recipe_that_ships_is_valid_and_named_as_its_file(path):
    assert recipe.load(path).name == path.stem


def test_the_recipe_within_the_model_that_ships_still_means_the_same():
    described = (LIBRARY / "models" / "pretrained" / "unet-lits" / "model.json").read_text(encoding="utf-8")
    trained = json.loads(described)["training"]
    words = shlex.split(trained["command"])
    changes = [word for flag, word in pairwise(words) if flag == "--set"]
    assert Recipe.model_validate(trained["recipe"]) == recipe.load(UNET_LITS, recipe.parse_changes(changes))
    plan = recipe.load(UNET_LITS)
    assert plan.loss == PartialLabel()
    lesions = SyntheticLesions(
        share=0.35, most=3, radius=(2.5, 16), contrast=(0.06, 0.35), bright=0.1, rim=0.2, depth=2.4
    )
    ranges = Augmentation(rotation=15, zoom=(0.75, 1.4), shift=24, liver_offset=(-0.3, 0.12), synthetic_lesions=lesions)
    assert plan.augmentation == ranges
    schedule = plan.schedule
    assert (schedule.optimizer, schedule.policy, schedule.weight_decay) == (AdamW(), OneCycle(), 0.01)


def test_a_recipe_survives_being_written_down():
    plan = changed("augmentation=ahmad", "schedule.optimizer=sgd", "data=[]", "loss=tversky", "schedule.policy=plateau")
    assert Recipe.model_validate_json(plan.model_dump_json()) == plan


def test_changes_replace_entries_also_deep_ones():
    plan = changed("seed=3", "schedule.steps=5", "augmentation.zoom=[1, 1]")
    assert (plan.seed, plan.schedule.steps, plan.augmentation.zoom) == (3, 5, (1, 1))


def test_losses_optimisers_and_ranges_go_by_their_names_or_by_name_and_options():
    plan = changed("augmentation=li", "loss={name: focal, gamma: 1}", "schedule.optimizer=adagrad", "data=[]")
    assert plan.augmentation == SETS["li"]
    assert (plan.loss.name, plan.loss.gamma) == ("focal", 1)
    assert plan.schedule.optimizer.name == "adagrad"


def test_a_policy_goes_by_its_name_or_by_name_and_options():
    assert changed("schedule.policy=plateau").schedule.policy == Plateau(factor=0.5, patience=5)
    policy = changed("schedule.policy={name: plateau, patience: 2, monitor: loss}").schedule.policy
    assert (policy.patience, policy.monitor) == (2, "loss")


def test_what_validations_are_judged_by_is_known_by_the_entry_that_asks():
    assert changed().monitored == {}
    changes = ("callbacks={save: best, best: {monitor: loss}, early_stopping: {patience: 2, monitor: lesion_dice}}",)
    assert changed(*changes, "schedule.policy=plateau").monitored == {
        "schedule.policy: plateau": "score",
        "callbacks.save: best": "loss",
        "callbacks.early_stopping": "lesion_dice",
    }


def test_without_validation_patients_or_steps_between_them_nothing_is_validated():
    assert changed().validates
    assert not changed("validation=[]").validates
    assert not changed("schedule.validate_every=0").validates


def test_preprocessing_goes_by_the_name_of_a_published_chain_and_is_stored_as_its_steps():
    plan = changed("preprocessing=kulkarni", "network.in_channels=9", "augmentation=li")
    steps = plan.model_dump(mode="json")["preprocessing"]
    assert Chain.model_validate(steps) == plan.preprocessing == named("kulkarni")
    assert [step["step"] for step in steps]


def test_an_unknown_chain_is_refused_with_the_names_there_are():
    with pytest.raises(
        UserError,
        match=r"unet-lits\.yaml is not valid: there is no preprocessing chain “lee”: choose one of ahmad, .*, li\.$",
    ):
        changed("preprocessing=lee")


def test_joined_masks_may_teach_the_liver_alone_to_any_loss():
    plan = changed("labels=[background, liver]", "network.classes=1", "loss=dice")
    assert plan.labels == ("background", "liver")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["sed=1"], r"valid: there is no “sed”: did you mean seed\?$"),
        (["schedule.steps=none"], "schedule, steps should be a whole number, not the text “none”"),
        (["crop=0"], r"valid: crop should be larger than 0, not 0\.$"),
        (["augmentation=lee"], "valid: augmentation: there is no set of augmentations called “lee”"),
        (["loss=jaccard"], "there is no loss “jaccard”: choose one of partial_label, cross_entropy, dice"),
        (["loss={name: focal, alfa: 1}"], r"there is no “alfa” at loss \(focal\)"),
        (
            ["schedule.optimizer=lamb"],
            "no optimizer “lamb” at schedule, optimizer: choose one of sgd, adagrad, adam, adamw",
        ),
        (
            ["schedule.policy=poly"],
            "no policy “poly” at schedule, policy: choose one of one_cycle, constant, plateau",
        ),
        (["schedule.policy={name: plateau, factor: 2}"], r"schedule, policy \(plateau\), factor should be less than 1"),
        (["callbacks.early_stoping={}"], "there is no “early_stoping” at callbacks: did you mean early_stopping"),
        (["callbacks.early_stopping={patience: 0}"], "callbacks, early_stopping, patience should be larger than 0"),
        (["callbacks.best.monitor=dice"], "monitor should be score, liver_dice, lesion_dice or loss, not “dice”"),
        (["validation=[]", "schedule.policy=plateau"], r"policy: plateau needs validations .* name patients"),
        (
            ["schedule.validate_every=0", "callbacks.save=best"],
            r"callbacks\.save: best needs validations .* schedule\.validate_every above 0",
        ),
        (["validation=[]", "callbacks.early_stopping={patience: 3}"], r"callbacks\.early_stopping needs validations"),
        (["validation=[]", "callbacks.pictures_every=1"], r"callbacks\.pictures_every needs validations"),
        (["schedule.precision=16"], "precision should be 32-true, 16-mixed or bf16-mixed, not 16"),
        (
            ["loss=dice_ce"],
            "valid: the masks of msd join lesions to the liver, from which the loss “dice",
        ),
        (["labels=[background, liver]"], "3 classes cannot stand for background, liver"),
        (["labels=[background, liver]", "network.classes=2"], "loss “partial_label” is for background, liver, lesion"),
        (["data=[]", "loss={name: cross_entropy, weights: [1, 2]}"], "3 channels of logits need 3 weights"),
        (
            ["data=[]", "loss={name: cross_entropy, weights: [1, 0, 2]}"],
            r"valid: loss \(cross_entropy\), weights: a class's weight must be larger than 0, not 0\.$",
        ),
        (["augmentation=ahmad", "crop=48"], r"7\.5 pixels can fold a crop of 48 pixels"),
    ],
)
def test_an_unknown_or_wrong_entry_is_named(changes, words):
    with pytest.raises(UserError, match=words):
        changed(*changes)


def test_a_change_without_a_value_a_missing_file_and_no_yaml_are_named(tmp_path):
    with pytest.raises(UserError, match="write key=value"):
        recipe.parse_changes(["seed"])
    with pytest.raises(UserError, match="no recipe that can be read at"):
        recipe.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(("text", "line"), [("a: [", 1), ("name: a\ntitle: {{ x }}\n", 2)])
def test_the_line_at_which_yaml_is_broken_is_told(tmp_path, text, line):
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"broken\.yaml is not valid YAML at line {line}: "):
        recipe.load(tmp_path / "broken.yaml")


@pytest.mark.parametrize(("text", "came"), [("", "empty"), ("- name: a", "a list")])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text, came):
    (tmp_path / "other.yaml").write_text(text)
    words = rf"other\.yaml is not valid: it should be a mapping of names to values, not {came}\.$"
    with pytest.raises(UserError, match=words):
        recipe.load(tmp_path / "other.yaml")


@pytest.mark.parametrize("chain", ["ahmad", "elmenabawy_without"])
def test_wide_windows_are_not_trained_in_bfloat16(chain):
    words = [f"preprocessing={chain}"]
    with pytest.raises(UserError, match=r"bfloat16 .* set schedule\.precision to 32-true"):
        changed(*words)
    assert changed(*words, "schedule.precision=32-true").preprocessing == named(chain)


def test_the_recipe_in_the_documentation_can_be_used_as_it_is(tmp_path):
    page = LIBRARY.parent / "Resources" / "Documentation" / "training.md"
    _, _, rest = page.read_text(encoding="utf-8").partition("```yaml\n")
    (tmp_path / "recipe.yaml").write_text(rest.partition("```")[0])
    assert recipe.load(tmp_path / "recipe.yaml").network.name == "resnet50"


@pytest.mark.parametrize("entry", ["patients", "validation", "test"])
def test_a_patient_who_is_named_twice_is_refused(entry):
    with pytest.raises(UserError, match=f"{entry} names volume-8 twice"):
        changed("validation=[]", f"{entry}=[volume-8, volume-8]")


def test_a_split_stands_in_place_of_validation_patients():
    plan = changed("validation=[]", "split={file: folds.json, fold: 2}", "callbacks.save=best")
    assert (plan.split.file, plan.split.fold, plan.validates) == ("folds.json", 2, True)
    assert Recipe.model_validate_json(plan.model_dump_json()) == plan


def test_a_recipe_says_in_one_way_who_is_validated_on():
    with pytest.raises(UserError, match="validation and split both say who is validated on"):
        changed("split={file: folds.json}")
    content = changed().model_dump(exclude={"validation"})
    with pytest.raises(ValueError, match="validation is missing"):
        Recipe.model_validate(content)
    assert Recipe.model_validate(content | {"split": {"file": "folds.json"}}).validation == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("[{volumes: LITS, evry: 2}]", "there is no “evry” at data, entry 1: did you mean every?"),
        ("[{folder: lits, volumes: LITS}]", "there is no “folder” at data, entry 1: there are volumes"),
        ("[{volumes: LITS, every: 0}]", "data, entry 1, every should be 1 or more, not 0"),
        ("[LITS]", "data, entry 1 should be a mapping of names to values, not the text “LITS”"),
        ("[{lesions_apart: true}]", "data, entry 1, folder is missing"),
    ],
)
def test_what_is_wrong_with_data_is_said(data, words):
    with pytest.raises(UserError) as caught:
        changed(f"data={data}")
    assert words in str(caught.value)


LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: 2001-99-99", "is not valid YAML"),
        (f"seed: {'1' * 5000}", "is not valid YAML"),
        ("title: !!timestamp x", "is not valid YAML"),
        ("title: !!python/object/apply:os.mkdir [ran]", "is not valid YAML at line 1"),
        ("[" * 5000, "is not valid YAML"),
        ("options: &a {b: *a}", "it says more than 100,000 things, or itself again"),
        (f"a0: &a0 [x]\n{LAUGHS}\n", "it says more than 100,000 things, or itself again"),
    ],
    ids=["date", "digits", "time", "tag", "depth", "itself", "laughs"],
)
def test_yaml_that_runs_grows_or_cannot_be_is_one_sentence(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        recipe.load(tmp_path / "r.yaml")
    assert not (tmp_path / "ran").exists()
