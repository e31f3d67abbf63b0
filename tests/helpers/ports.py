"""Ports for servers that are started by number."""

import socket
from contextlib import suppress
from random import SystemRandom


def free_port() -> int:
    """A port of the loopback device that nobody listens on, and that no connection is given.

    Systems give connections ports from 32768 on: one that is free among those may be taken by
    the time that a server has started.
    """
    while True:
        number = SystemRandom().randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number
