"""A microcontroller on a serial port, through pyserial (extra `serial`), with the agent as its firmware."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any

from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.extras import installed, require
from edgekit.transports.base import Found
from edgekit.transports.framed import FramedTransport, Patience
from edgekit.transports.uri import DeviceUri

BAUD = 115_200
"""Bits per second where $EDGEKIT_SERIAL_BAUD says nothing. A USB port of the chip itself does not care."""
_WRITE_S = 10.0
_CHUNK_BYTES = 1 << 16


def serial_transport(uri: DeviceUri) -> FramedTransport:
    """The transport of `serial:/dev/…`."""
    return FramedTransport(uri, lambda: SerialLine(uri), Patience())


def discover() -> tuple[Found, ...]:
    """The serial ports of this machine that have hardware behind them; none without pyserial. Nothing is opened."""
    if not installed("serial"):
        return ()
    ports = require("serial.tools.list_ports", "serial").comports()
    found = (port for port in ports if port.hwid not in (None, "", "n/a"))
    return tuple(_found(port.device, port.description) for port in sorted(found, key=lambda port: str(port.device)))


def _found(path: str, description: str) -> Found:
    if not os.access(path, os.R_OK | os.W_OK):
        return Found(f"serial:{path}", f"{description}: no permission", usable=False)
    return Found(f"serial:{path}", description)


class SerialLine:
    """A Line through a serial port that nobody else holds.

    Raises MissingError without pyserial, UsageError for a baud rate that is no number, and DeviceError where the
    port is not there, may not be opened, or is in use.
    """

    def __init__(self, uri: DeviceUri) -> None:
        self._uri = uri
        self._module = require("serial", "serial")
        self._port = self._open()

    def read(self, timeout_s: float) -> bytes:
        """See Line."""
        try:
            self._port.timeout = max(0.0, timeout_s)
            first: bytes = self._port.read(1)
            return first + bytes(self._port.read(min(self._port.in_waiting, _CHUNK_BYTES))) if first else b""
        except (self._module.SerialException, OSError, TypeError) as error:  # TypeError: pyserial, closed meanwhile
            raise self._gone(error) from error

    def write(self, data: bytes) -> None:
        """See Line."""
        try:
            self._port.write(data)
        except self._module.SerialTimeoutException as error:
            raise DeviceError(f"{self._uri}: the port took nothing for {_WRITE_S:g} s") from error
        except (self._module.SerialException, OSError, TypeError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """See Line."""
        with contextlib.suppress(self._module.SerialException, OSError):  # one that is gone is closed
            self._port.close()

    def _open(self) -> Any:
        """pyserial's port. Its exclusive mode is flock(2), so that a second session is refused even for root."""
        path = self._uri.name
        try:
            port = self._module.Serial(path, _baud(), timeout=0, write_timeout=_WRITE_S, exclusive=True)
            port.reset_input_buffer()  # what an earlier session left
            return port
        except (self._module.SerialException, OSError) as error:
            raise _refusal(self._uri, error) from error

    def _gone(self, error: Exception) -> DeviceError:
        return DeviceError(f"{self._uri}: the port is gone: {error}", "Is the board still plugged in and powered?")


def _refusal(uri: DeviceUri, error: Exception) -> DeviceError:
    """Why the port does not open. pyserial keeps the errno, but for its lock, where it is that of flock(2)."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return DeviceError(f"{uri}: there is no such port", "`edgekit devices` lists the ports that are there.")
    if number in {errno.EACCES, errno.EPERM}:
        return DeviceError(f"{uri}: no permission on the port", "sudo usermod -aG dialout $USER, then log in again.")
    if number in {errno.EAGAIN, errno.EBUSY}:
        return DeviceError(f"{uri} is in use by another edgekit session")
    return DeviceError(f"{uri}: cannot open the port: {error}")


def _baud() -> int:
    text = os.environ.get("EDGEKIT_SERIAL_BAUD", "")
    if not text:
        return BAUD
    if not text.isdigit() or not 300 <= int(text) <= 12_000_000:
        raise UsageError(f"EDGEKIT_SERIAL_BAUD={text!r} is no baud rate", "A number from 300 to 12000000.")
    return int(text)
