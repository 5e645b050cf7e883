"""The HTTP interface, as a WSGI application.

GET  /healthz     200 with the release's digest, 503 while there is no release
GET  /v1/model    what goes in and comes out
GET  /v1/status   arrangement, counts, latencies
POST /v1/predict  JSON, an image, or the raw bytes of one or more samples
"""

from __future__ import annotations

import collections
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgekit.core.errors import DeviceError, EdgekitError, MissingError, UsageError
from edgekit.core.records import to_record
from edgekit.service.board import Board
from edgekit.service.current import Current

Start = Callable[[str, list[tuple[str, str]]], object]
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with; `values` becomes JSON."""

    status: str
    values: Mapping[str, object]


class Counts:
    """How many requests came, and how long the last ones took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered, self._refused = 0, 0
        self._last_us: collections.deque[float] = collections.deque(maxlen=_KEPT)

    def add(self, seconds: float, answered: bool) -> None:
        """One request more."""
        with self._lock:
            self._answered += answered
            self._refused += not answered
            if answered:
                self._last_us.append(seconds * 1e6)

    def values(self) -> dict[str, object]:
        """For /v1/status; percentiles over the last thousand."""
        with self._lock:
            last, answered, refused = sorted(self._last_us), self._answered, self._refused
        shares = {f"p{share}_us": round(last[len(last) * share // 100], 1) for share in (50, 90, 99) if last}
        return {"answered": answered, "refused": refused, **shares}


class App:
    """The application over the current release, in one of the processes that `board` shows."""

    def __init__(self, current: Current, board: Board) -> None:
        self._current = current
        self._board = board
        self._counts = Counts()
        self._routes = {
            ("GET", "/healthz"): self._health,
            ("GET", "/v1/model"): self._model,
            ("GET", "/v1/status"): self._status,
            ("POST", "/v1/predict"): self._predict,
        }

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        reply = self._reply(environ)
        body = json.dumps(reply.values).encode()
        start(reply.status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _reply(self, environ: dict[str, Any]) -> Reply:
        """The answer, or an error's sentence with the status that it stands for."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        route = self._routes.get((method, path))
        if route is None:
            known = {p for _, p in self._routes}
            status = "405 Method Not Allowed" if path in known else "404 Not Found"
            words = f"{method[:20]} {path[:80]}: no such thing"
            return Reply(status, {"error": words, "hint": ", ".join(sorted(known))})
        try:
            return route(environ)
        except EdgekitError as error:
            return Reply(_status_of(error), {"error": error.message, "hint": error.hint})
        except MemoryError:
            return Reply("503 Service Unavailable", {"error": "the memory does not suffice for this", "hint": ""})

    def _predict(self, environ: dict[str, Any]) -> Reply:
        begin, answered = time.perf_counter(), False
        try:
            kind = str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
            body = environ["wsgi.input"].read()
            with self._current.lease() as engine:
                samples = engine.ports.samples(kind, body)
                answers = [engine.ports.answer(outputs) for outputs in engine.infer_all(samples)]
                digest = engine.release.digest
            answered = True
        finally:
            self._counts.add(time.perf_counter() - begin, answered)
        first = answers[0] if len(answers) == 1 else {"samples": answers}
        return Reply("200 OK", {**first, "release": digest[:12]})

    def _health(self, environ: dict[str, Any]) -> Reply:
        refusal = {"refused": asdict(self._current.refusal)} if self._current.refusal else {}
        try:
            with self._current.lease() as engine:
                name, digests = engine.release.manifest.name, set(self._board.digests())
            if len(digests) > 1:
                return Reply("200 OK", {"status": "switching", "releases": sorted(digests), **refusal})
            return Reply("200 OK", {"status": "ok", "release": digests.pop(), "name": name, **refusal})
        except DeviceError as error:
            return Reply("503 Service Unavailable", {"status": error.message, **refusal})

    def _model(self, environ: dict[str, Any]) -> Reply:
        with self._current.lease() as engine:
            manifest = engine.release.manifest
            ports = {"inputs": to_record(manifest.inputs), "outputs": to_record(manifest.outputs)}
            return Reply("200 OK", {"name": manifest.name, "target": manifest.target.name, **ports})

    def _status(self, environ: dict[str, Any]) -> Reply:
        with self._current.lease() as engine:
            values = {"release": engine.release.digest, "since": self._current.since, **self._board.arranged}
        return Reply("200 OK", {**values, "this_process": self._counts.values()})


def _status_of(error: EdgekitError) -> str:
    if isinstance(error, UsageError):
        return "400 Bad Request"
    if isinstance(error, MissingError):
        return "415 Unsupported Media Type"
    return "503 Service Unavailable" if isinstance(error, DeviceError) else "500 Internal Server Error"
