"""What OpenSSH 9 says when it cannot connect, and what a person reads."""

from __future__ import annotations

import pytest

from edgekit.transports.ssh_client import why
from edgekit.transports.uri import parse_device

_BANNER = "@@@@@@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@@@@@@@@\nIT IS POSSIBLE\n"


@pytest.mark.parametrize(
    ("said", "sentence", "hint"),
    [
        (
            "No ED25519 host key is known for [board]:2222 and you have requested strict checking.\r\n"
            "Host key verification failed.\r\n",
            "has a host key that you have not accepted yet (for [board]:2222)",
            "Run `ssh -p 2222 pi@board` once, compare the fingerprint",
        ),
        (
            f"{_BANNER}Offending ED25519 key in /home/me/.ssh/known_hosts:3\n"
            "Host key for [board]:2222 has changed and you have requested strict checking.\n"
            "Host key verification failed.\n",
            "shows another host key than the one that you know",
            "`ssh-keygen -f /home/me/.ssh/known_hosts -R '[board]:2222'`",
        ),
        (_BANNER, "shows another host key than the one that you know", "`ssh-keygen -R '[board]:2222'`"),
        ("Host key verification failed.\n", "has a host key that you have not accepted yet", "compare the fingerprint"),
        ("pi@board: Permission denied (publickey).\n", "does not let you in: pi@board takes none", "ssh-copy-id"),
        (
            "me@jump: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535\n",
            "me@jump takes none",
            "ssh-add",
        ),
        ("Received disconnect from ::1: Too many authentication failures\n", "does not let you in", "ssh-add"),
        (
            "ssh: Could not resolve hostname board: Name or service not known\n",
            "is not known by that name (board)",
            "HostName",
        ),
        (
            "ssh: connect to host jump port 22: Connection refused\nConnection closed by UNKNOWN port 65535\n",
            "cannot be reached: nothing listens on jump at port 22",
            "is sshd running",
        ),
        (
            "ssh: connect to host board port 2222: No route to host\n",
            "board does not answer (No route to host)",
            "switched on",
        ),
        ("Connection timed out during banner exchange\n", "does not answer", "switched on"),
        ("Bad owner or permissions on /home/me/.ssh/config\n", "ssh refuses /home/me/.ssh/config", "chmod 600"),
        (
            "kex_exchange_identification: Connection closed by remote host\n",
            "Connection closed by remote host",
            "by hand",
        ),
        ("", "it says nothing", "Try `ssh -p 2222 pi@board` by hand"),
        ("x\x1b[2J{braces}\u202e\n", "[2J{braces}", "by hand"),
    ],
)
def test_one_sentence_and_what_to_do(said: str, sentence: str, hint: str) -> None:
    error = why(parse_device("ssh:pi@board:2222"), said)
    assert error.message.startswith("ssh:pi@board:2222")
    assert sentence in error.message
    assert hint in error.hint
    assert (error.message + error.hint).isprintable()
