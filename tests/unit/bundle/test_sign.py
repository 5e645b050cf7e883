"""A signature says who made a bundle, and nothing else passes for one."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.bundle.manifest import MANIFEST, SIGNATURE
from edgekit.bundle.measured import add_measurement
from edgekit.bundle.pack import pack_bundle, unpack_bundle
from edgekit.bundle.read import open_bundle, verify_bundle
from edgekit.bundle.sign import Signature, key_id, make_keys, message, sign_bundle, signed, verify_signature
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import ModelError, StorageError, UsageError
from tests.cli.run import edgekit, said
from tests.unit.bundle.content import content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "b", content())
    return tmp_path / "b"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "key")
    return tmp_path / "key"


def test_a_signature_is_of_this_bundle_by_this_key(folder: Path, key: Path, tmp_path: Path) -> None:
    made = sign_bundle(folder, key, 7)
    found = verify_signature(open_bundle(folder), tmp_path / "key.pub")
    assert (found, found.serial, found.key) == (made, 7, key_id(tmp_path / "key.pub"))
    assert verify_bundle(folder) == []
    make_keys(tmp_path / "other")
    with pytest.raises(ModelError, match="not by the key"):
        verify_signature(open_bundle(folder), tmp_path / "other.pub")


def test_the_signature_is_outside_of_the_digest_and_packed_along(folder: Path, key: Path, tmp_path: Path) -> None:
    before = open_bundle(folder).manifest.digest
    sign_bundle(folder, key, 7)
    add_measurement(folder, {"a": 1})
    assert open_bundle(folder).manifest.digest == before
    pack_bundle(folder, tmp_path / "b.edgekit")
    unpack_bundle(tmp_path / "b.edgekit", tmp_path / "again")
    assert (tmp_path / "again" / SIGNATURE).read_bytes() == (folder / SIGNATURE).read_bytes()
    verify_signature(open_bundle(tmp_path / "b.edgekit"), tmp_path / "key.pub")


def test_openssl_agrees(folder: Path, key: Path, tmp_path: Path) -> None:
    made = sign_bundle(folder, key, 7)
    (tmp_path / "message").write_bytes(message(made.digest, made.serial))
    (tmp_path / "signature").write_bytes(bytes.fromhex(made.signature))
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", "message"]
    done = subprocess.run(
        [*words, "-sigfile", "signature"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=30
    )
    assert "Verified Successfully" in done.stdout, done.stderr


def _field(name: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / SIGNATURE).read_text())
        (folder / SIGNATURE).write_text(json.dumps({**record, name: value}))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _field("serial", 8),
        _field("serial", -1),
        _field("serial", True),
        _field("serial", 1 << 70),
        _field("digest", "0" * 64),
        _field("signature", "0" * 128),
        _field("signature", "00"),
        _field("signature", "zz" * 64),
        _field("algorithm", "none"),
        _field("schema", 2),
        _field("more", 1),
        lambda folder: (folder / SIGNATURE).write_text("{"),
        lambda folder: (folder / SIGNATURE).write_text("[" * 100_000),
        lambda folder: (folder / SIGNATURE).unlink(),
    ],
)
def test_an_altered_signature_is_refused(
    folder: Path, key: Path, change: Callable[[Path], None], tmp_path: Path
) -> None:
    sign_bundle(folder, key, 7)
    change(folder)
    with pytest.raises(ModelError):
        verify_signature(open_bundle(folder), tmp_path / "key.pub")


def test_a_signature_of_another_bundle_is_refused(folder: Path, key: Path, tmp_path: Path) -> None:
    sign_bundle(folder, key, 7)
    write_bundle(tmp_path / "c", dataclasses.replace(content(), name="another"))
    (tmp_path / "c" / SIGNATURE).write_bytes((folder / SIGNATURE).read_bytes())
    with pytest.raises(ModelError, match="of another bundle"):
        verify_signature(open_bundle(tmp_path / "c"), tmp_path / "key.pub")


def test_a_bundle_may_not_list_its_own_signature(folder: Path, key: Path) -> None:
    sign_bundle(folder, key, 7)
    manifest = open_bundle(folder).manifest
    entry = dataclasses.replace(manifest.files[0], path=SIGNATURE)
    (folder / MANIFEST).write_bytes(dataclasses.replace(manifest, files=(*manifest.files, entry)).sealed().to_bytes())
    with pytest.raises(ModelError, match=SIGNATURE):
        open_bundle(folder)


def test_a_huge_signature_is_not_read(folder: Path) -> None:
    (folder / SIGNATURE).write_bytes(b" " * (1 << 20))
    with pytest.raises(ModelError, match="larger than"):
        open_bundle(folder)


def test_signing_in_memory_writes_nothing(folder: Path, key: Path, tmp_path: Path) -> None:
    bundle = signed(open_bundle(folder), key)
    assert verify_signature(bundle, tmp_path / "key.pub").serial > 1_600_000_000
    assert not (folder / SIGNATURE).exists()
    assert Signature.from_bytes(bundle.signature).to_bytes() == bundle.signature


def test_a_private_key_is_its_owners_and_is_never_overwritten(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        make_keys(tmp_path / "key")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key", "key.pub"]
    content = (tmp_path / "key").read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        make_keys(tmp_path / "key")
    (tmp_path / "key.pub").unlink()
    with pytest.raises(UsageError, match="never overwritten"):
        make_keys(tmp_path / "key")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="never overwritten"):
        make_keys(tmp_path / "link")
    assert (tmp_path / "key").read_bytes() == content
    assert not (tmp_path / "nowhere").exists()


def test_keys_that_are_none(folder: Path, key: Path, tmp_path: Path) -> None:
    key.chmod(0o640)
    with pytest.raises(UsageError, match="others can read"):
        sign_bundle(folder, key)
    (tmp_path / "text").write_text("no key")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(UsageError, match="no private key"):
        sign_bundle(folder, tmp_path / "text")
    with pytest.raises(StorageError):
        sign_bundle(folder, tmp_path / "missing")
    with pytest.raises(UsageError, match="no public key"):
        verify_signature(open_bundle(folder), tmp_path / "text")
    rsa = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(tmp_path / "rsa")]
    subprocess.run(rsa, check=True, capture_output=True, timeout=60)
    (tmp_path / "rsa").chmod(0o600)
    with pytest.raises(UsageError, match="another kind"):
        sign_bundle(folder, tmp_path / "rsa")


def test_the_commands(folder: Path, tmp_path: Path) -> None:
    private, public = tmp_path / "k", tmp_path / "k.pub"
    assert edgekit("bundle", "keygen", private, cache=tmp_path / "c").returncode == 0
    assert edgekit("bundle", "verify", folder, cache=tmp_path / "c").returncode == 0
    done = edgekit("bundle", "verify", folder, "--key", public, cache=tmp_path / "c")
    assert (done.returncode, "is not signed" in said(done)) == (3, True)
    assert edgekit("bundle", "sign", folder, "--key", private, "--serial", 3, cache=tmp_path / "c").returncode == 0
    done = edgekit("bundle", "verify", folder, "--key", public, cache=tmp_path / "c")
    assert (done.returncode, "with the serial 3" in done.stdout) == (0, True)
