"""User names and password hashes for `oka serve --auth-file`: a line a user, `name:scrypt$salt$hash`.

`python -m assistant.accounts NAME` asks for a password and prints such a line. Leaves out sessions: HTTP Basic sends the
password along with each request, so put TLS (a reverse proxy) before a server that others reach.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import hmac
import os
import sys
from pathlib import Path

from corpus.errors import ServeError

_COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}
"""scrypt's usual cost for a login (RFC 7914): about 50 ms and 16 MiB a try."""


def account_line(name: str, password: str) -> str:
    """A line for the file. Raises ServeError for a name that the format can't hold."""
    if not name or ":" in name or not name.isprintable():
        raise ServeError(f"{name!r} can't be a user name; use printable characters without a colon.")
    salt = os.urandom(16)
    return f"{name}:scrypt${salt.hex()}${_hash(password, salt).hex()}"


class Accounts:
    """Reads the file at once. Raises ServeError where it can't be read or a line is not in the format."""

    def __init__(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ServeError(
                f"The auth file {path} can't be read ({error}); make it with: python -m assistant.accounts NAME > {path}"
            ) from error
        self._users: dict[str, tuple[bytes, bytes]] = {}
        self._admitted: set[bytes] = set()  # digests of headers that were right, so that scrypt runs once a user
        self._key = os.urandom(32)
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, rest = line.strip().partition(":")
            try:
                kind, salt, digest = rest.split("$")
                if kind != "scrypt":
                    raise ValueError(kind)
                self._users[name] = bytes.fromhex(salt), bytes.fromhex(digest)
            except ValueError as error:
                raise ServeError(
                    f"Line {number} of the auth file {path} is not name:scrypt$salt$hash; make it with: "
                    f"python -m assistant.accounts {name or 'NAME'}"
                ) from error
        if not self._users:
            raise ServeError(
                f"The auth file {path} has no user in it; add one with: python -m assistant.accounts NAME >> {path}"
            )

    def admits(self, header: str) -> bool:
        """Whether an Authorization header names a user of the file with their password. Takes about 50 ms the first time."""
        seen = hmac.digest(self._key, header.encode(), "sha256")
        if seen in self._admitted:
            return True
        scheme, _, coded = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            name, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        salt, digest = self._users.get(name, (b"-" * 16, b""))  # an unknown name takes as long as a wrong password
        if not hmac.compare_digest(_hash(password, salt), digest):
            return False
        self._admitted.add(seen)
        return True


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_COST)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m assistant.accounts NAME")
    print(account_line(sys.argv[1], getpass.getpass("Password: ")))
