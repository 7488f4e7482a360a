"""Wrong certificates are said in one sentence that names the file."""

import ssl
import subprocess

import pytest
from support.archive_cases import certificates

from LiverTumorSegLib.apps.pacs import connection
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def good(tmp_path):
    return certificates(tmp_path / "certificates")


@pytest.fixture(params=[connection.server_context, connection.client_context])
def make(request):
    return request.param


def test_both_sides_need_certificates_and_tls_1_2(good, make):
    context = make(good)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_client_looks_whose_certificate_it_is(good):
    assert connection.client_context(good).check_hostname


@pytest.mark.parametrize("name", ["certificate", "key", "authorities"])
def test_a_file_that_is_missing_is_named(good, make, tmp_path, name):
    with pytest.raises(UserError, match=r"nowhere\.pem cannot be read .No such file"):
        make(good.model_copy(update={name: tmp_path / "nowhere.pem"}))


@pytest.mark.parametrize(
    ("name", "says"), [("certificate", "not a certificate"), ("key", "and its key"), ("authorities", "no certificates")]
)
def test_a_file_of_something_else_is_named(good, make, tmp_path, name, says):
    (tmp_path / "other.pem").write_text("other")
    with pytest.raises(UserError, match=says) as raised:
        make(good.model_copy(update={name: tmp_path / "other.pem"}))
    assert "other.pem" in str(raised.value)


def test_the_key_of_another_certificate_is_said(good, make, tmp_path):
    other = certificates(tmp_path / "others")
    with pytest.raises(UserError, match="are not a certificate and its key"):
        make(good.model_copy(update={"key": other.key}))


def test_a_key_with_a_password_is_said_and_nobody_is_asked(good, make, tmp_path):
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", good.key, "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(UserError, match="without a password"):
        make(good.model_copy(update={"key": locked}))
