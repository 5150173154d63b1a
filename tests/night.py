"""A bad night as somebody lives it: a terminal of 80 columns, and nothing typed that no screen has named."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.playbooks.project import Project

COLUMNS = 80
#: Whoever needs more commands than this is lost.
MOST = 12


@dataclass(frozen=True)
class Screen:
    """A command that was typed, what it showed, how long it took, and its exit code."""

    command: str
    text: str
    seconds: float
    code: int

    @property
    def next(self) -> str:
        """The command that the last line names, without its remark; empty if it names none."""
        found = re.findall(r"^Next: (.*)$", self.text, re.MULTILINE)
        words = found[-1] if found else ""
        return re.split(r"\s#", words)[0].strip() if words.startswith("hotops ") else ""


@dataclass
class Night:
    """One night in a project's folder. `is_over` asks the world, never hotops, whether all is served again."""

    project: Project
    is_over: Callable[[], bool]
    screens: list[Screen] = field(default_factory=list)
    served_after_s: float | None = None

    def type(self, command: str) -> Screen:
        """Type a command, say yes where it asks, and read the screen."""
        began = time.monotonic()
        text, code = _in_a_terminal(self.project, shlex.split(command))
        screen = Screen(command, text, time.monotonic() - began, code)
        self.screens.append(screen)
        if self.served_after_s is None and self.is_over():
            self.served_after_s = sum(each.seconds for each in self.screens)
        return screen

    def go(self, first: str) -> None:
        """From a command on, each command that a screen names, until all is served; fails where a screen names none."""
        command = first
        while self.served_after_s is None:
            assert len(self.screens) < MOST, self.told()
            screen = self.type(command)
            assert screen.next or self.served_after_s is not None, f"a dead end:\n{screen.text}"
            assert screen.next != command, f"in a circle:\n{screen.text}"
            command = screen.next
        if command:
            self.type(command)

    def told(self) -> str:
        """All of the night."""
        return "\n\n".join(f"$ {screen.command}\n{screen.text}" for screen in self.screens)


def _in_a_terminal(project: Project, words: list[str]) -> tuple[str, int]:
    """What a program shows on a terminal of its own, and its exit code."""
    assert words[0] == "hotops", words
    program = str(Path(sys.executable).with_name("hotops"))
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [program, *words[1:]], cwd=project.folder, env={**project.environment(), "TERM": "xterm"},
        stdin=end, stdout=end, stderr=end, start_new_session=True,
    )  # fmt: skip
    os.close(end)
    shown, asked = b"", False
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
        if not asked and re.search(rb"\[y/N\]\s*$", shown):
            os.write(terminal, b"y\n")
            asked = True
    os.close(terminal)
    return shown.decode().replace("\r\n", "\n"), process.wait(120)
