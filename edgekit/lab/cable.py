"""The cable between a port of this machine and a server inside a box's network namespace, as a program of its own.

    python cable.py --listener FD --pid PID --to PORT

It accepts on the inherited listening socket FD, joins the network namespace of PID and connects to PORT there.
Orders come as lines on standard input, each answered by `ok`: `pull` (reset every connection and every new one),
`plug` (whole again, all faults gone), `drop DIRECTION BYTES` (pull itself once so many more bytes went to the `device`
or to the `host`), `stall DIRECTION BYTES` (fall silent then), `rate BYTES_PER_S` (0 is no limit).
It ends when standard input does, so it never outlives the process that made it. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_NS_GET_USERNS = 0xB701  # linux/nsfs.h
_CHUNK_BYTES = 1 << 16
_SLOW_CHUNK_BYTES = 1 << 12
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


@dataclass(slots=True)
class Fault:
    """What happens once `left` more bytes have gone in `direction` ("device" or "host")."""

    kind: str
    direction: str
    left: int


class Cable:
    """Carries bytes between connections, and breaks when it is told to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._pulled = False
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._rate = 0
        self._fault: Fault | None = None

    def obey(self, order: str) -> None:
        """One order line. Raises ValueError for one that is not known."""
        match order.split():
            case ["pull"]:
                self.pull()
            case ["plug"]:
                self.plug()
            case ["rate", rate]:
                self._rate = int(rate)
            case ["drop" | "stall" as kind, "device" | "host" as direction, count]:
                self._fault = Fault(kind, direction, int(count))
            case _:
                raise ValueError(order)

    def pull(self) -> None:
        """Reset every connection, and every new one until `plug`."""
        self._pulled = True
        for writer in tuple(self._writers):
            self._reset(writer)

    def plug(self) -> None:
        """Make the cable whole: no fault is left, a stalled connection goes on."""
        self._pulled, self._fault = False, None
        self._speaks.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from the host, to its end."""
        self._writers.add(writer)
        await self._speaks.wait()
        try:
            if self._pulled:
                raise ConnectionResetError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            self._reset(writer)
            return
        self._writers.add(far_writer)
        for end in (writer, far_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, writer, "device"), self._pump(far_reader, writer, far_writer, "host")
            )
        finally:
            for end in (writer, far_writer):
                self._writers.discard(end)
                end.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        direction: str,
    ) -> None:
        try:
            while data := await reader.read(_SLOW_CHUNK_BYTES if self._rate else _CHUNK_BYTES):
                await self._speaks.wait()
                await self._carry(data, writer, direction)
                if self._rate:
                    await asyncio.sleep(len(data) / self._rate)
            writer.write_eof()
        except (OSError, RuntimeError):  # RuntimeError: the transport was aborted in the meantime
            self._reset(writer)
            self._reset(back)

    async def _carry(self, data: bytes, writer: asyncio.StreamWriter, direction: str) -> None:
        fault = self._fault
        if fault is None or fault.direction != direction:
            writer.write(data)
            await writer.drain()
            return
        before, after = data[: fault.left], data[fault.left :]
        fault.left -= len(before)
        writer.write(before)
        await writer.drain()
        if fault.left > 0 or not after:
            return
        self._fault = None
        if fault.kind == "drop":
            self.pull()
            return
        self._speaks.clear()
        await self._speaks.wait()
        writer.write(after)
        await writer.drain()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        """Close with RST, as a line that broke is noticed."""
        self._writers.discard(writer)
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()


def join_network_of(pid: int) -> None:
    """Enter the network namespace of a process. Raises OSError.

    Root joins at once; anyone else joins the user namespace that owns it first, which is not that of the process:
    bwrap makes two nested ones when it changes the user id.
    """
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _setns(network, _CLONE_NEWNET)
    except PermissionError:
        owner = fcntl.ioctl(network, _NS_GET_USERNS)
        _setns(owner, _CLONE_NEWUSER)
        _setns(network, _CLONE_NEWNET)
        os.close(owner)
    finally:
        os.close(network)


def _setns(handle: int, kind: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


async def _orders(cable: Cable) -> None:
    """Obey standard input to its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            cable.obey(line.decode())
        except ValueError:
            _answer("no")
        else:
            _answer("ok")


def _answer(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def _main(listener: int, pid: int, port: int) -> None:
    join_network_of(pid)
    cable = Cable(port)
    server = await asyncio.start_server(cable.serve, sock=socket.socket(fileno=listener))
    _answer("ok")
    await _orders(cable)
    server.close()
    cable.pull()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--listener", "--pid", "--to"):
        parser.add_argument(option, type=int, required=True)
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.listener, chosen.pid, chosen.to))
