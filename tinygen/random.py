"""Random numbers from generators whose state can be saved, so that an interrupted run continues bit for bit."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from tinygen.backend import check_device, to_device

_live: weakref.WeakSet[Generator] = weakref.WeakSet()


class Generator:
    """A stream of random numbers (Philox-4x64, as NumPy has it).

    The numbers are drawn on the host and moved, so that every device sees the same ones.

    Args:
        seed: any integer from 0 to 2**64 - 1.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Generator:
        """Copies and unpickled generators come this way too."""
        self = super().__new__(cls)
        _live.add(self)
        return self

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``."""
        if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise ValueError(f"`seed` is {seed!r}; it must be an integer from 0 to 2**64 - 1")
        self.numpy = np.random.Generator(np.random.Philox(int(seed)))
        return self

    def state(self) -> np.ndarray:
        """Return where the stream stands: an array of 13 integers (13,) uint64."""
        state = self.numpy.bit_generator.state
        flat = [*state["state"]["counter"], *state["state"]["key"], *state["buffer"]]
        flat += [state["buffer_pos"], state["has_uint32"], state["uinteger"]]
        return np.array(flat, np.uint64)

    def set_state(self, state: Any) -> None:
        """Go to where the stream stood when :meth:`state` was called.

        Raises:
            ValueError: if it is not such a state.
        """
        flat = np.asarray(state, np.uint64)
        if flat.shape != (13,):
            raise ValueError(f"`state` has shape {flat.shape}; a generator's state has shape (13,)")
        self.numpy.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": flat[:4], "key": flat[4:6]},
            "buffer": flat[6:10],
            "buffer_pos": int(flat[10]),
            "has_uint32": int(flat[11]),
            "uinteger": int(flat[12]),
        }

    def uniform(self, shape: tuple[int, ...] = (), dtype: Any = np.float32, device: str | None = None) -> Any:
        """Draw from [0, 1): an array of ``shape``."""
        draw = self.numpy.random(shape, dtype=np.float64 if dtype == np.float64 else np.float32)
        return to_device(np.asarray(draw, dtype), check_device(device))

    def normal(self, shape: tuple[int, ...] = (), dtype: Any = np.float32, device: str | None = None) -> Any:
        """Draw from the normal distribution of mean 0 and variance 1: an array of ``shape``."""
        draw = self.numpy.standard_normal(shape, dtype=np.float64 if dtype == np.float64 else np.float32)
        return to_device(np.asarray(draw, dtype), check_device(device))

    def integers(
        self, low: int, high: int, shape: tuple[int, ...] = (), dtype: Any = np.int64, device: str | None = None
    ) -> Any:
        """Draw integers from ``low`` (included) to ``high`` (excluded): an array of ``shape``."""
        return to_device(np.asarray(self.numpy.integers(low, high, shape), dtype), check_device(device))

    def permutation(self, n: int) -> np.ndarray:
        """Return the numbers 0 ... n-1 in random order: (n,) int64."""
        return self.numpy.permutation(n)


default_generator = Generator(0)


def live_generators() -> list[Generator]:
    """Return all generators that there are: what a function may draw from."""
    return list(_live)


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used wherever none is passed, and return it."""
    return default_generator.manual_seed(seed)
