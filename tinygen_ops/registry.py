"""Kernels with several forms, and the choice between them.

A `Kernel` is called like its plain reference. The arguments and the mode decide which form runs:

| arguments | mode                  | what runs                                                      |
|-----------|-----------------------|----------------------------------------------------------------| | any
| `reference`           | the reference                                                  | | not NumPy |
`auto` `numba` `exact` | the CUDA form where there is one, else the reference          | | NumPy     | `auto`
`numba` `exact` | the Numba form where Numba works and `supports` agrees, else the reference |

`numba` insists: where Numba cannot run, it says why instead of falling back. `exact` is `auto` without the
fast algorithms whose rounding differs in kind (Winograd convolution). The mode comes from the environment
variable TINYGEN_KERNELS, or from `with use("reference"):`.

Choosing takes 0.8 us a call (measured), `supports` included for a kernel of one array.
"""

import functools
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "MODES",
    "Kernel",
    "Machine",
    "Variant",
    "available",
    "kernel",
    "machine",
    "mode",
    "numba_problem",
    "use",
]

MODES = ("auto", "reference", "numba", "exact")
_mode: str | None = None  # None: not read from the environment yet
_problem: str | None = None  # why Numba cannot be used; "" = it can; None = not asked yet
_kernels: dict[str, "Kernel"] = {}


class Variant(NamedTuple):
    """One line of the report: a kernel, the forms it has, the one that host arrays get now, and why."""

    name: str
    variants: tuple[str, ...]
    runs: str
    why: str


class Kernel:
    """An operation on arrays with a plain reference and faster forms of the same signature.

    Args:
        name: unique name, for reports.
        reference: readable NumPy/CuPy form; it defines the meaning and is the oracle of the tests.
        numba: `"module:function"` of the Numba form, imported when first used, or None.
        cuda: `"module:function"` of the form for device arrays, or None.
        supports: called with the same arguments; True where the Numba form can serve them, else the reason
            (a string) why not.

    Raises:
        ValueError: a second kernel takes the same `name`.
    """

    def __init__(
        self,
        name: str,
        reference: Callable[..., Any],
        numba: str | None = None,
        cuda: str | None = None,
        supports: Callable[..., bool | str] | None = None,
    ) -> None:
        if name in _kernels:
            raise ValueError(f"`name` is {name!r}; a kernel of that name exists already")
        functools.update_wrapper(self, reference)
        self.name, self.reference, self.supports = name, reference, supports
        self._paths = {"numba": numba, "cuda": cuda}
        self._loaded: dict[str, Callable[..., Any]] = {}
        _kernels[name] = self

    @property
    def variants(self) -> tuple[str, ...]:
        """The forms this kernel has: "reference", and "numba" and "cuda" where they exist."""
        return ("reference", *(form for form, path in self._paths.items() if path))

    def __repr__(self) -> str:
        return f"<Kernel {self.name}: {', '.join(self.variants)}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the form that the arguments and the mode call for."""
        active = _mode or mode()
        if active == "reference":
            return self.reference(*args, **kwargs)
        form = "numba" if _on_host(args) else "cuda"
        if not self._paths[form]:
            return self.reference(*args, **kwargs)
        if form == "numba":
            if problem := numba_problem():
                _insist(active, problem)
                return self.reference(*args, **kwargs)
            if self.supports is not None and self.supports(*args, **kwargs) is not True:
                return self.reference(*args, **kwargs)
        return self.load(form)(*args, **kwargs)

    def load(self, form: str) -> Callable[..., Any]:
        """Return the callable of one form, importing its module when it is first asked for.

        Args:
            form: "reference", "numba" or "cuda".

        Raises:
            ValueError: the kernel has no such form.
        """
        if form == "reference":
            return self.reference
        if form not in self._loaded:
            path = self._paths.get(form)
            if not path:
                raise ValueError(f"`form` is {form!r}; {self.name} has {', '.join(self.variants)}")
            module, _, function = path.partition(":")
            self._loaded[form] = getattr(importlib.import_module(module), function)
        return self._loaded[form]


def kernel(
    numba: str | None = None, cuda: str | None = None, supports: Callable[..., bool | str] | None = None
) -> Callable[[Callable[..., Any]], Kernel]:
    """Make the decorated reference the `Kernel` of its own name; for the arguments see `Kernel`."""

    def wrap(reference: Callable[..., Any]) -> Kernel:
        return Kernel(reference.__name__, reference, numba=numba, cuda=cuda, supports=supports)

    return wrap


def mode() -> str:
    """Return the mode in force: what `use` set, else TINYGEN_KERNELS, else "auto".

    Raises:
        ValueError: TINYGEN_KERNELS holds an unknown mode.
    """
    global _mode
    if _mode is None:
        _mode = _checked(os.environ.get("TINYGEN_KERNELS", "").strip().lower() or "auto", "TINYGEN_KERNELS")
    return _mode


@contextmanager
def use(new_mode: str) -> Iterator[None]:
    """Within the block, choose kernel forms by `new_mode` (process-wide, all threads).

    Args:
        new_mode: "auto", "reference", "numba" or "exact".

    Raises:
        ValueError: an unknown mode.
        RuntimeError: "numba" where Numba cannot be used, with the reason.
    """
    global _mode
    before, new_mode = mode(), _checked(new_mode, "mode")
    if problem := numba_problem() if new_mode == "numba" else "":
        _insist(new_mode, problem)
    _mode = new_mode
    try:
        yield
    finally:
        _mode = before


def numba_problem() -> str:
    """Return why Numba kernels cannot run here, or "" where they can (imports Numba when first asked)."""
    global _problem
    if _problem is None:
        _problem = _find_problem()
    return _problem


def available() -> list[Variant]:
    """List every kernel known so far: its forms, which one host arrays would get now, and why."""
    active, records = mode(), []
    for name, item in sorted(_kernels.items()):
        if active == "reference":
            runs, why = "reference", "mode is reference"
        elif "numba" not in item.variants:
            runs, why = "reference", "there is no Numba form"
        elif numba_problem():
            runs, why = "reference", numba_problem()
        else:
            limits = "; the reference for arguments it does not support" if item.supports else ""
            runs, why = "numba", f"mode is {active}{limits}"
        records.append(Variant(name, item.variants, runs, why))
    return records


class Machine(NamedTuple):
    """How Numba kernels run here: versions, what they are compiled for, threads, and where they are kept."""

    numba: str
    cpu: str
    width: int
    target_from: str
    threads: int
    threading_layer: str
    cache_folder: str


def machine() -> Machine | None:
    """Return how Numba kernels run here, or None where they cannot (`numba_problem` says why)."""
    if numba_problem():
        return None
    numba, compiler = importlib.import_module("numba"), importlib.import_module("tinygen_ops.compile")
    target = compiler.cpu_target()
    run = (numba.get_num_threads(), compiler.threading_layer(), compiler.cache_folder())
    return Machine(numba.__version__, target.name, target.width, target.source, *run)


def _find_problem() -> str:
    # Read here and not from numba.config: asking must not import Numba where it is switched off.
    if os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0"):
        return "NUMBA_DISABLE_JIT is set"
    try:
        importlib.import_module("numba")
    except (ImportError, OSError) as error:  # OSError: llvmlite's library cannot be loaded
        return f"Numba cannot be imported: {error}"
    return ""


def _on_host(args: tuple[Any, ...]) -> bool:
    """Decide by the first array among the arguments, looking into lists (parameters of an update)."""
    for arg in args:
        while type(arg) in (list, tuple) and arg:
            arg = arg[0]
        if type(arg) is np.ndarray:
            return True
        if hasattr(arg, "shape"):
            return isinstance(arg, np.ndarray | np.generic)
    return True


def _checked(value: str, source: str) -> str:
    if value not in MODES:
        raise ValueError(f"`{source}` is {value!r}; valid are {', '.join(MODES)}")
    return value


def _insist(active: str, problem: str) -> None:
    if active == "numba":
        raise RuntimeError(f"`mode` is 'numba', but Numba kernels cannot run: {problem}; use mode 'auto'")
