"""What is brought to a board: a bundle without what its digest does not cover, the service's program, the agent."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgekit.bundle.manifest import REPORT
from edgekit.bundle.pack import packed
from edgekit.bundle.read import Bundle
from edgekit.core.errors import UsageError
from edgekit.core.files import sha256_bytes
from edgekit.verify.npz import fixed_entry

_KINDS = ("linux", "local")
_NAME_DIGITS = 12
_PACKAGE = Path(__file__).resolve().parents[1]
_START = b"import sys\n\nfrom edgekit.deploy.agent.__main__ import main\n\nmain(*sys.argv[1:])\n"


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A bundle as it is deployed.

    Attributes:
        bundle: with neither report nor measurements: all that is left is covered by the digest, which a signature
            signs.
        service: the program that serves it, a zip application; empty for none.
    """

    bundle: Bundle
    service: bytes

    @property
    def digest(self) -> str:
        """The bundle's digest: what the service calls the release."""
        return self.bundle.manifest.digest

    @property
    def name(self) -> str:
        """Its folder on the board."""
        return self.digest[:_NAME_DIGITS]

    @property
    def service_sha256(self) -> str:
        """The hash of the service's program; empty for none."""
        return sha256_bytes(self.service) if self.service else ""

    def package(self) -> bytes:
        """The file that is pushed."""
        return packed(self.bundle)


def release_of(bundle: Bundle, service: bytes) -> Release:
    """What to deploy of `bundle`. Raises UsageError where it is for no Linux board."""
    kind = bundle.manifest.target.kind
    if kind not in _KINDS:
        raise UsageError(f"{bundle.folder} is for {kind}, and releases go to Linux boards", "build it for a board")
    listed = tuple(entry for entry in bundle.manifest.files if entry.path != REPORT)
    manifest = dataclasses.replace(bundle.manifest, files=listed, measurements=())
    files = {path: data for path, data in bundle.files.items() if path != REPORT}
    return Release(dataclasses.replace(bundle, manifest=manifest, files=files), service)


def agent_archive() -> bytes:
    """The agent as one file that any Python from 3.8 runs (PEP 441); the same bytes for the same version."""
    folder = _PACKAGE / "deploy" / "agent"
    modules = [_PACKAGE / "__init__.py", _PACKAGE / "deploy" / "__init__.py", *sorted(folder.glob("*.py"))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(fixed_entry("__main__.py"), _START)
        for path in modules:
            name = path.relative_to(_PACKAGE.parent).as_posix()
            archive.writestr(fixed_entry(name), path.read_bytes())
    return buffer.getvalue()
