import pytest

from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

LISTED = """
[[archives]]
name = "Research"
[archives.search.web]
url = "http://127.0.0.1:1/dicom-web"
user = "me"
password_file = "password.txt"
[archives.send.dicom]
ae_title = "PACS"
address = "127.0.0.1"
port = 104

[[archives]]
name = "Teaching"
[archives.send.web]
url = "https://teaching.example/dicom-web"
"""
PROCESS = """
folder = "pacs"
[watch]
url = "https://pacs.example/dicom-web"
[send.dicom]
ae_title = "PACS"
address = "127.0.0.1"
port = 104
"""


@pytest.fixture
def read(tmp_path):
    from LiverTumorSegLib.apps.pacs import archive_list

    def read(text, *, with_password=True):
        (tmp_path / "archives.toml").write_text(text, encoding="utf-8")
        if with_password:
            (tmp_path / "password.txt").write_text("password")
        return archive_list.read(tmp_path / "archives.toml")

    return read


def test_archives_have_names_and_paths_that_begin_at_the_file(read, tmp_path):
    research, teaching = read(LISTED)
    assert (research.name, teaching.name) == ("Research", "Teaching")
    assert research.search.web.password_file == tmp_path / "password.txt"
    assert research.send.dicom.ae_title == "PACS"
    assert teaching.search is None


def test_the_configuration_of_a_process_beside_an_archive_lists_its_archive(read):
    (only,) = read(PROCESS)
    assert (only.name, only.search.web.url) == ("PACS", "https://pacs.example/dicom-web")
    (only,) = read(
        PROCESS.replace("[send.dicom]", "[send.web]\nurl = 'https://other.example/web'\n[[x]]").split("[[x]]")[0]
    )
    assert only.name == "other.example"


MOVED = """
[[archives]]
name = "Moved"
[archives.search.dicom]
ae_title = "PACS"
address = "pacs.example"
port = 104
[archives.search.move]
ae_title = "PAGE"
address = "192.0.2.5"
port = 11113
"""


def test_the_port_of_a_c_move_is_open_to_the_archive_alone_unless_others_are_listed(read):
    (only,) = read(MOVED)
    receive = only.search.receive
    assert (receive.ae_title, receive.address, receive.port) == ("PAGE", "192.0.2.5", 11113)
    assert [(one.ae_title, one.address) for one in receive.senders] == [("PACS", "pacs.example")]
    (only,) = read(MOVED + 'senders = [{ae_title = "STORE", address = "192.0.2.7"}]')
    assert [(one.ae_title, one.address) for one in only.search.receive.senders] == [("STORE", "192.0.2.7")]
    (only,) = read(MOVED.partition("[archives.search.move]")[0])
    assert only.search.receive is None


def test_a_file_that_all_may_read_is_warned_of(read, tmp_path):
    from LiverTumorSegLib.apps.pacs import archive_list

    listed = read(LISTED)
    (tmp_path / "password.txt").chmod(0o644)
    (said,) = archive_list.warnings(listed)
    assert "password.txt" in said
    (tmp_path / "password.txt").chmod(0o600)
    assert list(archive_list.warnings(listed)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "send is missing|archives"),
        ("archives = []", "fewer than the 1 it needs"),
        (LISTED.replace("Teaching", "Research"), "two archives have the same name"),
        ('[[archives]]\nname = "A"', "an archive needs search, send or both"),
        ('[[archives]]\nname = "A"\nurl = "https://x"', "url"),
        (MOVED.replace("dicom]", "web]").replace('ae_title = "PACS"', ""), "address|port"),
        (LISTED.replace("[archives.send.dicom]", "[archives.search.move]", 1), "address|move"),
        ('[[archives]]\nname = "A"\n[archives.search]', "needs either dicom or web"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(read, text, words):
    with pytest.raises(UserError, match=words):
        read(text)


def test_a_password_that_is_missing_is_said_at_the_start(read):
    with pytest.raises(UserError, match=r"password.txt cannot be read"):
        read(LISTED, with_password=False)
