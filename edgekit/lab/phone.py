"""An Android phone without hardware: a real adbd in a box with Android's shell, tools and places.

Android's own are adbd, mksh as /system/bin/sh, and toybox; the libraries under them, and a Python with LiteRT that
stands for the programs pushed to a phone, are this machine's, read-only.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgekit.core import process
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.files import write_atomic
from edgekit.lab import android
from edgekit.lab.adb_server import AdbServer
from edgekit.lab.android import Battery, Clocks, Heat
from edgekit.lab.box import Bind, Box, BoxPlan, Memory, started
from edgekit.lab.debs import RootRecipe, root_filesystem
from edgekit.lab.packages import require

_PORT = 5555
_USER = 2000  # system/core, libcutils, private/android_filesystem_config.h: AID_SHELL
_ADBD = "apex/com.android.adbd"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PACKAGES = ("adbd", "mksh", "toybox")
_OF_THIS_MACHINE = ("ld-linux", "libc.", "libm.", "libresolv.", "libstdc++.", "libgcc_s.", "libcrypt.", "libpthread.")
"""Libraries that Python needs too, and of which there can be only one in a process."""
_BORROWED = ("awk", "dd", "diff", "expr", "tr")
"""Programs of Android's toybox and of its other tools (system/core, shell_and_utilities) that Debian's lacks."""
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32")
_SHELL_USER = "shell:x:2000:2000:shell:/:/system/bin/sh\n"
_ETC = {
    "passwd": f"root:x:0:0:root:/:/system/bin/sh\n{_SHELL_USER}",
    "group": "root:x:0:\nshell:x:2000:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hosts": "127.0.0.1 localhost\n",
}


@dataclass(frozen=True, slots=True)
class PhoneOptions:
    """What is special about one phone.

    Args:
        port: the port of 127.0.0.1 that leads to it; 0 for a free one.
        folder: where its files stay; None for a folder that is removed with it.
        disk_bytes: the size of /data/local/tmp, where a test wants a full one; it is then empty at each start.
        server: the adb server that knows it; None for one of its own.
    """

    port: int = 0
    folder: Path | None = None
    disk_bytes: int | None = None
    server: AdbServer | None = None


class Phone:
    """A phone behind a real adbd, from `start` to `stop`; also a context manager.

    Raises MissingError where this machine lacks a Debian package, DeviceError where it does not start.
    """

    def __init__(self, options: PhoneOptions | None = None) -> None:
        require(("bwrap", "adb"))
        self._options = options or PhoneOptions()
        given = self._options.folder
        self.folder = given.absolute() if given else Path(tempfile.mkdtemp(prefix="edgekit-phone-"))
        """Its files on this machine: `data`, `sdcard`, `sys`, `vendor`; `log` is what its processes wrote."""
        self.server = self._options.server or AdbServer(self.folder / "adb")
        self.box = Box(self._plan(phone_root()), self.folder / "log", self._options.port)

    @property
    def serial(self) -> str:
        """How adb names it."""
        return f"127.0.0.1:{self.box.port}"

    @property
    def uri(self) -> str:
        """How edgekit names it, where `environment` is in the environment."""
        return f"adb:{self.serial}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads a client to this phone's adb server."""
        return self.server.environment

    @property
    def scratch(self) -> Path:
        """Its /data/local/tmp, seen from this machine (not where it has a disk size)."""
        return self.folder / "data/local/tmp"

    def start(self) -> None:
        """Start it; when this returns, adbd listens and its server answers. Nobody has called `adb connect` yet."""
        self._furnish()
        self.box.start()
        if self._options.server is None:
            self.server.start()

    def stop(self) -> None:
        """End it, and remove its folder where nobody asked to keep it. May be called twice."""
        self.box.stop()
        if self._options.server is None:
            self.server.stop()
        if self._options.folder is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def set_property(self, name: str, value: str) -> None:
        """What `getprop NAME` says from now on."""
        if not name or "/" in name or name.startswith("."):
            raise UsageError(f"{name!r} is no name of a property")
        self._write({f"data/property/{name}": value})

    def set_service(self, name: str, text: str) -> None:
        """What `dumpsys NAME` says from now on."""
        if not name or "/" in name or name.startswith("."):
            raise UsageError(f"{name!r} is no name of a service")
        self._write({f"vendor/dumpsys/{name}.txt": text})

    def set_battery(self, battery: Battery) -> None:
        """The battery from now on, as `dumpsys battery` and /sys/class/power_supply tell it."""
        self._write(android.battery_files(battery))

    def set_heat(self, heat: Heat) -> None:
        """Temperatures from now on, as `dumpsys thermalservice` and /sys/class/thermal tell them."""
        self._write(android.heat_files(heat))

    def set_clocks(self, clocks: Clocks) -> None:
        """The cores' clocks from now on, as /sys/devices/system/cpu tells them."""
        self._write(android.clock_files(clocks, os.cpu_count() or 1))

    def set_power_saving(self, saving: bool) -> None:
        """Whether the phone saves power, as `settings` and `dumpsys power` tell it."""
        self._write(android.power_file(saving))

    def __enter__(self) -> Self:
        return started(self)

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            write_atomic(self.folder / name, text.encode())
            (self.folder / name).chmod(0o644)

    def _furnish(self) -> None:
        """Write what is in its folder before it starts; what it kept from an earlier start stays."""
        for name in ("data/local/tmp", "data/property", "sdcard", "sys", "vendor"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        label = f"emulated: Android tools in namespaces on {platform.machine()}\n"
        self._write({f"etc/{name}": text for name, text in {**_ETC, "edgekit-lab": label}.items()})
        self.set_battery(Battery())
        self.set_heat(Heat())
        self.set_clocks(Clocks())
        self.set_power_saving(False)

    def _plan(self, root: Path) -> BoxPlan:
        disk = self._options.disk_bytes
        mounts: list[Bind | Memory] = [Bind(Path("/usr"), "/usr")]
        mounts += [Bind(Path(os.path.realpath(path)), path) for path in _LIBRARIES if Path(path).is_dir()]
        mounts += [Bind(Path(path), path) for path in _python_folders()]
        mounts += [Bind(root / "system", "/system"), Bind(root / "apex", "/apex")]
        mounts += [Bind(root / "system/bin", "/bin")]  # a link on a phone
        mounts += [Bind(self.folder / name, f"/{name}") for name in ("etc", "vendor", "sys")]
        mounts += [Bind(self.folder / name, f"/{name}", writable=True) for name in ("data", "sdcard")]
        mounts += [Memory("/data/local/tmp", disk)] if disk is not None else []
        environment = {
            "PATH": f"/system/bin:{sys.prefix}/bin",
            "LD_LIBRARY_PATH": f"/{_ADBD}/lib",
            "ADBD_PORT": str(_PORT),
            "ANDROID_DATA": "/data",
            "ANDROID_ROOT": "/system",
            "HOME": "/",
        }
        argv = (f"/{_ADBD}/bin/adbd",)
        return BoxPlan("phone", argv, _PORT, tuple(mounts), tuple(environment.items()), _USER)


def phone_root() -> Path:
    """The folder with the phone's /system and /apex, made once from Debian packages.

    Raises DeviceError where they cannot be fetched or made, StorageError.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise DeviceError(f"the lab has no phone for a machine with {platform.machine()}")
    suites = ("bookworm", "bookworm-backports")
    recipe = RootRecipe(f"phone-{architecture}", architecture, _PACKAGES, suites, revision=2)
    return root_filesystem(recipe, _make_android)


def _python_folders() -> tuple[str, ...]:
    """The environment that runs edgekit, at the same place."""
    return tuple(dict.fromkeys(folder for folder in (sys.base_prefix, sys.prefix) if folder != "/usr"))


def _make_android(root: Path) -> None:
    """Given: an unpacked Debian. Result: Android's /system and /apex, and nothing else."""
    tools, daemon = root / "system/bin", root / _ADBD
    for folder in (tools, daemon / "bin", daemon / "lib"):
        folder.mkdir(parents=True)
    shutil.copy2(root / "usr/lib/android-sdk/platform-tools/adbd", daemon / "bin/adbd")
    shutil.copy2(root / "usr/bin/mksh", tools / "sh")
    shutil.copy2(root / "usr/bin/toybox", tools / "toybox")
    for library in sorted((root / "usr/lib").glob("**/*.so.*")):
        if not library.name.startswith(_OF_THIS_MACHINE) and "gconv" not in library.parts:
            shutil.copy2(library, daemon / "lib" / library.name)
    done = process.run([tools / "toybox"], timeout_s=20)
    for name in done.require("toybox", DeviceError).stdout.split():
        if not (tools / name).exists():
            (tools / name).symlink_to("toybox")
    for name in _BORROWED:
        if not (tools / name).exists():
            (tools / name).symlink_to(f"/usr/bin/{name}")
    for name, text in android.PROGRAMS.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    build = "".join(f"{name}={value}\n" for name, value in android.properties(platform.machine()).items())
    (root / "system/build.prop").write_text(build)
    for entry in root.iterdir():
        if entry.name not in ("system", "apex"):
            entry.unlink() if entry.is_symlink() else shutil.rmtree(entry)
