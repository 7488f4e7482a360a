"""A visitor opens an earlier result from a real archive, corrects it, and sends it back after one question."""

import pytest
from support import web_cases
from support.web_archives import stored_result

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
pytest.importorskip("highdicom", reason="needs highdicom: pip install livertumorseg[dicom]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

LISTED = """
[[archives]]
name = "Research"
[archives.search.web]
url = "{web}"
user = "{user}"
password_file = "password.txt"
[archives.send.dicom]
ae_title = "ORTHANC"
address = "127.0.0.1"
port = {dicom}
"""
WORD = "open-sesame"


@pytest.fixture
def site(archive, tmp_path):
    web_cases.need_browser()
    (tmp_path / "password.txt").write_text(WORD)
    (tmp_path / "password.txt").chmod(0o600)
    (tmp_path / "archives.toml").write_text(LISTED.format(web=archive.web, user="me", dicom=archive.dicom))
    with web_cases.serving(tmp_path, "--archives", tmp_path / "archives.toml") as site:
        yield site


def test_a_result_is_opened_corrected_and_sent_back_after_one_question(site, archive, tmp_path):
    stored_result(archive, tmp_path)
    with web_cases.chromium() as browser, web_cases.visiting(browser, site) as page:
        page.click("#archive > summary")
        page.fill("#archive-name", "some")
        page.keyboard.press("Enter")
        page.click("#archive-studies button:has-text('Some One')")
        page.click("#archive-series button:has-text('Result, with its CT')")
        page.wait_for_selector("#lesions tbody tr")
        page.click("#lesions tbody tr >> nth=0")
        page.click("#remove:not([disabled])")
        web_cases.says(page, "#no-lesions", "No lesions were found.")
        page.click("#sending .send-to:not([disabled])")
        dialog = page.get_by_role("dialog")
        dialog.wait_for()
        for name, text in {"archive": "Research", "patient": "Some One", "number": "1", "day": "2026-01-31"}.items():
            web_cases.says(page, f"#send-{name}", text)
        web_cases.says(page, "#send-dialog", "Nothing there is changed or deleted.")
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        assert len(archive.data_sets("SR")) == 1
        page.click("#sending .send-to")
        page.click("#send-yes")
        web_cases.says(page, "#sent", "Research has the segmentation and the report.")
        assert WORD not in page.content()
    assert (len(archive.data_sets("SR")), len(archive.data_sets("SEG"))) == (2, 2)
    said = site.printed.read_text(encoding="utf-8")
    assert not [word for word in ("Some", "1.2.9", "1.2.3", WORD) if word in said.replace(site.address, "")]
