"""The server library's door, so narrow that no client keeps the others out.

The library gives every connection its place until it falls silent for long, and every body a file. Here an unfinished
request has a time in which it must be whole, a full house closes the connection that has waited longest, and all
unfinished bodies together have a limit.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable
from typing import Any

from edgekit.core.errors import MissingError

BODY_LIMIT_BYTES = 64 << 20
BODIES_LIMIT_BYTES = 256 << 20
HEADER_LIMIT_BYTES = 32 << 10
CONNECTIONS = 200
REQUEST_S, IDLE_S = 30, 60
_SPILLED_BYTES = 1 << 19  # what the library keeps in memory of a body; the rest is a file
_CHUNK_LINE_BYTES = 4 << 10


def open_door(app: Callable[..., Any], listener: socket.socket, threads: int) -> Any:
    """A server with a method `run`, which ends with SystemExit. Raises MissingError."""
    server = server_library()(
        app,
        sockets=[listener],
        threads=threads,
        max_request_body_size=BODY_LIMIT_BYTES,
        max_request_header_size=HEADER_LIMIT_BYTES,
        inbuf_overflow=_SPILLED_BYTES,
        connection_limit=2 * CONNECTIONS,  # never reached: the door makes room before
        cleanup_interval=1,
        asyncore_use_poll=True,
        log_socket_errors=False,
        ident="edgekit",
    )
    door = _Door(server)
    server.channel_class, server.maintenance = door.enter, door.maintain
    return server


def server_library() -> Callable[..., Any]:
    """What makes a server. Raises MissingError."""
    try:
        from waitress.server import create_server
    except ImportError as error:
        raise MissingError("the service needs waitress", "pip install 'edgekit[service]'") from error
    found: Callable[..., Any] = create_server
    return found


class _Door:
    """Who may stay. All of it runs in the server's one thread of connections."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._channel_class = server.channel_class
        self._begun: dict[Any, float] = {}  # when the unfinished request of a connection began

    def enter(self, *words: Any, **more: Any) -> None:
        """A connection was accepted."""
        self._forget()
        if len(self._server.active_channels) >= CONNECTIONS:
            self._make_room()
        channel = self._channel_class(*words, **more)
        channel.handle_read = functools.partial(self._read, channel)
        channel.parser_class = _parser
        self._begun[channel] = time.monotonic()  # one that never says anything is late, too

    def maintain(self, now: float) -> None:
        """Each second: close what is late. `now` is the library's, of a clock that may jump."""
        self._forget()
        moment = time.monotonic()
        for channel in list(self._server.active_channels.values()):
            begun = self._begun.get(channel)
            late = begun is not None and moment - begun > REQUEST_S
            silent = channel.last_activity < now - IDLE_S and (not channel.requests or channel.total_outbufs_len)
            if late or silent:
                channel.will_close = True

    def _read(self, channel: Any) -> None:
        self._channel_class.handle_read(channel)
        request = channel.request
        if request is None:
            self._begun.pop(channel, None)
            return
        self._begun.setdefault(channel, time.monotonic())
        body = request.body_rcv
        if len(getattr(body, "control_line", b"")) + len(getattr(body, "trailer", b"")) > _CHUNK_LINE_BYTES:
            channel.handle_close()  # the library would search all of it again with each packet
        elif request.body_bytes_received > _SPILLED_BYTES:
            self._limit_bodies()

    def _limit_bodies(self) -> None:
        unfinished = [c for c in self._server.active_channels.values() if c.request is not None]
        if sum(channel.request.body_bytes_received for channel in unfinished) > BODIES_LIMIT_BYTES:
            self._close(max(unfinished, key=lambda c: c.request.body_bytes_received))

    def _make_room(self) -> None:
        """Close an unfinished request, the oldest, or else the connection that has been silent longest."""
        waiting = [c for c in self._server.active_channels.values() if not c.requests and not c.total_outbufs_len]
        unfinished = [channel for channel in waiting if channel in self._begun]
        if unfinished:
            self._close(min(unfinished, key=self._begun.__getitem__))
        elif waiting:
            self._close(min(waiting, key=lambda channel: channel.last_activity))

    def _close(self, channel: Any) -> None:
        if channel.request is not None:
            channel.request.close()  # its file
        channel.handle_close()

    def _forget(self) -> None:
        here = set(self._server.active_channels.values())
        self._begun = {channel: begun for channel, begun in self._begun.items() if channel in here}


def _parser(adjustments: Any) -> Any:
    """The library's parser, which would take a length and chunks at once: two servers may then read two requests."""
    from waitress.parser import HTTPRequestParser, ParsingError

    parser = HTTPRequestParser(adjustments)
    parse = parser.parse_header

    def checked(header: bytes) -> None:
        try:
            parse(header)
        except ValueError as error:  # a length of more digits than Python converts
            raise ParsingError("Content-Length is invalid") from error
        twofold = parser.chunked and "CONTENT_LENGTH" in parser.headers
        if twofold or "TRANSFER_ENCODING" in parser.headers:  # the latter: of HTTP/1.0
            raise ParsingError("Content-Length and Transfer-Encoding do not go together")

    parser.parse_header = checked
    return parser
