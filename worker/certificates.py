"""Whether files with certificates that an address or the environment names can be read, told before any connection.

A missing one would look like a server that is away, so that the worker would wait for ever.
"""

import os
import ssl
from pathlib import Path

# A key that others may read is refused by libpq: for the group too, unless the key belongs to root.
_OTHERS_MAY, _OTHERS_MAY_ROOTS = 0o077, 0o037


def check_authorities(option: str, path: str) -> None:
    """Raises ValueError unless the file has certificates to trust."""
    check_readable(option, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (OSError, ValueError):  # ssl.SSLError is one
        raise ValueError(f"{option} names {path}, which has no certificates in PEM form") from None


def check_folder(option: str, path: str) -> None:
    """Raises ValueError unless the folder of certificates can be read."""
    try:
        os.listdir(path)
    except OSError as error:
        raise ValueError(f"{option} names {path}, which cannot be read: {error.strerror}") from None


def check_own(names: tuple[str, str], certificate: str, key: str | None, password: str) -> None:
    """Raises ValueError unless our own certificate and its key can be read and belong together.

    `names`: of the two options. Without `key` the certificate's file has it.
    """
    check_readable(names[0], certificate)
    if key is not None:
        check_readable(names[1], key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "no certificate or key in PEM form, or a wrong password of the key"
        raise ValueError(f"{names[0]} and {names[1]} cannot be used together: {reason}") from None


def check_private(option: str, path: str) -> None:
    """Raises ValueError if others may read the key, which libpq refuses."""
    status = Path(path).stat()
    if status.st_mode & (_OTHERS_MAY if status.st_uid else _OTHERS_MAY_ROOTS):
        raise ValueError(f"{option} names {path}, which others may read; let its mode be 0600")


def check_readable(option: str, path: str) -> None:
    """Raises ValueError unless it is a file that this process may read."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"{option} names {path}, which cannot be read: {error.strerror}") from None


def check_appendable(option: str, path: str) -> None:
    """Raises ValueError unless this process may write to the file, which is made if it is not there."""
    try:
        open(path, "ab").close()
    except OSError as error:
        raise ValueError(f"{option} names {path}, which cannot be written: {error.strerror}") from None
