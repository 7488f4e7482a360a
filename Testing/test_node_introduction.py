from node_core_cases import configured

from LiverTumorSegLib.node.introduction import sentences


def test_what_is_served_is_said(tmp_path):
    tls = {"certificate": "a.pem", "key": "a.key", "authorities": "b.pem"}
    senders = [{"ae_title": "CT1", "address": "192.0.2.1"}, {"ae_title": "CT2"}]
    config = configured(
        tmp_path,
        receive={"senders": senders, "tls": tls, "address": "192.0.2.9", "port": 2762},
        watch={"url": "https://pacs.example/dicom-web"},
    )
    assert list(sentences(config)) == [
        (
            "Receives CT as LIVERTUMORSEG on port 2762 of 192.0.2.9, encrypted, from CT1 at 192.0.2.1, CT2 at any "
            "address alone."
        ),
        "Asks https://pacs.example/dicom-web for new CT series every 60 s.",
        "Segments with unet-lits on auto.",
        "Sends results to PACS on port 1 of 127.0.0.1, not encrypted.",
    ]


def test_results_for_a_web_service_are_said_to_go_there(tmp_path):
    config = configured(tmp_path, send={"web": {"url": "http://127.0.0.1:8042/dicom-web"}})
    assert list(sentences(config))[-1] == "Sends results to http://127.0.0.1:8042/dicom-web."


def test_nodes_that_share_their_work_say_so_without_the_address_of_the_database(tmp_path):
    database = "postgresql://node:secret@db.example/node"
    watch = {"url": "https://pacs.example/dicom-web"}
    said = " ".join(sentences(configured(tmp_path, receive=None, watch=watch, share={"database": database})))
    assert "Shares them with other nodes" in said
    assert "secret" not in said
