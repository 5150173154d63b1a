"""Bytes from psql's COPY to sealed objects in the store: read, compressed, sealed and hashed in C, block by block."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from hotops.backup.connection import CAUSES, SAME_TEXT, Access
from hotops.backup.errors import DatabaseFailed
from hotops.backup.keys import Sealer
from hotops.backup.manifest import Part
from hotops.backup.store import Store
from hotops.core.errors import MissingExtra

BLOCK = 1 << 20
#: Compressed bytes of an object: small enough that a few in memory are nothing, large enough that a terabyte is listed.
PART_BYTES = 8 << 20
_F_SETPIPE_SZ = 1031  # Linux, fcntl(2)
#: psql writes 4 KiB at a time: where the pipe holds a block, what comes in this time is read at once.
_GATHER_S = 0.002
_ENOUGH = BLOCK // 4
_LOOK_MS = 1000
#: psql writes this line after a COPY. No row is ever this line: COPY's text form doubles every backslash.
_END = b"\\.\n"
_BEFORE = b"   \n"
_LAST = b"\n" + _END


class PartWriter:
    """Takes plain bytes and leaves sealed objects `<stem>.000001<suffix>` … in the store, each cut at the end of a row.

    Each object is one whole zstd frame inside one age file, so that it opens alone. `rows` counts lines where asked.
    """

    def __init__(self, store: Store, sealer: Sealer, prefix: str, stem: str, suffix: str, *, by_row: bool) -> None:
        self._store, self._sealer = store, sealer
        self._prefix, self._stem, self._suffix = prefix, stem, suffix
        self._by_row = by_row
        self._compressor = compression().ZstdCompressor(level=1, write_checksum=True)
        self.parts: list[Part] = []
        self._begin()

    def _begin(self) -> None:
        self._frame = self._compressor.compressobj()
        self._held: list[bytes] = []
        self._size = self._plain = self._rows = 0

    def write(self, block: bytes | memoryview) -> None:
        """Take a block; finish an object where enough has come together and a row ends."""
        if self._by_row and self._size >= PART_BYTES:
            cut = bytes(block).rfind(b"\n") + 1
            if cut:
                self._take(block[:cut])
                self._finish()
                block = block[cut:]
        self._take(block)

    def close(self) -> tuple[Part, ...]:
        """Finish the last object; all of them, in order. Nothing written, nothing made (unless it is no table)."""
        if self._plain or not self._by_row:
            self._finish()
        return tuple(self.parts)

    def _take(self, block: bytes | memoryview) -> None:
        if not len(block):
            return
        self._plain += len(block)
        if self._by_row:
            self._rows += (block if isinstance(block, bytes) else bytes(block)).count(b"\n")
        if made := self._frame.compress(block):
            self._held.append(made)
            self._size += len(made)

    def _finish(self) -> None:
        self._held.append(self._frame.flush())
        packed = b"".join(self._held)
        self._held = []
        sealed = self._sealer.seal(packed)
        del packed
        number = f".{len(self.parts) + 1:06d}" if self._by_row else ""
        name = f"{self._stem}{number}{self._suffix}"
        self._store.put(f"{self._prefix}/{name}", sealed)
        digest = hashlib.sha256(sealed).hexdigest()
        self.parts.append(Part(name=name, bytes=len(sealed), sha256=digest, plain_bytes=self._plain, rows=self._rows))
        self._begin()


class Copier:
    """One psql in one transaction on an exported snapshot, asked for one COPY after the other."""

    def __init__(self, psql: str, access: Access, snapshot: str, place: str) -> None:
        self._place = place
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [psql, "--no-psqlrc", "--quiet", "--no-password", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=dict(access.environment),
            pass_fds=access.files,
        )
        self._output = self._process.stdout.fileno() if self._process.stdout else -1
        self._ready = select.poll()
        self._ready.register(self._output, select.POLLIN)
        self._gather_s = 0.0
        #: The server's process that works for this psql; None before `meet`, and where psql passed no answer on.
        self.pid: int | None = None
        self._waits_since: float | None = None
        self._given_up: str | None = None
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._output, _F_SETPIPE_SZ, BLOCK)
            self._gather_s = _GATHER_S
        settings = "".join(f"set {name} = '{value}';\n" for name, value in SAME_TEXT.items())
        self._ask(
            f"{settings}begin isolation level repeatable read read only;\nset transaction snapshot '{snapshot}';\n"
        )

    def meet(self) -> None:
        """Ask which of the server's processes answers. Raises DatabaseFailed."""
        if answer := self.ask("select pg_catalog.pg_backend_pid()"):
            self.pid = int(answer[0])

    def copy(self, query: str, take: Callable[[bytes], None]) -> None:
        """Hand the bytes of `copy … to stdout` over. Raises DatabaseFailed when psql ends before the last row."""
        self._ask(f"{query};\n\\echo '\\\\.'\n")
        for block in self._blocks():
            take(block)

    def ask(self, query: str) -> list[str]:
        """The one row that a query gives, [] where psql ended its answer without one. Raises DatabaseFailed."""
        self._ask(f"{query};\n\\echo '\\\\.'\n")
        said = b""
        while not (said == _END or said.endswith(_LAST)):
            self._await()
            read = os.read(self._output, BLOCK)
            if not read:
                raise self._failure()
            said += read
        line = said[: -len(_END)].decode().rstrip("\n")
        return line.split("|") if line else []

    def silent_s(self) -> float:
        """For how long psql has been waited for, in seconds; 0 where nothing is awaited."""
        since = self._waits_since
        return 0.0 if since is None else time.monotonic() - since

    def give_up(self, why: str) -> None:
        """End a psql that will not answer; who waits for it then gets DatabaseFailed with these words."""
        self._given_up = why
        self._process.kill()

    def close(self) -> None:
        """End psql, whatever it does."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._said.close()

    def _await(self) -> None:
        """Until psql has written something or ended. Raises DatabaseFailed once it is given up: its child may live on."""
        self._waits_since = time.monotonic()
        while not self._ready.poll(_LOOK_MS):
            if self._given_up:
                raise self._failure()
        self._waits_since = None

    def _ask(self, text: str) -> None:
        try:
            if self._process.stdin:
                self._process.stdin.write(text.encode())
                self._process.stdin.flush()
        except OSError:
            raise self._failure() from None

    def _blocks(self) -> Iterator[bytes]:
        """The bytes until the end's line, in blocks as large as come at once.

        They are gathered in one buffer first: psql's pieces are small, and each that is handled alone costs. What may be
        the end's beginning waits for the next block.
        """
        buffer = memoryview(bytearray(BLOCK))
        kept = len(_BEFORE)
        buffer[:kept] = _BEFORE  # as if a row had ended: an empty table's first line is the end
        begin = kept
        filled = kept
        while True:
            self._await()
            read = os.readv(self._output, [buffer[filled:]])
            if not read:
                raise self._failure()
            filled += read
            ended = buffer[filled - len(_LAST) : filled] == _LAST
            if ended:
                if filled - len(_END) > begin:
                    yield bytes(buffer[begin : filled - len(_END)])
                return
            if filled == BLOCK:
                yield bytes(buffer[begin : filled - kept])
                buffer[:kept] = bytes(buffer[filled - kept : filled])
                begin, filled = 0, kept
            elif read < _ENOUGH:
                time.sleep(self._gather_s)

    def _failure(self) -> DatabaseFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._said.seek(0)
        said = self._said.read(4000).decode(errors="replace")
        return failed(said, self._place, self._given_up or f"psql ended with {self._process.poll()}")


def failed(said: str, place: str, otherwise: str) -> DatabaseFailed:
    """A client program's failure; of what it said only the errors, never a DETAIL or CONTEXT, which quote rows."""
    lines = [line for line in said.splitlines() if "ERROR" in line or "error:" in line or "FATAL" in line] or [
        otherwise
    ]
    text = " / ".join(lines[-2:])[:400]
    remedy = next(
        (known for word, known in CAUSES.items() if word in text.lower()), "Run it again: what is done stays done."
    )
    return DatabaseFailed(f"{place}: {text}", remedy=remedy)


def run_into(command: list[str], access: Access, writer: PartWriter, place: str) -> tuple[Part, ...]:
    """A program's whole output as one object. Raises DatabaseFailed when it fails."""
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=dict(access.environment),
            pass_fds=access.files,
        ) as process:
            output = process.stdout.fileno() if process.stdout else -1
            while block := os.read(output, BLOCK):
                writer.write(block)
        if process.returncode != 0:
            said.seek(0)
            raise failed(
                said.read(20_000).decode(errors="replace"), place, f"{command[0]} ended with {process.returncode}"
            )
    return writer.close()


def opened(sealed: bytes, open_one: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The plain blocks of one object."""
    reader = compression().ZstdDecompressor().stream_reader(open_one(sealed), read_across_frames=False)
    while block := reader.read(BLOCK):
        yield block


def compression() -> Any:
    """zstandard. Raises MissingExtra."""
    try:
        import zstandard
    except ImportError:
        raise MissingExtra("Backups need zstandard.", remedy="pip install 'hotops[backup]'") from None
    return zstandard
