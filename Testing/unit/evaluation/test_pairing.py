import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.pairing import EvaluationPair, find_pairs


@pytest.fixture
def made(tmp_path):
    """A function that makes empty files in P, R, I and Q and gives these folders."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tuple(tmp_path / folder for folder in "PRIQ")

    return make


def test_lits_is_paired_by_number_with_the_ct_beside_the_reference(made):
    predictions, references, *_ = made(
        "P/test-segmentation-10.nii.gz",
        "P/volume-2.nii",
        "R/batch 1/volume-2.nii",
        "R/batch 1/segmentation-2.nii",
        "R/batch 2/volume-10.nii",
        "R/batch 2/segmentation-10.nii",
    )
    two, ten = references / "batch 1", references / "batch 2"
    matches = find_pairs(predictions, references)
    assert matches.pairs == (
        EvaluationPair(
            "volume-2", "volume-2", predictions / "volume-2.nii", two / "segmentation-2.nii", two / "volume-2.nii"
        ),
        EvaluationPair(
            "volume-10",
            "volume-10",
            predictions / "test-segmentation-10.nii.gz",
            ten / "segmentation-10.nii",
            ten / "volume-10.nii",
        ),
    )
    assert matches.failed == {}


def test_msd_is_paired_with_images_of_nnunet(made):
    predictions, references, images, _ = made(
        "P/liver_1.nii.gz", "R/liver_1.nii.gz", "R/._liver_1.nii.gz", "I/liver_1_0000.nii.gz", "I/liver_12_0000.nii.gz"
    )
    (pair,) = find_pairs(predictions, references, images=images).pairs
    assert pair == EvaluationPair(
        "liver_1",
        "liver_1",
        predictions / "liver_1.nii.gz",
        references / "liver_1.nii.gz",
        images / "liver_1_0000.nii.gz",
    )
    assert find_pairs(predictions, references).pairs[0].image is None


def test_plain_names_are_paired_across_formats_and_with_endings_of_masks(made):
    predictions, references, *_ = made(
        "P/anna.nii.gz", "R/anna.seg.nrrd", "P/ben_pred.mha", "R/ben-seg.nrrd", "R/ben.nrrd", "P/c_label.nii", "R/c.nii"
    )
    matches = find_pairs(predictions, references)
    assert [(pair.case, pair.prediction.name, pair.reference.name) for pair in matches.pairs] == [
        ("anna", "anna.nii.gz", "anna.seg.nrrd"),
        ("ben", "ben_pred.mha", "ben-seg.nrrd"),
        ("c", "c_label.nii", "c.nii"),
    ]
    assert [pair.image for pair in matches.pairs] == [None, references / "ben.nrrd", None]
    assert matches.failed == {}


def test_what_is_alone_or_there_twice_fails_as_that_case_only(made):
    predictions, references, *_ = made(
        *("P/a.nii", "P/b.nii", "P/d.nii", "P/d.nii.gz", "P/e.nii"),
        *("R/a.nii", "R/c.nii", "R/d.nii", "R/e_seg.nii", "R/e_mask.nii"),
    )
    matches = find_pairs(predictions, references)
    assert [pair.case for pair in matches.pairs] == ["a"]
    assert list(matches.failed) == ["b", "c", "d", "e"]
    assert matches.failed["b"].startswith(f"{predictions / 'b.nii'} has no reference: ")
    assert matches.failed["c"].startswith(f"{references / 'c.nii'} has no prediction: ")
    assert matches.failed["d"].startswith(f"{predictions / 'd.nii'} and {predictions / 'd.nii.gz'} are both called d: ")
    assert matches.failed["e"].startswith(f"{references / 'e_mask.nii'} and {references / 'e_seg.nii'} are both ")


def test_no_prediction_is_taken_for_a_ct(made):
    predictions, references, *_ = made("P/a.nii", "P/a_pred.nii", "P/b.nii", "R/a.nii", "R/b.nii")
    matches = find_pairs(predictions, references)
    assert [pair.case for pair in matches.pairs] == ["b"]
    assert list(matches.failed) == ["a"]


def test_why_nothing_can_be_compared_is_said_of_every_case(made):
    predictions, references, images, maps = made("P/a.nii", "R/b.nii", "R/a2.nii", "I/c.nii", "Q/c_liver.nii")
    matches = find_pairs(predictions, references, images=images, probabilities=maps)
    assert matches.pairs == ()
    assert list(matches.failed) == ["a", "a2", "b"]


def test_cts_beside_the_masks_of_predictions_raise_the_question_of_swapped_folders(made):
    predictions, references, *_ = made("P/volume-2.nii", "R/segmentation-2.nii", "R/volume-2.nii")
    assert find_pairs(references, predictions).failed == {
        "volume-2": f"{references / 'segmentation-2.nii'} and {references / 'volume-2.nii'} are both called volume-2: "
        "keep one, or are the two folders swapped (predictions come first)?"
    }


def test_failures_are_sorted_as_cases_are(made):
    predictions, references, *_ = made("P/a.nii", "R/a.nii", "R/x10.nii", "R/x9.nii")
    assert list(find_pairs(predictions, references).failed) == ["x9", "x10"]


def test_two_files_are_a_pair_called_by_the_reference(made):
    predictions, references, images, maps = made(
        "P/mine.nii", "R/segmentation-3.nii", "I/ct.nii", "Q/volume-3_liver.nii"
    )
    one, other = predictions / "mine.nii", references / "segmentation-3.nii"
    matches = find_pairs(one, other, images=images / "ct.nii", probabilities=maps)
    assert matches.pairs == (
        EvaluationPair("volume-3", "volume-3", one, other, images / "ct.nii", {"liver": maps / "volume-3_liver.nii"}),
    )
    assert find_pairs(one, other).pairs[0].image is None


def test_the_ct_of_two_files_may_be_a_folder_of_slices(made):
    predictions, references, series, _ = made("P/mine.dcm", "R/theirs.dcm", "I/slice-1.dcm", "I/slice-2")
    found = find_pairs(predictions / "mine.dcm", references / "theirs.dcm", images=series)
    assert found.pairs[0].image == series


def test_predictions_may_lie_within_the_references(made):
    _, references, *_ = made("R/a.nii", "R/made/a.nii")
    (pair,) = find_pairs(references / "made", references).pairs
    assert (pair.prediction, pair.reference) == (references / "made" / "a.nii", references / "a.nii")


def test_probabilities_are_found_where_there_are_some_also_beside_predictions(made):
    predictions, references, _, maps = made(
        "P/a.nii", "P/b.nii", "P/a_liver.nii", "R/a.nii", "R/b.nii", "Q/b_lesion.nii.gz", "Q/b_liver.mha"
    )
    one, other = find_pairs(predictions, references, probabilities=maps).pairs
    assert one.probabilities == {}
    assert other.probabilities == {"liver": maps / "b_liver.mha", "lesion": maps / "b_lesion.nii.gz"}
    beside = find_pairs(predictions, references, probabilities=predictions)
    assert [pair.probabilities for pair in beside.pairs] == [{"liver": predictions / "a_liver.nii"}, {}]
    assert beside.failed == {}


def test_a_csv_pairs_files_of_any_name(made, tmp_path):
    predictions, references, images, _ = made(
        *("P/x.nii", "P/y.nii", "P/z.nii", "R/1/seg.nii", "R/2/seg.nii", "R/segmentation-4.nii"),
        *("I/one.nii", "I/volume-4.nii"),
    )
    (tmp_path / "list.csv").write_text(
        "prediction,reference,case,patient,image\n"
        "x.nii,1/seg.nii,late,Anna,one.nii\n"
        f"{predictions / 'y.nii'},2/seg.nii,early,Anna,\n"
        "z.nii,segmentation-4.nii,,,\n"
        "gone.nii,1/seg.nii,gone,,\n"
        "x.nii,2/seg.nii,blind,,gone.nii\n"
        "x.nii,1/seg.nii,double,,\n"
        "y.nii,1/seg.nii,double,,\n"
        "z.nii,1/seg.nii,again,,\n"
        "z.nii,1/seg.nii,again,,\n"
    )
    matches = find_pairs(predictions, references, csv=tmp_path / "list.csv", images=images)
    assert matches.pairs == (
        EvaluationPair("early", "Anna", predictions / "y.nii", references / "2" / "seg.nii"),
        EvaluationPair("late", "Anna", predictions / "x.nii", references / "1" / "seg.nii", images / "one.nii"),
        EvaluationPair(
            "volume-4", "volume-4", predictions / "z.nii", references / "segmentation-4.nii", images / "volume-4.nii"
        ),
    )
    assert matches.failed["gone"] == f"{predictions / 'gone.nii'} does not exist: check the name."
    assert matches.failed["blind"] == f"{images / 'gone.nii'} does not exist: check the name."
    assert "are both called double" in matches.failed["double"]
    assert matches.failed["again"].endswith("z.nii stands in two rows of the CSV, as again: keep one.")
    assert list(matches.failed) == ["again", "blind", "double", "gone"]


def test_cts_of_a_csv_are_looked_for_among_the_references_without_a_folder_of_their_own(made, tmp_path):
    predictions, references, *_ = made("P/x.nii", "R/r.nii", "R/ct.nii")
    (tmp_path / "list.csv").write_text("prediction,reference,image\nx.nii,r.nii,ct.nii\n")
    (pair,) = find_pairs(predictions, references, csv=tmp_path / "list.csv").pairs
    assert pair.image == references / "ct.nii"


def test_what_cannot_be_compared_at_all_is_refused_in_one_sentence(made, tmp_path):
    predictions, references, images, maps = made(
        "P/a.nii", "R/b.nii", "R/a2.nii", "I/c.nii", "Q/c_liver.nii", "N/n.txt"
    )
    (tmp_path / "list.csv").write_text("prediction,reference\na.nii,b.nii\n")
    gone, empty, csv = tmp_path / "gone", tmp_path / "N", tmp_path / "list.csv"
    one, other = predictions / "a.nii", references / "b.nii"
    for arguments, options, sentence in (
        ((gone, references), {}, "gone does not exist: check the name"),
        ((predictions, gone), {}, "gone does not exist: check the name"),
        ((predictions, references), {"csv": gone}, "gone does not exist"),
        ((empty, references), {}, "N holds no file that ends in"),
        ((predictions, empty), {}, "N holds no file that ends in"),
        ((one, references), {}, r"a\.nii is a file and .*R is a folder"),
        ((predictions, other), {}, r"b\.nii is a file and .*P is a folder"),
        ((one, other), {"csv": csv}, r"a\.nii is a file: give the folder"),
        ((predictions, references), {"images": images / "c.nii"}, r"c\.nii is a file: give the folder"),
        ((one, other), {"probabilities": maps / "c_liver.nii"}, r"c_liver\.nii is a file: give the folder"),
        ((one, other), {"images": images}, r"No image in .*I is named .* such as b\.nii\.gz\.$"),
        ((one, other), {"probabilities": maps}, r"No probability map in .*Q is named .* such as b_lesion\.nii\.gz\.$"),
    ):
        with pytest.raises(UserError, match=sentence) as caught:
            find_pairs(*arguments, **options)
        assert "\n" not in str(caught.value)
