"""Starting a child that dies with us, and stopping it kindly.

A supervisor that is killed with SIGKILL can clean nothing up. So on Linux each child asks the
kernel for a signal at its parent's death. The kernel forgets that wish when a process changes
user, so it is made after the change.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
ON_LINUX = sys.platform.startswith("linux")
# Loaded now, because little is safe between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if ON_LINUX else None


@dataclass(frozen=True)
class Account:
    """Another user to run a child as.

    ``namespace`` keeps our own user but shows it to the child as ``uid``: PostgreSQL refuses to
    run as root, and below a directory only root may enter no other user could run it.
    """

    uid: int
    gid: int
    namespace: bool = False


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel to send this process ``number`` when its parent dies."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def spawn(
    argv: Sequence[object],
    *,
    at_parents_death: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    own_group: bool = True,
) -> subprocess.Popen[bytes]:
    """Start ``argv``. It gets ``at_parents_death`` when this process ends, however it ends.

    With ``own_group`` a Ctrl-C in the terminal does not reach it: its stopping is our work.
    Call it from the main thread only: the kernel watches the thread that started the child.
    """
    changes_user = account is not None and not account.namespace
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        return subprocess.Popen(  # noqa: S603 - our own programs with our own arguments
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL if own_group else None,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            pass_fds=pass_fds,
            process_group=0 if own_group else None,
            user=account.uid if account and changes_user else None,
            group=account.gid if account and changes_user else None,
            extra_groups=[] if changes_user else None,
            preexec_fn=_in_child(account, at_parents_death, os.getpid()),  # we have one thread
        )


def stop(
    processes: Sequence[subprocess.Popen[bytes]],
    number: signal.Signals = signal.SIGTERM,
    *,
    patience: float = 10,
) -> None:
    """Send ``number`` to all at once, wait ``patience`` seconds, then kill what is left."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
    deadline = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def command_of(pid: int) -> str:
    """The command line of a running process; empty when there is none (or only its remains)."""
    record = Path(f"/proc/{pid}/cmdline")
    if ON_LINUX:
        try:
            return record.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    answer = subprocess.run(  # noqa: S603 - our own arguments
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _in_child(
    account: Account | None, number: signal.Signals, parent: int
) -> Callable[[], None] | None:
    if not ON_LINUX:
        return None

    def prepare() -> None:
        if account and account.namespace:
            _enter_user_namespace(account)
        end_with_parent(number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return prepare


def _enter_user_namespace(account: Account) -> None:
    uid, gid = os.geteuid(), os.getegid()
    assert _libc is not None
    if _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespaces here")
    # The kernel wants setgroups denied before an unprivileged process may map a group.
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{account.uid} {uid} 1"),
        ("gid_map", f"{account.gid} {gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(descriptor, line.encode())
        os.close(descriptor)
