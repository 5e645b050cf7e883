"""An Android device over adb: by the adb binary, so that the user's server, keys and devices elsewhere hold."""

from __future__ import annotations

from edgekit.transports.adb_client import AdbClient
from edgekit.transports.adb_devices import discover
from edgekit.transports.keeper import Patience
from edgekit.transports.pulse import Pulse
from edgekit.transports.remote import RemoteTransport
from edgekit.transports.uri import DeviceUri

__all__ = ["AdbTransport", "discover"]


class AdbTransport(RemoteTransport):
    """A session on a device that `adb devices` lists, or that `adb connect` reaches.

    Args:
        uri: `adb:SERIAL` or `adb:HOST:PORT`.
        patience: how long each side waits for the other.
    """

    def __init__(self, uri: DeviceUri, patience: Patience | None = None) -> None:
        patience = patience or Patience()
        client = AdbClient(uri)
        self._pulse = Pulse(client, patience)
        super().__init__(uri, client, patience)

    def open(self) -> None:
        """See Transport. Also raises MissingError where adb is not installed."""
        super().open()
        self._pulse.start()

    def close(self) -> None:
        """See Transport."""
        self._pulse.stop()
        super().close()
