"""The memory of L-BFGS: past steps and gradient changes in one array, and the direction that follows from them.

Vectors of all parameters are laid out as (C, K): C rows of K elements, zeros in what is left of the last row. On the
CPU K is about 16,384. Products are made row by row and added up in float64, which keeps float32 sums of 1.5 million
products exact to 2e-8 of the vectors' lengths at worst (all terms positive), where one dot product in float32 is off
by 2e-6. On other devices a vector is one row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.backend import device_of, to_device
from tinygen_ops.arrays import array_module

ROW = 16384


def layout(n: int, rows: bool) -> tuple[int, int]:
    """Return (C, K) for ``n`` elements: K a multiple of 16 if there are several rows; (1, n) without ``rows``."""
    if not rows or n <= ROW:
        return 1, n
    count = -(-n // ROW)
    return count, 16 * -(-n // (16 * count))


def numbers(*arrays: Any) -> list[float]:
    """Bring arrays to the host as one flat list of Python floats: one wait for the device."""
    xp = array_module(*arrays)
    return xp.concatenate([a.reshape(-1).astype(np.float64) for a in arrays]).tolist()


@np.errstate(all="ignore")  # what is not finite is looked for, and dealt with
def dot(a: Any, b: Any) -> Any:
    """Inner product of two vectors laid out in rows: a 0-d float64 array on their device."""
    rows = array_module(a).matmul(a[:, None, :], b[:, :, None])  # (C, 1, K) (C, K, 1) -> (C, 1, 1)
    return rows.sum(dtype=np.float64)


@np.errstate(all="ignore")
def moved(x: Any, t: float, d: Any) -> Any:
    """The point x + t d."""
    step = t * d
    step += x
    return step


class History:
    """The inverse Hessian that the last steps imply, times a vector.

    With steps s_i, changes of the gradient y_i (oldest first) and gamma = s.y / y.y of the newest pair, the
    recursion of L-BFGS is, from q = g,

        newest to oldest:  a_i = s_i.q / s_i.y_i,   q <- q - a_i y_i
        r = gamma q
        oldest to newest:  b_i = y_i.r / s_i.y_i,   r <- r + (a_i - b_i) s_i,        and at the end r = H g

    On vectors that is 4 m small jobs and 2 m inner products, each of which makes the host wait. But q and r are sums
    of g, s_i and y_i. So with the inner products s_i.y_j and y_i.y_j (kept from earlier) and s_i.g and y_i.g (one
    product of the history and g) the recursion is about numbers, and H g is a second product of the history. For the
    newest pair s_i.y = s_i.g_new - s_i.g_old is the difference of two products that are known already.

    The history is one array (C, 2 (m + 1), K), s and y of a pair beside one another, so that a product with it is a
    matrix product for each of the C rows, and what is in use stays together while it fills. It is made in full at
    once: on the CPU its memory is taken when first written to, on a GPU at once. Slots are used again in a ring, and
    one is spare: it takes the newest pair until it is known whether that is of use.

    Source: Nocedal and Wright (2006), algorithm 7.4; Byrd, Nocedal and Schnabel, "Representations of quasi-Newton
    matrices" (1994), section 2, and Chen et al., "Large-scale L-BFGS using MapReduce" (2014), for working on products.
    """

    def __init__(self, like: Any, size: int) -> None:
        self.size = size
        (C, K), slots = like.shape, size + 1
        self.pairs = array_module(like).zeros((C, 2 * slots, K), like.dtype)
        self.s_y, self.y_y = np.zeros((slots, slots)), np.zeros((slots, slots))  # by slot, on the host
        self.clear()

    def clear(self) -> None:
        """Forget all pairs."""
        self.order: list[int] = []  # slots, oldest first
        self.spare = 0
        self.pending = False  # whether the spare slot holds a step, and the gradient before it
        self.s_g, self.y_g, self.g_g = np.zeros(self.size + 1), np.zeros(self.size + 1), 0.0

    @np.errstate(all="ignore")
    def products(self, g: Any, *more: Any) -> list[float]:
        """Note the inner products of ``g`` with the history and itself; return those of ``more``, in one wait."""
        used = max([self.spare, *self.order]) + 1
        rows = array_module(g).matmul(self.pairs[:, : 2 * used], g[:, :, None])  # (C, 2P, K) (C, K, 1) -> (C, 2P, 1)
        found = numbers(rows.sum(0, dtype=np.float64), dot(g, g), *more)
        self.s_g[:used], self.y_g[:used], self.g_g = found[0 : 2 * used : 2], found[1 : 2 * used : 2], found[2 * used]
        return found[2 * used + 1 :]

    def begin(self, step: Any, g: Any) -> None:
        """Note a step, and the gradient at its start, whose products are known."""
        self.pairs[:, 2 * self.spare] = step
        self.pairs[:, 2 * self.spare + 1] = g
        self.pending = True

    @np.errstate(all="ignore")
    def complete(self, g: Any) -> None:
        """Note the gradient at the end of the step, keep the pair if it is of use, and know the products of ``g``.

        It is of use if s.y > eps |s| |y|: the loss curves upwards along it. Else it is skipped. After a search that
        met the Wolfe conditions that is always so, after fixed steps or on noisy losses it need not be.
        """
        new = self.spare
        s, y = self.pairs[:, 2 * new], self.pairs[:, 2 * new + 1]
        y[...] = g - y
        s_before, y_before = self.s_g.copy(), self.y_g.copy()
        self.pending = False
        s_y, s_s, y_y = self.products(g, dot(s, y), dot(s, s), dot(y, y))
        finite = math.isfinite(s_s) and math.isfinite(y_y)
        if not finite:
            self.pairs[:, 2 * new : 2 * new + 2] = 0  # 0 times infinity would spoil direction()
        if not (finite and s_y > float(np.finfo(g.dtype).eps) * math.sqrt(s_s) * math.sqrt(y_y)):
            return
        self.s_y[:, new] = self.s_g - s_before
        self.y_y[:, new] = self.y_y[new] = self.y_g - y_before
        self.s_y[new, new], self.y_y[new, new] = s_y, y_y
        self.order.append(new)
        self.spare = self.order.pop(0) if len(self.order) > self.size else len(self.order)

    @np.errstate(all="ignore")
    def direction(self, g: Any) -> Any:
        """Return -H g, laid out as ``g`` (C, K), whose products are known."""
        if not self.order:
            return -g
        order = np.array(self.order)
        s_g, y_g = self.s_g[order], self.y_g[order]
        s_y, y_y = self.s_y[np.ix_(order, order)], self.y_y[np.ix_(order, order)]
        diagonal = s_y.diagonal()
        gamma = diagonal[-1] / y_y[-1, -1]
        a, c = np.zeros(len(order)), np.zeros(len(order))
        for i in reversed(range(len(order))):  # s_i.q, q = g - sum of the later a_j y_j
            a[i] = (s_g[i] - s_y[i, i + 1 :] @ a[i + 1 :]) / diagonal[i]
        y_r = gamma * (y_g - y_y @ a)
        for i in range(len(order)):  # c = a - b;  y_i.r, r = gamma q + sum of the earlier c_j s_j
            c[i] = a[i] - (y_r[i] + s_y[:i, i] @ c[:i]) / diagonal[i]
        used = max(self.order) + 1
        factors = np.zeros(2 * used)
        factors[2 * order], factors[2 * order + 1] = -c, gamma * a
        xp = array_module(g)
        factors = to_device(factors.astype(g.dtype), device_of(g))
        d = xp.matmul(factors[None], self.pairs[:, : 2 * used])[:, 0]  # (1, 2P) (C, 2P, K) -> (C, K)
        d -= gamma * g
        return d

    def state(self) -> dict[str, Any]:
        """Everything, as arrays and numbers; the pairs as they lie, since their order decides about rounding."""
        used = max([self.spare, *self.order]) + 1
        return {
            "pairs": self.pairs[:, : 2 * used], "s_y": self.s_y, "y_y": self.y_y, "s_g": self.s_g, "y_g": self.y_g,
            "g_g": self.g_g, "order": list(self.order), "spare": self.spare, "pending": self.pending,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned, for equal parameters and size."""
        pairs = to_device(state["pairs"], device_of(self.pairs))
        self.pairs[:, : pairs.shape[1]] = pairs
        for name in ("s_y", "y_y", "s_g", "y_g"):
            getattr(self, name)[...] = state[name]
        self.g_g, self.order = float(state["g_g"]), [int(i) for i in state["order"]]
        self.spare, self.pending = int(state["spare"]), bool(state["pending"])
