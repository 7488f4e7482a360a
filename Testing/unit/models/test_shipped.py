import pytest

from LiverTumorSegLib.models import shipped, store
from LiverTumorSegLib.models.model_folder import read_description


def test_what_ships_is_known_without_loading_it_as_its_description_says():
    titles = shipped.shipped_titles()
    assert [title["name"] for title in titles] == list(store.available_models())
    for title in titles:
        description = read_description(store.find_model(title["name"]))
        assert title["title"] == description.title
        assert tuple(title["labels"]) == description.labels
        assert title["sha256"] == description.weights.sha256
        assert title["clicks"] == (description.clicks is not None)
        assert title["research_only"] == description.licence.research_only


@pytest.mark.parametrize(
    ("name", "terms", "expected"),
    [
        ("CC-BY-NC-SA-4.0", "", True),
        ("cc-by-nc-4.0", "", True),
        ("Apache-2.0", "Do as it says.", False),
        ("LicenseRef-ours", "For research only.", True),
        ("LicenseRef-ours", "Noncommercial use.", True),
        ("NCSA", "", False),
    ],
)
def test_research_only_is_read_from_the_name_and_the_words(name, terms, expected):
    assert shipped.is_research_only(name, terms) is expected
