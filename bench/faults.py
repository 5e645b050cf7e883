"""What was promised for each fault, and what was seen: real daemons, real cuts.

Usage: python -m bench.faults [WORD ...] [--json FILE]

WORD runs only the faults whose row has it. Needs the packages of the lab (`edgekit doctor` lists them). Exit code 1
where a promise was not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from bench import faults_elsewhere, faults_of_deployments, faults_on_the_line
from bench.fault import Fault, Seen


def main() -> int:
    """Inject each, print a row each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["EDGEKIT_LAB"] = "required"
    modules = (faults_on_the_line, faults_of_deployments, faults_elsewhere)
    every = [fault for module in modules for fault in module.faults()]
    chosen = [fault for fault in every if all(word in f"{fault.where}: {fault.what}" for word in options.words)]
    rows = [_row(fault) for fault in chosen]
    broken = sum(not row["kept"] for row in rows)
    print(f"\n{len(rows)} faults, {len(rows) - broken} promises kept, {broken} broken")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return 1 if broken else 0


def _row(fault: Fault) -> dict[str, object]:
    start = time.monotonic()
    try:
        seen = fault.run()
    except Exception as error:  # noqa: BLE001 - whatever comes is no kept promise, and the table goes on
        seen = Seen(False, f"{type(error).__name__}: {error}")
    mark = "kept  " if seen.kept else "BROKEN"
    print(
        f"{mark} {fault.where}: {fault.what}\n         promised: {fault.promised}\n         seen: {seen.words}",
        flush=True,
    )
    seconds = round(time.monotonic() - start, 1)
    names = {"where": fault.where, "what": fault.what, "promised": fault.promised}
    return {**names, "kept": seen.kept, "seen": seen.words, "seconds": seconds}


if __name__ == "__main__":
    sys.exit(main())
