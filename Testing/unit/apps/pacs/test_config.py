import re

import pytest

from LiverTumorSegLib.apps.pacs import config, config_file
from LiverTumorSegLib.core.errors import UserError

LEAST = {
    "folder": 'folder = "pacs"',
    "receive": '[receive]\nsenders = [{ ae_title = "SCANNER" }]',
    "send": '[send.dicom]\nae_title = "PACS"\naddress = "pacs"\nport = 104',
}


@pytest.fixture
def read(tmp_path):
    def read(**sections):
        (tmp_path / "pacs.toml").write_text("\n".join(filter(None, (LEAST | sections).values())))
        return config_file.read(tmp_path / "pacs.toml")

    return read


def test_little_is_enough(read, tmp_path):
    found = read()
    assert found.folder == tmp_path / "pacs"
    assert found.receive.ae_title == "LIVERTUMORSEG"
    assert found.rules == (config.Rule(),)
    assert found.page == config.Page()


def test_paths_begin_at_the_file_s_folder_wherever_they_stand(read, tmp_path):
    tls = '{ certificate = "a.pem", key = "/etc/a.key", authorities = "b.pem" }'
    found = read(
        receive=f'[receive]\nsenders = [{{ ae_title = "A" }}]\ntls = {tls}',
        send='[send.web]\nurl = "https://pacs/web"\nuser = "me"\npassword_file = "password"',
    )
    assert found.receive.tls.certificate == tmp_path / "a.pem"
    assert found.receive.tls.key.as_posix() == "/etc/a.key"
    assert found.send.web.password_file == tmp_path / "password"


def test_a_path_may_begin_at_the_home_folder(read, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert read(folder='folder = "~/pacs"').folder == tmp_path / "home" / "pacs"
    assert read(folder='folder = "~nobody-at-all/pacs"').folder == tmp_path / "~nobody-at-all" / "pacs"


def test_a_model_is_a_name_or_a_path(read, tmp_path):
    assert read(segment='[segment]\nmodel = "unet-lits"').segment.model == "unet-lits"
    assert read(segment='[segment]\nmodel = "./mine"').segment.model == str(tmp_path / "mine")


def test_a_page_may_be_left_out(read):
    assert read(folder='folder = "pacs"\npage = false').page is None


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"folder": ""}, "folder is missing"),
        ({"folder": 'folder = "pacs"\nfoldr = 1'}, "there is no “foldr”: did you mean folder?"),
        ({"folder": "folder = 3"}, "folder .* 3"),
        ({"receive": ""}, r"\[receive\] or \[watch\] is needed"),
        ({"receive": "[receive]"}, "receive, senders is missing"),
        ({"receive": "[receive]\nsenders = []"}, "receive, senders has 0 entries, fewer than the 1"),
        ({"receive": '[receive]\nsenders = ["A"]'}, "receive, senders, entry 1 should be a mapping"),
        ({"receive": '[receive]\nsenders = [{ ae_title = "" }]'}, "entry 1, ae_title: an AE title has 1 to 16"),
        ({"receive": f'[receive]\nsenders = [{{ ae_title = "{"A" * 17}" }}]'}, "an AE title has 1 to 16"),
        ({"receive": LEAST["receive"] + '\naddress = ""'}, "receive, address cannot be “”"),
        ({"receive": LEAST["receive"] + "\nport = 0"}, "receive, port should be 1 or more, not 0"),
        ({"receive": LEAST["receive"] + '\nport = "104"'}, "receive, port should be a whole number, not the text"),
        ({"receive": LEAST["receive"] + "\nport = true"}, "receive, port should be a whole number, not true"),
        ({"receive": LEAST["receive"] + "\nquiet_seconds = -1"}, "receive, quiet_seconds should be larger than 0"),
        ({"receive": LEAST["receive"] + "\nquiet_seconds = nan"}, "receive, quiet_seconds should be a finite number"),
        ({"receive": LEAST["receive"] + "\n[receive.tls]"}, "receive, tls, certificate is missing"),
        ({"send": ""}, "send is missing"),
        ({"send": "[send]"}, r"send: \[send\] needs either dicom or web"),
        ({"send": LEAST["send"] + '\n[send.web]\nurl = "http://a"'}, r"send: \[send\] needs either dicom or web"),
        ({"send": '[send.web]\nurl = "pacs"'}, "send, web, url: an address begins with http:// or https://"),
        ({"send": '[send.web]\nurl = "http://me:secret@pacs"'}, "has no name or password in it"),
        ({"send": '[send.web]\nurl = "http://a"\nuser = "me"'}, "send, web: user and password_file belong together"),
        (
            {"send": '[send.web]\nurl = "http://a"\n[send.web.tls]\ncertificate = "a"\nkey = "b"\nauthorities = "c"'},
            "send, web: tls is given but url does not begin with https://",
        ),
        (
            {"rules": '[[rules]]\ndescription = "("'},
            "rules, entry 1, description: “\\(” is not a valid regular expression",
        ),
        ({"rules": "[[rules]]\nthinnest_mm = 3\nthickest_mm = 2"}, "rules, entry 1: thinnest_mm is more than thickest"),
        ({"folder": 'folder = "pacs"\nrules = []'}, "rules has 0 entries, fewer than the 1"),
        (
            {"segment": '[segment]\nlesion_segments = "some"'},
            "segment, lesion_segments should be each or all, not “some”",
        ),
        ({"limits": "[limits]\nfree_mb = 3"}, "there is no “free_mb” at limits: did you mean free_gb"),
        ({"limits": "[limits]\nsend_days = inf"}, "limits, send_days should be"),
        ({"share": '[share]\ndatabase = "postgresql://a/b"'}, r"\[share\] needs \[watch\]"),
        (
            {"share": '[watch]\nurl = "http://a"\n[share]\ndatabase = "postgresql://a/b"'},
            r"\[share\] and \[receive\] cannot be combined",
        ),
        ({"share": '[share]\ndatabase = "mysql://a"'}, "share, database: a database is given as postgresql://"),
        ({"page": "[page]\nport = 70000"}, "page, port should be 65535 or less"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_file_and_the_key(read, sections, words):
    with pytest.raises(UserError, match=words) as told:
        read(**sections)
    assert re.match(r".*/pacs\.toml: .*[.?]$", str(told.value))
    assert "\n" not in str(told.value)


def test_what_is_no_toml_is_said_with_its_place(read):
    with pytest.raises(UserError, match=r"pacs\.toml is not valid TOML \(.*line 1.*\): correct it there\."):
        read(folder="folder = ")


def test_a_missing_file_and_one_in_another_encoding_are_said(tmp_path):
    with pytest.raises(UserError, match=r"gone\.toml cannot be read \(No such file or directory\)"):
        config_file.read(tmp_path / "gone.toml")
    (tmp_path / "pacs.toml").write_bytes(b"folder = '\xff'")
    with pytest.raises(UserError, match=r"pacs\.toml cannot be read \(it is not UTF-8\)"):
        config_file.read(tmp_path / "pacs.toml")


def test_pauses_double_up_to_the_longest():
    limits = config.Limits(retry_seconds=30, longest_retry_seconds=100)
    assert [limits.pause_seconds(failures) for failures in (0, 1, 2, 1000)] == [30, 60, 100, 100]
