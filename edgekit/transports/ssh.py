"""A Linux board over ssh: by the OpenSSH client, so that the user's configuration, agent, jump hosts and keys hold."""

from __future__ import annotations

from edgekit.transports.keeper import Patience
from edgekit.transports.remote import RemoteTransport
from edgekit.transports.ssh_client import SshClient
from edgekit.transports.ssh_hosts import discover
from edgekit.transports.uri import DeviceUri

__all__ = ["SshTransport", "discover"]


class SshTransport(RemoteTransport):
    """A session on a board, over one shared connection.

    Args:
        uri: `ssh:USER@HOST[:PORT]`; HOST may be an alias of the user's ~/.ssh/config.
        patience: how long each side waits for the other.
    """

    def __init__(self, uri: DeviceUri, patience: Patience | None = None) -> None:
        patience = patience or Patience()
        super().__init__(uri, SshClient(uri, patience.beat_s), patience)
