"""The service's page in a real Chromium."""

from urllib.parse import urlsplit

import pytest
from support import pacs_page_cases, system_libraries, web_cases

from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")

SIZES = {"desk": (1280, 800), "laptop": (1121, 700), "tablet": (768, 1024), "phone": (360, 740)}
CONTRAST = """() => {
  const linear = part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(part => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = node => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour.endsWith(", 0)") ? behind(node.parentElement) : colour;
  };
  const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
  const told = [...document.querySelectorAll("body *")].filter(node => node.getClientRects().length && hasText(node));
  return Object.fromEntries(told.map(node => {
    const [dark, bright] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => a - b);
    return [`${node.tagName} ${node.className} ${node.textContent}`, (bright + 0.05) / (dark + 0.05)];
  }));
}"""
"""Of each text with what is behind it, as WCAG 2.2 counts it."""


report = pacs_page_cases.report


@pytest.fixture(scope="module")
def browser():
    found = system_libraries.browser()
    if not found:
        pytest.skip(f"needs a browser: {system_libraries.advice()}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(web_cases.FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def queue(tmp_path, report):
    queue = SeriesQueue(tmp_path / "node.sqlite")
    pacs_page_cases.finished(queue, tmp_path / "results", report)
    pacs_page_cases.fill(queue)
    yield queue
    queue.close()


@pytest.fixture
def visit(browser, queue, tmp_path):
    """Open the page; at its end nothing may have gone wrong in the browser, or have been asked from elsewhere."""
    with pacs_page_cases.serving(queue, tmp_path / "results") as address:
        watch, contexts = web_cases.Watch(urlsplit(address).netloc), []

        def visit(size="desk", **options):
            width, height = SIZES[size]
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            contexts.append(context)
            context.set_default_timeout(web_cases.PATIENCE * 1000)
            watch.follow(context)
            page = context.new_page()
            page.goto(address)
            page.watch = watch
            return page

        yield visit
        for context in contexts:
            context.close()
    assert watch.faults == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_the_window_can_be_read_and_shows_its_pictures(visit, theme, size):
    page = visit(size, color_scheme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) > 40
    assert {words: found for words, found in contrasts.items() if found < 4.5} == {}  # WCAG 2.2, 1.4.3
    backdrop = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert backdrop == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 30)"}[theme]
    page.locator("#job-1 img").last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].length === 3 && [...document.images].every(i => i.naturalWidth)")


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_what_a_screen_reader_meets_is_named(visit, size):
    page = visit(size)
    assert page.get_by_role("heading").count() == page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    table = page.get_by_role("table", name="All series, newest first.")
    assert table.get_by_role("row").count() == 1 + 8
    assert table.get_by_role("columnheader").count() == 6
    assert table.get_by_role("rowheader").all_inner_texts() == [str(number) for number in range(8, 0, -1)]
    assert page.get_by_role("link", name="Report of job 1", exact=True).count() == 1
    assert page.get_by_role("link", name="lesions.csv of job 1", exact=True).count() == 1
    names = page.get_by_role("link").evaluate_all("links => links.map(link => link.ariaLabel || link.innerText)")
    assert all(names)
    assert len(set(names)) == len(names)
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_keyboard_reaches_every_link_and_shows_where_it_is(visit):
    page = visit()
    reached = []
    for _ in range(page.locator("a, button").count()):
        page.keyboard.press("Tab")
        link = page.evaluate("document.activeElement.getAttribute('href')")
        reached += [link] if link else []  # else a button
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or page.evaluate("document.activeElement === document.body")
    assert reached[0] == "/"
    assert reached[-2:] == ["/results/1/report.html", "/results/1/lesions.csv"]
    assert len(set(reached)) == len(reached)


def test_a_link_leads_to_the_report_and_one_saves_its_lesions(visit):
    page = visit()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="lesions.csv of job 1").click()
    assert waiting.value.suggested_filename == "job-1-lesions.csv"
    assert waiting.value.path().read_text().startswith('"number",')
    page.get_by_role("link", name="Report of job 1").click()
    page.wait_for_url("**/results/1/report.html")
    assert page.get_by_role("heading", level=1).inner_text() == "Liver and lesions in CT"
    assert page.evaluate("[...document.images].every(image => image.naturalWidth)")
    page.go_back()
    page.locator("#job-1 img").first.click()
    page.wait_for_url("**/results/1/report.html")


def test_a_count_leads_to_the_series_in_that_state(visit):
    page = visit()
    page.locator("#count-failed").click()
    page.wait_for_url("**/?state=failed")
    assert page.locator("tbody tr").count() == 1
    assert page.locator("[aria-current=page]").inner_text().split() == ["1", "failed"]


def test_it_shows_what_changes_and_keeps_the_keyboard_where_it_was(visit, queue):
    page = visit()
    page.evaluate("document.querySelector('#job-1').same = true")
    [waiting] = queue.in_state(SeriesState.WAITING)
    assert page.locator(f"#job-{waiting.number} .state").inner_text() == "waiting"
    before = page.locator("#count-all b").inner_text()
    page.get_by_role("link", name="Report of job 1").focus()
    assert queue.begin().number == waiting.number
    pacs_page_cases.coming(queue, "CT3", 1)
    page.evaluate("refresh()")
    assert page.locator("#rows tr").count() == 9
    assert page.locator(f"#job-{waiting.number} .state").inner_text() == "segmenting"
    assert page.locator("#count-all b").inner_text() == str(int(before) + 1)
    assert page.locator("#count-waiting b").inner_text() == "0"
    assert page.evaluate("document.activeElement.ariaLabel") == "Report of job 1"
    assert page.evaluate("document.querySelector('#job-1').same")  # what is as it was stays in its place


def test_it_refreshes_itself(visit, queue):
    page = visit()
    pacs_page_cases.coming(queue, "CT3", 1)
    page.wait_for_selector("#job-9")


def test_it_says_where_the_service_does_not_answer_or_was_started_anew(visit, queue):
    page = visit()
    trouble = page.get_by_role("alert")
    assert trouble.inner_text() == ""
    page.context.clear_cookies()
    page.evaluate("refresh()")
    assert "started anew" in trouble.inner_text()
    page.context.set_offline(True)
    page.evaluate("refresh()")
    assert "does not answer" in trouble.inner_text()
    faults = page.watch.take()
    assert faults
    assert all("403" in fault or "INTERNET_DISCONNECTED" in fault for fault in faults)


def test_without_scripts_it_shows_the_same_and_is_loaded_again(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("tbody tr").count() == 8
    assert page.locator("noscript").inner_html().startswith('<meta http-equiv="refresh"')
