"""The Tensor: an array, and where it stands in the graph. The operators are bound in ``operators.py``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.backend import device_of, make_array
from tinygen.writes import expose


class Tensor:
    """An array of numbers that remembers how it was made.

    Args:
        data: a NumPy or CuPy array (kept, not copied); lists and numbers go through :func:`tinygen.tensor`.
        requires_grad: whether gradients are wanted; floating dtypes only.

    Attributes:
        grad: the gradient, a Tensor of the same shape, or None.
        requires_grad: whether this tensor is, or depends on, one whose gradient is wanted.
    """

    # _node and _index: the graph's edge to the op that made this tensor; None for a leaf.
    # _hooks: those on a leaf's gradient (autograd.hooks); unset where there never was one.
    # _is_cut: on a gradient, whether it is 0 already where its tensor is not above 0 (Node.may_cut); unset elsewhere.
    __slots__ = ("__weakref__", "_data", "_hooks", "_index", "_is_cut", "_node", "_requires_grad", "grad")
    __array_ufunc__ = None  # ndarray * Tensor goes to Tensor.__rmul__, never element by element

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self._data = data
        self._node = None
        self._index = 0
        self._requires_grad = False
        self.grad = None
        if requires_grad:
            self.requires_grad = True

    @property
    def data(self) -> Any:
        """The array itself. Writing into it between a forward and its backward is noticed and refused."""
        expose(self._data)
        return self._data

    @data.setter
    def data(self, array: Any) -> None:
        self._data = array._data if isinstance(array, Tensor) else make_array(array, copy=False)
        expose(self._data)  # whoever gave the array still has it

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow here. May be set on a leaf."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None:
            if value:
                return
            raise RuntimeError("`requires_grad` can be switched off on leaves only; use .detach()")
        if value and self._data.dtype.kind != "f":
            raise TypeError(f"`requires_grad` needs a floating dtype, this tensor has {self._data.dtype}")
        self._requires_grad = bool(value)

    @property
    def is_leaf(self) -> bool:
        """True if no recorded op made this tensor."""
        return self._node is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype:
        """NumPy's dtype."""
        return self._data.dtype

    @property
    def device(self) -> str:
        """``"cpu"``, ``"cuda:0"``, ..."""
        return device_of(self._data)

    @property
    def grad_fn(self) -> str | None:
        """The name of the op that made this tensor, None for a leaf."""
        return None if self._node is None else self._node.name

    def detach(self) -> Tensor:
        """Return a leaf on the same memory, without history."""
        return Tensor(self._data)

    def numpy(self) -> np.ndarray:
        """Return the values as a NumPy array; on the CPU it shares memory.

        Raises:
            RuntimeError: if gradients flow through this tensor; use ``.detach().numpy()``.
        """
        self._refuse_grad()
        if device_of(self._data) != "cpu":
            return self._data.get()
        return self.data

    def _refuse_grad(self) -> None:
        """Nobody outside the engine continues the graph."""
        if self._requires_grad:
            raise RuntimeError("this tensor requires grad: use .detach() first, as in .detach().numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if device_of(self._data) != "cpu":
            raise TypeError(f"this tensor lives on {self.device}; use .to('cpu') first")
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> float | int | bool:
        """Return the only element as a Python number.

        Raises:
            RuntimeError: if there are more or fewer elements than one.
        """
        if self._data.size != 1:
            raise RuntimeError(f"item() needs a tensor with one element, this one has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """Return the values as nested Python lists (a number for a 0-d tensor)."""
        return self._data.tolist()

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise RuntimeError(f"the truth of a tensor of shape {self.shape} is ambiguous: use any() or all()")
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "biu":
            raise TypeError(f"only integer tensors can be an index, this one is {self.dtype}")
        return int(self.item())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        host = self._data if device_of(self._data) == "cpu" else self._data.get()
        text = np.array2string(host, separator=", ", prefix="tensor(", threshold=200)
        parts = [text]
        if self.dtype not in (np.float32, np.int64, np.bool_):
            parts.append(f"dtype={self.dtype}")
        if self.device != "cpu":
            parts.append(f"device='{self.device}'")
        if self._node is not None:
            parts.append(f"grad_fn=<{self._node.name}>")
        elif self._requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        if self._data.ndim:
            raise TypeError(f"a tensor of shape {self.shape} has no format {spec!r}; only one without axes has")
        return format(self._data.item(), spec)

    @property
    def __cuda_array_interface__(self) -> dict:
        """Where a CUDA device has the numbers; an AttributeError elsewhere, which means: it has none."""
        interface = self._data.__cuda_array_interface__
        self._refuse_grad()
        expose(self._data)
        return interface

    def __dlpack__(self, **options: Any) -> Any:
        self._refuse_grad()
        expose(self._data)
        return self._data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

