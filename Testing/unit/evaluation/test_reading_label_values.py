import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.reading import parse_values, values_in_words


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("liver=5,lesion=7", {5: 1, 7: 2}),
        ("lesion=1", {1: 2}),
        ("liver=255", {255: 1}),
        ("liver=5+6,lesion=7", {5: 1, 6: 1, 7: 2}),
        (" Lesion = 1 , LIVER = 2 + 3 ", {1: 2, 2: 1, 3: 1}),
    ],
)
def test_values_are_read_from_words(text, values):
    assert parse_values(text) == values


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "5",
            "liver",
            "liver=",
            "liver=x",
            "liver=-1",
            "liver=1.5",
            "liver=1,",
            "tumour=1",
            "liver:1",
            "liver=1+",
        ),
        *("liver=0", "liver=1,lesion=1", "liver=1+1", "liver=1,liver=2", "liver=1 lesion=2", "liver=1;lesion=2"),
    ],
)
def test_other_words_are_refused_in_one_sentence(text):
    with pytest.raises(
        UserError, match="does not say which values are liver and which lesion: write such as"
    ) as caught:
        parse_values(text)
    assert str(caught.value).startswith(f"“{text}”")
    assert "\n" not in str(caught.value)


def test_values_are_told_by_their_size():
    assert values_in_words({7: 2, 5: 1}) == "liver 5, lesion 7"
