"""Whose bundle it is: an Ed25519 signature, verified with the key that the board holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from edgekit.deploy.agent.files import read, sync_folder, write_new
from edgekit.deploy.agent.protocol import SIGNATURE, Refused

PREFIX = b"edgekit bundle signature, schema 1\0"
_SPKI = bytes.fromhex("302a300506032b6570032100")  # an Ed25519 SubjectPublicKeyInfo before its 32 bytes: RFC 8410, 4
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_FIELDS = {"schema": int, "algorithm": str, "digest": str, "serial": int, "key": str, "signature": str}
_PROGRAM_S = 60.0


class Trust:
    """The public keys of a board: root's in /etc goes before the user's own."""

    def __init__(self, home: Path) -> None:
        self._own = home / ".config" / "edgekit" / "deploy.pub"
        self._places = (Path("/etc/edgekit/deploy.pub"), self._own)

    def held(self) -> bytes:
        """The key as PEM; empty where there is none. Refuses one that is broken: it never counts as none."""
        for path in self._places:
            if os.path.lexists(str(path)):
                try:
                    pem = read(path)
                    raw_key(pem)
                except (OSError, Refused) as error:
                    raise Refused(f"the board's key {path} cannot be used: {error}") from error
                return pem
        return b""

    def told(self) -> str:
        """For people: the key's short name, or what is wrong with it; empty where there is none."""
        try:
            held = self.held()
        except Refused as error:
            return str(error)
        return key_id(held) if held else ""

    def install(self, pem: bytes) -> str:
        """Trust a key where none is trusted yet; its short name."""
        wanted, held = raw_key(pem), self.held()
        if held and raw_key(held) != wanted:
            raise Refused(f"the board trusts the key {key_id(held)} already, and takes no other")
        if not held:
            self._own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._own.with_name(f".deploy.pub.{os.getpid()}")
            write_new(temporary, pem)
            try:
                os.link(str(temporary), str(self._own))  # unlike a rename, fails where a key has appeared
            finally:
                os.unlink(str(temporary))
            sync_folder(self._own.parent)
        return key_id(pem)

    def judge(self, signature: bytes, digest: str, floor: int) -> dict[str, Any]:
        """What a signature is worth here. With a key, refuses all that it did not sign, and a serial below `floor`."""
        held = self.held()
        if not held:
            return {"signature": "signed; this board holds no key" if signature else "unsigned", "serial": 0}
        if not signature:
            raise Refused(f"the bundle is not signed, and this board takes only what the key {key_id(held)} signed")
        record = _parse(signature)
        if record["digest"] != digest or not _verified(record, held):
            raise Refused(f"the signature is of another bundle, or not by the key {key_id(held)} of this board")
        if record["serial"] < floor:
            raise Refused(
                f"the signature is older (serial {record['serial']}) than one that the board has accepted ({floor}); "
                "to go back, roll back, or sign the bundle again"
            )
        return {"signature": f"signed by {key_id(held)}, serial {record['serial']}", "serial": record["serial"]}


def raw_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key. Refuses what is no Ed25519 key in PEM."""
    text = pem.decode("ascii", "replace").strip()
    try:
        if not text.startswith(_BEGIN) or not text.endswith(_END):
            raise ValueError
        body = base64.b64decode("".join(text[len(_BEGIN) : -len(_END)].split()), validate=True)
        if len(body) != len(_SPKI) + 32 or not body.startswith(_SPKI):
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise Refused("it is no Ed25519 public key in PEM") from error
    return body[len(_SPKI) :]


def key_id(pem: bytes) -> str:
    """The short name of a key, as `edgekit bundle keygen` prints it."""
    return hashlib.sha256(raw_key(pem)).hexdigest()[:16]


def _parse(data: bytes) -> dict[str, Any]:
    """A signature's fields, of the right types and lengths."""
    try:
        record = json.loads(data.decode())
        sound = set(record) == set(_FIELDS) and all(type(record[name]) is kind for name, kind in _FIELDS.items())
        sound = sound and record["schema"] == 1 and record["algorithm"] == "ed25519"
        sound = sound and len(bytes.fromhex(record["signature"])) == 64 and len(bytes.fromhex(record["digest"])) == 32
        if not sound or not 0 <= record["serial"] < 1 << 62:
            raise ValueError("a field is missing or of another form")
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(f"{SIGNATURE} is no signature: {error}") from error
    return dict(record)


def _verified(record: dict[str, Any], pem: bytes) -> bool:
    message = PREFIX + record["serial"].to_bytes(8, "big") + bytes.fromhex(record["digest"])
    signature = bytes.fromhex(record["signature"])
    found = _by_package(message, signature, pem)
    return _by_program(message, signature, pem) if found is None else found


def _by_package(message: bytes, signature: bytes, pem: bytes) -> bool | None:
    """By the Python package `cryptography`; None where it is not there, or too old for Ed25519."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(raw_key(pem)).verify(signature, message)
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm:
        return None
    return True


def _by_program(message: bytes, signature: bytes, pem: bytes) -> bool:
    """By the program `openssl`. Refuses where it is not there or cannot do it: then nothing is known."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("key", pem), ("message", message), ("signature", signature)):
            (Path(folder) / name).write_bytes(data)
        words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "message"]
        try:
            done = subprocess.run(
                [*words, "-sigfile", "signature"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PROGRAM_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(
                "this board holds a key and has neither Python's cryptography nor a working openssl: "
                "no signature can be verified here (apt install openssl)"
            ) from error
    said = done.stdout.decode(errors="replace")
    if done.returncode == 0 and "Verified Successfully" in said:
        return True
    if "Verification Failure" in said:
        return False
    raise Refused(f"the board's openssl cannot verify Ed25519 (3.0 at least can): {' '.join(said.split())[:160]}")
