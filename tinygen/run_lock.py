"""One process at a time writes to a run directory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tinygen import io
from tinygen.run_config import CONFIG

try:
    import fcntl
except ImportError:  # Windows: two processes in one run directory are not noticed there
    fcntl = None

LOCK = ".lock"


def locked(path: Path) -> int:
    """Make the directory if need be and lock it; when the process ends, however it ends, the lock is gone.

    Returns:
        An open file; closing it gives the directory free.

    Raises:
        RuntimeError: another process is training there.
        OSError: the directory cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, f"cannot make the folder `{path}`: {reason}") from error
    try:
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise io.unwritable(path / CONFIG, error) from error
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace") or "unknown"
        os.close(descriptor)
        raise RuntimeError(f"another process (pid {holder}) is training in `{path}`") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
            os.close(descriptor)
            raise io.unwritable(path / LOCK, error) from error
    return descriptor
