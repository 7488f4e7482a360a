"""Several visitors of one page, and jobs that are given up."""

import pytest
from support import web_cases

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    web_cases.need_browser()
    folder = tmp_path_factory.mktemp("site")
    ct = folder / "ct.nii.gz"
    write_volume(ct, phantom.create((44, 112, 128), (5.8, 3.5, 3.5), seed=5, lesions=2).volume)  # takes some seconds
    with web_cases.serving(folder, ct, grace_seconds=10) as site:  # a busy browser comes late
        yield site


@pytest.fixture(scope="module")
def browser(site):
    with web_cases.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def first(browser, site):
    """The page of the visitor who comes first and stays."""
    with web_cases.visiting(browser, site) as page:
        yield page


def begin(page):
    """Click on Segment and wait until the worker is at it."""
    web_cases.can_segment(page)
    page.click("#segment")
    web_cases.wait(page, lambda: bool(page.evaluate(IS_AT_IT)), "the job to begin")


IS_AT_IT = "() => Number(document.querySelector('#progress')?.getAttribute('aria-valuenow')) > 0"


def cancel(page):
    page.get_by_role("button", name="Cancel").click()
    web_cases.says(page, "#stage", "Cancelled; nothing was added.")
    assert page.locator("#lesions").count() == 0


def test_after_a_cancel_nothing_was_added_and_the_next_run_succeeds(first):
    begin(first)
    cancel(first)
    web_cases.segment(first)
    assert web_cases.table(first)


def test_a_second_visitor_waits_in_turn_and_gives_up_alone(browser, site, first):
    with web_cases.visiting(browser, site) as second:
        assert first.url != second.url
        web_cases.can_segment(second)
        begin(first)
        second.click("#segment")
        web_cases.says(second, "#stage", "Waiting: 1 job is before yours")
        cancel(second)
        web_cases.says(first, "#stage", "Done.")
        assert web_cases.table(first)
        assert second.locator("#lesions").count() == 0


def test_a_session_ends_soon_after_its_tab_is_closed(browser, site, first):
    with web_cases.visiting(browser, site) as second:
        web_cases.has_ct(second)
        address = second.url
        assert web_cases.status(first, address) == 200
    web_cases.wait(first, lambda: web_cases.status(first, address) == 410, "the session's end")
    assert web_cases.status(first, first.url) == 200
    web_cases.has_ct(first)
