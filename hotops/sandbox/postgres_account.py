"""As whom PostgreSQL runs: it refuses user id 0, and nobody's file modes are loosened for it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_DIE_WITH_PARENT = "--pdeathsig=QUIT"


class NoAccount(RuntimeError):
    """This process is root and has no way to run a program as anybody else."""


@dataclass(frozen=True)
class Account:
    """How to start a PostgreSQL program.

    ``prefix`` goes before the command line of a program that ends by itself, ``server_prefix`` before that of a server,
    which the kernel then ends with the thread that started it. ``owner`` (uid, gid) must own the data directory, None
    means this process's own user. ``note`` says for the log what was chosen.
    """

    prefix: tuple[str, ...]
    owner: tuple[int, int] | None
    note: str

    @property
    def server_prefix(self) -> tuple[str, ...]:
        """``prefix``, with the parent-death signal (prctl(2)) where setpriv can set it."""
        if self.prefix[:1] == ("setpriv",):
            # The signal is lost with the change of user, so the same call sets it after.
            return (*self.prefix[:-1], _DIE_WITH_PARENT, "--")
        guard = ("setpriv", _DIE_WITH_PARENT, "--")
        return (*guard, *self.prefix) if _works(guard) else self.prefix

    def folder_for_data(self, wanted: Path) -> Path:
        """``wanted`` itself where its owner will do; else a link there to a folder of the other user's own.

        Another user cannot walk through a state directory of mode 700, and it stays 700.
        """
        if self.owner is None:
            wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
            return wanted
        place = Path(tempfile.mkdtemp(prefix="hotops-postgres-"))
        os.chown(place, *self.owner)
        wanted.symlink_to(place)
        return place

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to the account."""
        if self.owner is None:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *self.owner, follow_symlinks=False)


def choose_account() -> Account:
    """Oneself when not root; as root a user namespace, else the user ``nobody``.

    In the namespace root's files look like an ordinary user's, so data stay root's own, mode 700. That user must be in
    the password file: initdb looks its name up.
    Raises: NoAccount.
    """
    if os.geteuid() != 0:
        return Account((), None, "as this user")
    user = _ordinary_user()
    prefix: tuple[str, ...] = ("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    if _is_ordinary(prefix):
        return Account(prefix, None, f"in a user namespace, root shown as {user.pw_name}")
    prefix = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--")
    if _is_ordinary(prefix):
        note = f"as {user.pw_name}, with data outside the state directory: user namespaces are not permitted here"
        return Account(prefix, (user.pw_uid, user.pw_gid), note)
    raise NoAccount(
        "PostgreSQL refuses to run as root, and neither `unshare --user` nor `setpriv` works here. "
        "Run the sandbox as an ordinary user."
    )


def _ordinary_user() -> pwd.struct_passwd:
    """``postgres`` where there is one, else ``nobody``, else anybody but root."""
    order = {"postgres": 0, "nobody": 1}
    users = [user for user in pwd.getpwall() if user.pw_uid != 0]
    if not users:
        raise NoAccount("PostgreSQL refuses to run as root, and this computer has no other user.")
    return min(users, key=lambda user: order.get(user.pw_name, 2))


def _works(prefix: tuple[str, ...]) -> bool:
    return _user_id(prefix) != ""


def _is_ordinary(prefix: tuple[str, ...]) -> bool:
    return _user_id(prefix) not in ("", "0")


def _user_id(prefix: tuple[str, ...]) -> str:
    """The user id a program has behind the prefix, an empty string where it cannot start."""
    if shutil.which(prefix[0]) is None:
        return ""
    done = subprocess.run([*prefix, "id", "-u"], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
