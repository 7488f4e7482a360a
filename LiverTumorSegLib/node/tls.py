"""Encrypted connections: TLS from 1.2 on, with certificates of both sides."""

from __future__ import annotations

import ssl

from ..errors import UserError
from .config import Tls


def for_server(tls: Tls) -> ssl.SSLContext:
    """What a server needs; who connects has to show a certificate.

    Raises:
        UserError: a file is missing or wrong.
    """
    return _filled(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)


def for_client(tls: Tls) -> ssl.SSLContext:
    """What a client needs; the server's certificate has to be for the name or the address that is connected to.

    Raises:
        UserError: a file is missing or wrong.
    """
    return _filled(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), tls)


def _filled(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    _refuse_unreadable(tls)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        msg = f"{tls.certificate} and {tls.key} are no certificate and its key, in PEM and without a password."
        raise UserError(msg) from error
    try:
        context.load_verify_locations(tls.authorities)
    except OSError as error:
        msg = f"{tls.authorities} holds no certificates in PEM: give those of the authorities that are accepted."
        raise UserError(msg) from error
    return context


def _refuse_unreadable(tls: Tls) -> None:
    try:
        for file in (tls.certificate, tls.key, tls.authorities):
            file.read_bytes()
    except OSError as error:
        msg = f"{error.filename} cannot be read ({error.strerror}): check its name in node.toml, and who may read it."
        raise UserError(msg) from error


def _no_password() -> str:
    """OpenSSL would ask for one on the terminal, where nobody answers."""
    return ""
