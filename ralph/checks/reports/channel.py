"""A one-way line out of a check: runners write to a FIFO, Ralph reads it at once and keeps what was said.

What has been said cannot be taken back: it is in Ralph's memory, not in a file. Nobody has to open the FIFO, whoever
floods it is read and dropped, and who still holds it at the end is not waited for. Knows nothing about what is said.
"""

import os
import select
import threading
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 64_000_000
MOST_DRAINED_BYTES = 4_000_000  # after the end: whatever a full pipe holds, and no more of who goes on writing
READ_BYTES = 65_536


class Channel:
    """Listens from its making until `close`."""

    def __init__(self, path: Path) -> None:
        """Make the FIFO.

        Raises:
            OSError: the folder cannot hold one.
        """
        self.path = path
        os.mkfifo(path, 0o600)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._kept_open = os.open(
            path, os.O_WRONLY | os.O_NONBLOCK
        )  # or the end of one writer would look like the last
        self._wake, self._waker = os.pipe()
        self._heard = bytearray()
        self.overflowed = False
        self._thread = threading.Thread(target=self._listen, name="reports", daemon=True)
        self._thread.start()

    def close(self) -> bytes:
        """All that was said, up to `MOST_BYTES`."""
        os.close(self._waker)
        self._thread.join()
        for fd in (self._fd, self._kept_open, self._wake):
            os.close(fd)
        with suppress(OSError):
            self.path.unlink()
        return bytes(self._heard)

    def _listen(self) -> None:
        poll = select.poll()
        for fd in (self._fd, self._wake):
            poll.register(fd, select.POLLIN | select.POLLHUP)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wake in ready:
                return self._drain()
            self._read()

    def _drain(self) -> None:
        left_bytes = MOST_DRAINED_BYTES
        while left_bytes > 0 and (size := self._read()):
            left_bytes -= size

    def _read(self) -> int:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return 0
        room = MOST_BYTES - len(self._heard)
        self._heard += data[:room]
        self.overflowed |= len(data) > room
        return len(data)
