"""How the package compiles with Numba: the `jit` decorator, its cache on disk, threads, and a word meanwhile.

Compiled kernels are kept on disk by Numba's own cache: beside the source where that is writable, else in the
user's cache folder, or where NUMBA_CACHE_DIR says; with no writable place they are compiled anew in each
process.

Numba stamps a cache entry with the file of the kernel alone, so machine code made from an older `simd.py`
would be taken for fresh. Here the stamp also covers the files in `SHARED`, which kernels of other files call
into.
"""

import atexit
import functools
import hashlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit
from numba.core import caching, event
from numba.core.registry import cpu_target as numba_target

__all__ = [
    "SHARED",
    "CpuTarget",
    "address",
    "cache_folder",
    "cpu_target",
    "jit",
    "kernel_cache",
    "subroutine",
    "threading_layer",
    "workspace",
]

SHARED = ("simd.py", "product.py", "compile.py", "winograd_weights_numba.py")
_no_cache: str = ""  # why kernels are not cached on disk; "" = they are

# A parallel region starts in 2 us under OpenMP and in 29 us under Numba's own workqueue. Numba takes the
# first layer of this list that can be loaded, so a machine without libgomp still runs.
if "NUMBA_THREADING_LAYER" not in os.environ and "NUMBA_THREADING_LAYER_PRIORITY" not in os.environ:
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


class CpuTarget(NamedTuple):
    """What Numba compiles for: CPU, floats in a vector, and where the list of features comes from."""

    name: str
    width: int
    source: str


@functools.cache
def cpu_target() -> CpuTarget:
    """Return the CPU that kernels are compiled for: the host's, or what NUMBA_CPU_NAME and _FEATURES say."""
    _, name, features = numba_target.target_context.codegen().magic_tuple()
    enabled = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    width = 16 if "avx512f" in enabled else 8 if "avx" in enabled else 4
    source = "NUMBA_CPU_FEATURES" if numba.config.CPU_FEATURES is not None else "NUMBA_CPU_NAME"
    if numba.config.CPU_NAME is None and numba.config.CPU_FEATURES is None:
        source = "host"
    return CpuTarget(name, width, source)


def threading_layer() -> str:
    """Return the threading layer in use ("omp", "tbb", "workqueue"), or the order that will be tried."""
    try:
        return numba.threading_layer()
    except ValueError:  # no parallel kernel has run yet
        return "not started; order: " + ", ".join(numba.config.THREADING_LAYER_PRIORITY)


def cache_folder() -> str:
    """Return the folder that holds compiled kernels, or in brackets why there is none."""
    return f"({_no_cache})" if _no_cache else str(_KernelCache(cpu_target.__wrapped__).cache_path)


def jit(function: Callable[..., Any] | None = None, *, parallel: bool = False) -> Callable[..., Any]:
    """Compile a kernel when first called, or load it from the cache on disk.

    To be used on functions of a module (not on closures, which Numba's cache would miss every time). A process
    forked after the first parallel kernel must not run one: GNU OpenMP ends it.

    Args:
        function: the kernel.
        parallel: run its `prange` loops on Numba's threads.
    """
    if function is None:
        return functools.partial(jit, parallel=parallel)
    global _no_cache
    # The GIL stays held: Numba's workqueue layer, the last resort, ends the process when two threads launch
    # at once.
    dispatcher = njit(parallel=parallel, error_model="numpy")(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError as error:  # Numba's word for "no writable place"
        _no_cache = str(error)
    return dispatcher


def subroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that only kernels call: it becomes part of theirs, and of their cache entry."""
    return njit(error_model="numpy")(function)


def address(array: np.ndarray) -> int:
    """Return the address of the array's first element; the caller keeps the array alive while it is used."""
    return array.ctypes.data


_scratch = threading.local()


def workspace(size: int) -> np.ndarray:
    """Return `size` float32 of undefined scratch memory, valid until this thread next asks for some.

    It begins at a line of the cache. The largest array asked for is kept. A fresh array for the 16 MB of an LSTM's
    backward sweep (T = 60, N = 128, H = 128) made forward and backward take 10.8 ms instead of 8.7 (minima): the C
    library gives such memory back to the system, and every page faults anew.
    """
    kept = getattr(_scratch, "array", None)
    if kept is None or kept.size < size:
        room = np.empty(size + 16, np.float32)
        begin = -(address(room) // 4) % 16
        kept = _scratch.array = room[begin : begin + size]
    return kept[:size]


@functools.cache
def _shared_stamp() -> str:
    digest = hashlib.sha256()
    for name in SHARED:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


class _KernelCacheImpl(caching.CompileResultCacheImpl):
    """Numba's cache entry of one function, its stamp widened to the shared files."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        own_stamp = self._locator.get_source_stamp
        self._locator.get_source_stamp = lambda: (own_stamp(), _shared_stamp())


class _KernelCache(caching.FunctionCache):
    """Numba's cache of one function; a disk that is full or a damaged file only costs the time to compile."""

    _impl_class = _KernelCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        global _no_cache
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _no_cache = str(error)


def kernel_cache(function: Callable[..., Any]) -> Any:
    """Return Numba's cache of a function that is compiled otherwise than by :func:`jit`."""
    return _KernelCache(function)


class _Announcer(event.Listener):
    """Tells on stderr, once, that kernels are being compiled, and when no more follow, how long it took."""

    PAUSE = 2.0  # seconds without a new compilation that end the burst

    def __init__(self) -> None:
        self._depth, self._spent, self._begun, self._told = 0, 0.0, 0.0, False
        self._timer: threading.Timer | None = None

    def on_start(self, event: event.Event) -> None:
        if not _is_own(event):
            return
        if self._depth == 0:
            self._begun = time.perf_counter()
            if self._timer is not None:
                self._timer.cancel()
            if not self._told:
                self._told = True
                _say("compiling CPU kernels for this machine (first run only) ...")
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        if not _is_own(event):
            return
        self._depth -= 1
        if self._depth == 0:
            self._spent += time.perf_counter() - self._begun
            self._timer = threading.Timer(self.PAUSE, self.finish)
            self._timer.daemon = True
            self._timer.start()

    def finish(self) -> None:
        """Say how long it took, if that has not been said."""
        spent, self._spent = self._spent, 0.0
        if spent:
            _say(f"compiled CPU kernels in {spent:.1f} s")


def _is_own(event: event.Event) -> bool:
    return event.data["dispatcher"].py_func.__module__.startswith("tinygen")


def _say(text: str) -> None:
    if os.environ.get("TINYGEN_QUIET", "0") in ("", "0"):
        print(f"tinygen: {text}", file=sys.stderr, flush=True)


_announcer = _Announcer()
event.register("numba:compile", _announcer)
atexit.register(_announcer.finish)
