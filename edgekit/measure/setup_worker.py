"""Makes a virtual environment with a runtime on a board. A file of its own: it is copied to the board.

    python setup_worker.py request.json

Python 3.8 and the standard library. The environment gets a folder of its own below `venvs/`, `ready.json` in it says
that it is whole, and the link `venv` is switched to it by one rename: whatever interrupts this, `venv` is the old
environment or the new one, and the next run begins by clearing what was left. Each line of output is one thing done;
one that begins with "error: " is why it failed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_KEPT = 2  # the current environment and the one before, which a service may still run in
_IMPORTS = "import json, platform, numpy, {module}.interpreter; from importlib import metadata; print(json.dumps({{\
'python': platform.python_version(), 'numpy': numpy.__version__, 'runtime': metadata.version('{package}')}}))"


class SetupError(Exception):
    """Why there is no environment, in one line."""


def main(request_path: str) -> None:
    """Do what the request says and write its result file."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    files = Path(request_path).resolve().parent
    home = Path.home() / ".local" / "share" / "edgekit"
    (home / "venvs").mkdir(parents=True, exist_ok=True)
    with (home / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError("another setup is at work on this board") from None
        result = set_up(home, files, request)
    (files / "result.json").write_text(json.dumps(result), encoding="utf-8")


def set_up(home: Path, files: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The environment that was asked for, made where it is not there yet, and switched to."""
    for folder in (home / "venvs").iterdir():
        if not (folder / "ready.json").exists():
            say(f"cleared {folder}, which an interrupted setup had left")
            shutil.rmtree(str(folder))
    wanted = home / "venvs" / request["name"]
    found = check(wanted, request) if wanted.exists() else None
    if found is None:
        shutil.rmtree(str(wanted), ignore_errors=True)
        found = make(wanted, files, request)
    changed = switch(home, wanted)
    if not changed:
        say(f"{home / 'venv'} is as it should be; nothing was changed")
    clear_old(home, wanted)
    return {"changed": changed, "folder": str(wanted), **found}


def make(folder: Path, files: Path, request: dict[str, Any]) -> dict[str, str]:
    """A new environment in `folder`, with packages in it, proven by importing them."""
    options = ["--system-site-packages"] if request["system_site"] else []
    options += ["--without-pip"] if request["pip"] else []
    run([sys.executable, "-m", "venv", *options, str(folder)], "make an environment")
    python = str(folder / "bin" / "python")
    say(f"made {folder} for Python {sys.version.split()[0]}")
    pip = [python, str(files / request["pip"] / "pip")] if request["pip"] else [python, "-m", "pip"]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir"]
    if request["requirements"]:
        offline = ["--no-index", "--find-links", str(files), "--no-deps", "--require-hashes"]
        run([*install, *offline, "--requirement", str(files / request["requirements"])], "install the wheels")
    else:
        online = ["--only-binary=:all:", "--retries", "2", "--timeout", "20"]
        run([*install, *online, *request["packages"]], "install from the package index")
    found = check(folder, request)
    if found is None:
        raise SetupError(f"the new environment cannot import {request['module']}")
    say(f"installed {request['package']} {found['runtime']} and numpy {found['numpy']}")
    write(folder / "ready.json", json.dumps({"name": request["name"], **found}))
    return found


def check(folder: Path, request: dict[str, Any]) -> dict[str, str] | None:
    """The versions in an environment, or None where the runtime cannot be imported there."""
    code = _IMPORTS.format(module=request["module"], package=request["package"])
    try:
        done = subprocess.run(
            [str(folder / "bin" / "python"), "-c", code], capture_output=True, timeout=300, check=False
        )
    except OSError:
        return None
    if done.returncode != 0:
        return None
    found: dict[str, str] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


def switch(home: Path, wanted: Path) -> bool:
    """Let the link `venv` lead to `wanted`, by one rename. Gives whether it did not before."""
    link, target = home / "venv", f"venvs/{wanted.name}"
    if link.is_symlink() and os.readlink(str(link)) == target:  # noqa: PTH115  Path.readlink came with 3.9
        return False
    if link.is_dir() and not link.is_symlink():
        aside = home / f"venv.old-{int(time.time())}"
        link.rename(aside)
        say(f"moved the folder {link} to {aside}")
    staging = home / "venv.new"
    if staging.is_symlink():
        staging.unlink()
    staging.symlink_to(target)
    os.replace(str(staging), str(link))
    say(f"{link} leads to it now")
    return True


def clear_old(home: Path, current: Path) -> None:
    """Remove environments that are neither this one nor the newest of the others."""
    os.utime(str(current))
    folders = sorted((home / "venvs").iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[_KEPT:]:
        shutil.rmtree(str(folder), ignore_errors=True)
        say(f"removed {folder}")


def write(path: Path, text: str) -> None:
    """A file that is whole or absent, also after a power cut."""
    staging = path.with_name(path.name + ".new")
    with staging.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(staging), str(path))


def run(argv: list[str], what: str) -> None:
    """Run a program to its end. Raises SetupError with its last line."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
        raise SetupError(f"cannot {what}: {lines[-1].strip()[:300] if lines else f'exit code {done.returncode}'}")


def say(text: str) -> None:
    """One line of what was done."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (SetupError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        say(f"error: {' '.join(str(error).split())}")
        sys.exit(1)
