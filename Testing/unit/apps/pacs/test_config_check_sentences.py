import sys

import pytest
from support.pacs_core_cases import configured

from LiverTumorSegLib.apps.pacs.config_check import configuration_sentences


def test_what_is_served_is_said(tmp_path):
    tls = {"certificate": "a.pem", "key": "a.key", "authorities": "b.pem"}
    senders = [{"ae_title": "CT1", "address": "192.0.2.1"}, {"ae_title": "CT2"}]
    config = configured(
        tmp_path,
        receive={"senders": senders, "tls": tls, "address": "192.0.2.9", "port": 2762},
        watch={"url": "https://pacs.example/dicom-web"},
    )
    assert list(configuration_sentences(config)) == [
        (
            "Receives CT as LIVERTUMORSEG on port 2762 of 192.0.2.9, encrypted, only from CT1 at 192.0.2.1, CT2 at "
            "any address."
        ),
        "Asks https://pacs.example/dicom-web for new CT series every 60 s.",
        "Segments with unet-lits on auto.",
        "Sends results to PACS on port 1 of 127.0.0.1, not encrypted.",
    ]


def test_all_models_that_take_part_are_named(tmp_path):
    segment = {"model": "lesions", "liver_model": "livers", "also": ["vessels", "couinaud"]}
    said = list(configuration_sentences(configured(tmp_path, segment=segment)))
    assert "Segments with lesions on auto, in the liver of livers, and also with vessels, couinaud." in said


def test_results_for_a_web_service_are_said_to_go_there(tmp_path):
    config = configured(tmp_path, send={"web": {"url": "http://127.0.0.1:8042/dicom-web"}})
    assert (
        list(configuration_sentences(config))[-1] == "Sends results to http://127.0.0.1:8042/dicom-web, not encrypted."
    )


@pytest.mark.parametrize(
    ("url", "is_unsafe"),
    [
        ("http://pacs.example/dicom-web", True),
        ("http://192.0.2.1:8042", True),
        ("https://pacs.example", False),
        ("http://localhost:8042", False),
        ("http://127.0.0.2", False),
        ("http://[::1]:8042", False),
    ],
)
def test_a_password_that_can_be_read_on_its_way_is_warned_of(tmp_path, url, is_unsafe):
    watch = {"url": url, "user": "pacs", "password_file": tmp_path / "none"}
    said = list(configuration_sentences(configured(tmp_path, watch=watch)))
    assert any(line.startswith(f"Warning: the password for {url} can be read") for line in said) == is_unsafe
    assert any(line.endswith("every 60 s, not encrypted.") for line in said) != url.startswith("https")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_password_or_a_key_that_others_may_read_is_warned_of_once(tmp_path):
    password, key = tmp_path / "password.txt", tmp_path / "a.key"
    web = {"url": "https://pacs.example", "user": "pacs", "password_file": password}
    web["tls"] = {"certificate": key, "key": key, "authorities": key}
    config = configured(tmp_path, watch=web, send={"web": web})
    for file in (password, key):
        file.touch()
        file.chmod(0o600)
    assert not any("Warning" in line for line in configuration_sentences(config))
    for file in (password, key):
        file.chmod(0o644)
    warned = [line for line in configuration_sentences(config) if "Warning" in line]
    assert [str(file) in line for file, line in zip((password, key), warned, strict=True)] == [True, True]


@pytest.mark.parametrize("address", ["192.0.2.9", "::", "service.example"])
def test_a_title_alone_is_no_proof_and_is_warned_of(tmp_path, address):
    senders = [{"ae_title": "CT1", "address": "192.0.2.1"}, {"ae_title": "CT2"}]
    receive = {"senders": senders, "address": address}
    warned = [line for line in configuration_sentences(configured(tmp_path, receive=receive)) if "Warning" in line]
    assert [line.startswith("Warning: any machine that calls itself CT2 is served") for line in warned] == [True]
    receive["tls"] = {"certificate": "a.pem", "key": "a.key", "authorities": "b.pem"}
    assert not any("Warning" in line for line in configuration_sentences(configured(tmp_path, receive=receive)))


def test_where_no_other_machine_can_connect_a_title_is_enough(tmp_path):
    for address in ("127.0.0.1", "::1", "localhost"):
        receive = {"senders": [{"ae_title": "CT2"}], "address": address}
        assert not any("Warning" in line for line in configuration_sentences(configured(tmp_path, receive=receive)))


def test_services_that_share_their_work_say_so_without_the_address_of_the_database(tmp_path):
    database = "postgresql://pacs:secret@db.example/pacs"
    watch = {"url": "https://pacs.example/dicom-web"}
    said = " ".join(
        configuration_sentences(configured(tmp_path, receive=None, watch=watch, share={"database": database}))
    )
    assert "Shares them with other services" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({}, "up to 2 days back, in PACS by C-FIND and C-MOVE, at the start and every night at 02:00."),
        (
            {"send": {"web": {"url": "https://a.example"}}},
            "in https://a.example by QIDO-RS, at the start and every night at 02:00.",
        ),
        ({"watch": {"url": "https://b.example"}}, "up to 2 days back, in https://b.example."),
    ],
)
def test_where_what_was_missed_is_looked_for_is_said(tmp_path, sections, said):
    sentences = list(configuration_sentences(configured(tmp_path, catch_up={}, **sections)))
    assert any(one.startswith("Looks for missed series") and one.endswith(said) for one in sentences)


def test_an_archive_that_could_not_send_what_it_is_asked_for_is_warned_of(tmp_path):
    warned = "Warning: PACS is asked to send missed series but is not in [receive] senders: list it there."
    assert warned in configuration_sentences(configured(tmp_path, catch_up={}))
    listed = {"senders": [{"ae_title": "SCANNER"}, {"ae_title": "PACS"}]}
    assert warned not in configuration_sentences(configured(tmp_path, catch_up={}, receive=listed))
    assert warned not in configuration_sentences(configured(tmp_path))
