"""What clients and the resident scheduler say to each other: one JSON object a line over a private Unix socket."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bos_core.objects import errors
from bos_core.objects.errors import BosError
from storage.settings import Settings


def address(settings: Settings) -> Path:
    """The socket of a home's scheduler, in a folder of this user alone."""
    return settings.private("tccsp") / "socket"


class Line:
    """A connection; messages are sent whole, from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def send(self, **message: Any) -> None:
        """Send a message.

        Raises:
            OSError: the other side is gone.
        """
        with self._lock:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        """Messages until the other side is gone."""
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    yield json.loads(line)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """End the connection; a reader on either side comes to its end."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            self._connection.close()


def packed(error: BaseException) -> list[str]:
    """An error as plain data."""
    if isinstance(error, BosError):
        return [type(error).__name__, error.what, error.mend]
    return ["BosError", f"{type(error).__name__}: {error}", "see the scheduler's log"]


def unpacked(parts: list[str]) -> BosError:
    """The error that `packed` made plain."""
    name, what, mend = parts
    error: BosError = getattr(errors, name, BosError)(what, mend)
    return error
