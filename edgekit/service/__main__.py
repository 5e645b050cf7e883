"""`python service.pyz --release ~/edgekit/current --socket ~/edgekit/service.sock`: what the board runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgekit.core.errors import EdgekitError
from edgekit.service.supervisor import ServiceOptions, serve
from edgekit.service.tuning import Arrangement


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit codes as edgekit's."""
    options = _parser().parse_args(arguments)
    try:
        serve(ServiceOptions(options.release, options.socket, options.port or 0, _arrangement(options)))
    except EdgekitError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgekit-service", description="Answer predictions of the current release.")
    parser.add_argument("--release", type=Path, required=True, help="the folder of a release, or a link to it")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", type=Path, help="listen on this Unix socket")
    where.add_argument("--port", type=int, help="listen on this port of 127.0.0.1; 0 takes a free one and prints it")
    parser.add_argument("--processes", type=_positive, help="how many; the whole arrangement is measured without any")
    parser.add_argument("--interpreters", type=_positive, help="in each process; each answers one request at a time")
    parser.add_argument("--threads", type=_positive, help="of each interpreter")
    return parser


def _arrangement(options: argparse.Namespace) -> Arrangement | None:
    asked = (options.processes, options.interpreters, options.threads)
    return Arrangement(*(number or 1 for number in asked)) if any(asked) else None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
