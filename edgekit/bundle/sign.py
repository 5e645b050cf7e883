"""Who made a bundle: an Ed25519 signature (RFC 8032) over its digest, in a file of its own beside the manifest.

What is signed is `message(digest, serial)`: a prefix that no other use of the key has, the serial and the digest. The
serial only ever grows: a board that has accepted one refuses a smaller one, so an old bundle cannot be played back.
Keys are PEM files: PKCS #8 (RFC 8410) for the private one, SubjectPublicKeyInfo for the public one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.bundle.manifest import SIGNATURE
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.core.errors import ModelError, StorageError, UsageError
from edgekit.core.extras import require
from edgekit.core.files import read_bytes, write_atomic
from edgekit.core.records import from_record, to_record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SCHEMA = 1
ALGORITHM = "ed25519"
PREFIX = b"edgekit bundle signature, schema 1\0"
"""Domain separation: a signature of anything else by the same key is none of a bundle."""
_SERIAL_LIMIT = 1 << 62
_PRIVATE_LIMIT_BYTES = 1 << 14
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Signature:
    """`signature.json`.

    Attributes:
        digest: of the manifest that is signed, 64 hexadecimal digits.
        serial: grows from one signature to the next; seconds since 1970 unless the signer says otherwise.
        key: which key signed (`key_id`), for messages only: who verifies brings a key of his own.
        signature: 128 hexadecimal digits.
    """

    schema: int
    algorithm: str
    digest: str
    serial: int
    key: str
    signature: str

    def to_bytes(self) -> bytes:
        """The file."""
        return (json.dumps(to_record(self), indent=2) + "\n").encode()

    @staticmethod
    def from_bytes(data: bytes, where: str = SIGNATURE) -> Signature:
        """Read the file. Raises ModelError for anything that is not one."""
        try:
            record = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} is not JSON: {error}") from error
        found = from_record(Signature, record, where)
        lengths = ((found.digest, 64), (found.signature, 128))
        sound = all(len(text) == size and _HEX.fullmatch(text) for text, size in lengths)
        if found.schema != SCHEMA or found.algorithm != ALGORITHM or not sound or not 0 <= found.serial < _SERIAL_LIMIT:
            raise ModelError(f"{where} is no {ALGORITHM} signature of schema {SCHEMA}", "sign the bundle again")
        return found


def message(digest: str, serial: int) -> bytes:
    """The bytes that are signed."""
    return PREFIX + serial.to_bytes(8, "big") + bytes.fromhex(digest)


def make_keys(private: Path) -> Path:
    """Make a key pair: `private` (mode 0600) and `private`.pub, which is returned. Neither is ever overwritten.

    Raises UsageError where one of them exists, StorageError, MissingError.
    """
    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise UsageError(f"{path} exists, and a key is never overwritten", "name another file")
    key = require("cryptography.hazmat.primitives.asymmetric.ed25519", "sign").Ed25519PrivateKey.generate()
    forms = require("cryptography.hazmat.primitives.serialization", "sign")
    secret = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    _create(private, secret, 0o600)
    _create(public, _public_pem(key.public_key()), 0o644)
    return public


def sign_bundle(folder: Path, private: Path, serial: int | None = None) -> Signature:
    """Sign the bundle in `folder` and put the signature beside its manifest, in place of an older one.

    Raises UsageError for a packed bundle or a key that others can read; as `open_bundle`, StorageError, MissingError.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no bundle folder", "unpack a packed bundle before you sign it")
    made = signature_for(open_bundle(folder), private, serial)
    write_atomic(folder / SIGNATURE, made.to_bytes())
    return made


def signed(bundle: Bundle, private: Path, serial: int | None = None) -> Bundle:
    """The same bundle with a new signature; nothing is written. Errors as `sign_bundle`."""
    return dataclasses.replace(bundle, signature=signature_for(bundle, private, serial).to_bytes())


def signature_for(bundle: Bundle, private: Path, serial: int | None = None) -> Signature:
    """A signature of `bundle` with the key in the file `private`. Errors as `sign_bundle`."""
    key = _private_key(private)
    digest, number = bundle.manifest.digest, int(time.time()) if serial is None else serial
    if not 0 <= number < _SERIAL_LIMIT:
        raise UsageError(f"a serial is a whole number from 0 to 2^62, not {number}")
    value = key.sign(message(digest, number)).hex()
    return Signature(SCHEMA, ALGORITHM, digest, number, _key_id(key.public_key()), value)


def verify_signature(bundle: Bundle, public: Path) -> Signature:
    """The bundle's signature, verified with the key in the file `public`.

    Raises ModelError where there is none or it is not of this key and this bundle, UsageError where `public` holds no
    Ed25519 public key, StorageError, MissingError.
    """
    key = _public_key(public)
    if not bundle.signature:
        raise ModelError(f"{bundle.folder} is not signed", "sign it with `edgekit bundle sign`")
    found = Signature.from_bytes(bundle.signature, f"{bundle.folder}/{SIGNATURE}")
    if found.digest != bundle.manifest.digest:
        raise ModelError(f"{bundle.folder}: the signature is of another bundle ({found.digest[:12]})")
    invalid = require("cryptography.exceptions", "sign").InvalidSignature
    try:
        key.verify(bytes.fromhex(found.signature), message(found.digest, found.serial))
    except invalid as error:
        other = "" if found.key == _key_id(key) else f": it says that it is by the key {found.key}"
        raise ModelError(f"{bundle.folder}: the signature is not by the key {_key_id(key)}{other}") from error
    return found


def key_id(public: Path) -> str:
    """The short name of a public key: the first 16 digits of the SHA-256 of its 32 bytes. Errors as in `verify`."""
    return _key_id(_public_key(public))


def _private_key(path: Path) -> Ed25519PrivateKey:
    _require_private(path)
    forms = require("cryptography.hazmat.primitives.serialization", "sign")
    kinds = require("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
    try:
        key = forms.load_pem_private_key(read_bytes(path), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} holds no private key that can be read without a password") from error
    except require("cryptography.exceptions", "sign").UnsupportedAlgorithm as error:
        raise UsageError(f"{path} holds a key of an unknown kind") from error
    found: Ed25519PrivateKey = _only(key, kinds.Ed25519PrivateKey, path)
    return found


def _public_key(path: Path) -> Ed25519PublicKey:
    forms = require("cryptography.hazmat.primitives.serialization", "sign")
    kinds = require("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
    try:
        key = forms.load_pem_public_key(read_bytes(path))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} holds no public key") from error
    except require("cryptography.exceptions", "sign").UnsupportedAlgorithm as error:
        raise UsageError(f"{path} holds a key of an unknown kind") from error
    found: Ed25519PublicKey = _only(key, kinds.Ed25519PublicKey, path)
    return found


def _only(key: Any, kind: Any, path: Path) -> Any:
    if not isinstance(key, kind):
        raise UsageError(f"{path} holds a key of another kind than Ed25519", "make one with `edgekit bundle keygen`")
    return key


def _require_private(path: Path) -> None:
    """Refuse a private key that is not its owner's alone."""
    try:
        status = path.stat()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"others can read the private key {path}", f"chmod 600 {path}")
    if not stat.S_ISREG(status.st_mode) or status.st_size > _PRIVATE_LIMIT_BYTES:
        raise UsageError(f"{path} holds no private key")


def _public_pem(key: Ed25519PublicKey) -> bytes:
    forms = require("cryptography.hazmat.primitives.serialization", "sign")
    return key.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file whole: it has its mode before it has content, and its name only when it is complete."""
    handle, name = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)  # unlike a rename, fails where a file is
    except FileExistsError as error:
        raise UsageError(f"{path} exists, and a key is never overwritten", "name another file") from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if name:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
