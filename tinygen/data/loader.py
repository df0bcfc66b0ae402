"""Data sets in memory, and batches of them in an order that can be saved and continued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygen.random import Generator, default_generator
from tinygen.tensor import Tensor


class Dataset:
    """Anything with ``len()`` and ``dataset[i]``; ``dataset.batch(indices)`` may be given for speed."""

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} does not define __len__()")

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__} does not define __getitem__()")

    def batch(self, indices: np.ndarray) -> Any:
        """Return the examples ``indices`` stacked, as a tuple of Tensors."""
        examples = [self[int(i)] for i in indices]
        return tuple(Tensor(np.stack([np.asarray(part) for part in column])) for column in zip(*examples, strict=True))


class TensorDataset(Dataset):
    """Tensors whose first axis counts the examples."""

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors or len({len(t) for t in tensors}) > 1:
            raise ValueError(f"`tensors` have lengths {[len(t) for t in tensors]}; there must be one, the same for all")
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, ...]:
        """Return the examples ``indices``."""
        return tuple(Tensor(t._data[indices]) for t in self.tensors)


class DataLoader:
    """Batches of a data set, in order or shuffled anew for every epoch, from any place of an epoch.

    Args:
        dataset: the examples.
        batch_size: how many examples a batch has; the last one may be shorter.
        shuffle: draw a new order for each epoch.
        drop_last: leave a shorter last batch out.
        generator: where the orders come from.

    Attributes:
        position: how many batches of the running epoch were handed out.
    """

    def __init__(
        self, dataset: Dataset, batch_size: int = 1, shuffle: bool = False, drop_last: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` is {batch_size}; it must be at least 1")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.generator = generator or default_generator
        self.position = 0
        self._order_state = self.generator.state()  # of the generator, before it drew the running epoch's order

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch; after :meth:`load_state_dict`, what is left of it."""
        self.generator.set_state(self._order_state)
        order = self.generator.permutation(len(self.dataset)) if self.shuffle else np.arange(len(self.dataset))
        while self.position < len(self):
            start = self.position * self.batch_size
            self.position += 1
            yield self.dataset.batch(order[start : start + self.batch_size])
        self.position = 0
        self._order_state = self.generator.state()

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader stands."""
        return {"position": self.position, "order_state": self._order_state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where the loader stood when :meth:`state_dict` was called."""
        self.position, self._order_state = int(state["position"]), np.asarray(state["order_state"], np.uint64)
