"""`python service.pyz --release ~/edgekit/current --socket ~/edgekit/service.sock`: what the board runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from edgekit.core.errors import EdgekitError, MissingError, StorageError
from edgekit.service.app import BODY_LIMIT_BYTES, App
from edgekit.service.current import Current
from edgekit.service.engine import EngineOptions

_SPARE_THREADS = 4  # for preprocessing, answers and /healthz beside the interpreters


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit codes as edgekit's."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options)
    except EdgekitError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgekit-service", description="Answer predictions of the current release.")
    parser.add_argument("--release", type=Path, required=True, help="the folder of a release, or a link to it")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", type=Path, help="listen on this Unix socket")
    where.add_argument("--port", type=int, help="listen on this port of 127.0.0.1; 0 takes a free one and prints it")
    parser.add_argument("--interpreters", type=_positive, help="how many; without it measured")
    parser.add_argument("--threads", type=_positive, help="of each interpreter; without it measured")
    parser.add_argument("--serve-threads", type=_positive, help="how many requests are answered at a time")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _serve(options: argparse.Namespace) -> None:
    current = Current(options.release, EngineOptions(options.interpreters, options.threads))
    current.refresh()
    if current.refusal is not None:  # it keeps listening: a deployment may bring a better one
        sys.stderr.write(f"refused {current.refusal.folder}: {current.refusal.why}\n")
    server = _server(App(current), options)
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda number, frame: current.wake())
    current.watch()
    sys.stdout.write(f"listening on {options.socket or f'http://127.0.0.1:{server.effective_port}'}\n")
    sys.stdout.flush()
    try:
        server.run()  # ends with SystemExit, after the requests that are being answered
    finally:
        current.end()
        if options.socket is not None:
            with contextlib.suppress(FileNotFoundError):
                options.socket.unlink()


def _server(app: App, options: argparse.Namespace) -> Any:
    try:
        from waitress.server import create_server
    except ImportError as error:
        raise MissingError("the service needs waitress", "pip install 'edgekit[service]'") from error
    threads = options.serve_threads or len(os.sched_getaffinity(0)) + _SPARE_THREADS
    limits = {"threads": threads, "max_request_body_size": BODY_LIMIT_BYTES, "ident": "edgekit", "backlog": 256}
    try:
        if options.socket is not None:
            with contextlib.suppress(FileNotFoundError):
                options.socket.unlink()  # of one that was killed
            return create_server(app, unix_socket=str(options.socket), unix_socket_perms="600", **limits)
        return create_server(app, host="127.0.0.1", port=options.port, **limits)
    except (OSError, OverflowError) as error:
        where = options.socket or f"port {options.port}"
        raise StorageError(f"cannot listen on {where}: {error}") from error


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
