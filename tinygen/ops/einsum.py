"""Sums of products by index notation."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from tinygen.autograd import Function, Node
from tinygen.backend import device_of
from tinygen.ops._inputs import as_tensor, cast
from tinygen.ops.arrange import diagonal
from tinygen.ops.matmul import matrix_product
from tinygen.ops.reduce import sum_
from tinygen.ops.shape import permute, squeeze, whole_numbers
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

Labels = tuple[Any, ...]  # one for each axis: a letter, or a negative number for an axis that an ellipsis stands for
_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # PyTorch numbers them so in a list of subscripts


class Contract(Function):
    """z[c] = sum of x[a] y[b] over the labels not in c;  gx[a] = contract(gz[c], y[b]),  gy[b] = contract(x[a], gz[c]).

    Every label stands in at least two of a, b, c, and no label twice in one of them.

    Derivation: z is linear in x, and dz[c]/dx[a] = y[b] where the labels agree, else 0. So gx[a] is the sum of
    gz[c] y[b] over all that is not in a: the same op with x and z exchanged, for which the condition on the labels
    holds again. The labels sort themselves into those of a batch (in a, b and c), rows (a and c), columns (b and c) and
    those that are summed (a and b): for each element of the batch a product of matrices, (rows, summed) times
    (summed, columns).
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any, a: Labels, b: Labels, c: Labels) -> Any:
        ctx.save(x, y)
        ctx.labels = a, b, c
        xp = array_module(x, y)
        sizes = dict(zip(a + b, x.shape + y.shape, strict=True))
        batch = [label for label in a if label in b and label in c]
        summed = [label for label in a if label in b and label not in c]
        rows = [label for label in a if label not in b]
        columns = [label for label in b if label not in a]

        def arranged(array: Any, labels: Labels, *groups: list) -> Any:  # (axes in any order) -> one axis a group
            order = tuple(labels.index(label) for group in groups for label in group)
            return array.transpose(order).reshape(tuple(math.prod([sizes[k] for k in group]) for group in groups))

        lead = [batch] if batch else []
        x = arranged(x, a, *lead, rows, summed)  # (B, M, K)
        y = arranged(y, b, *lead, summed, columns)  # (B, K, N)
        z = matrix_product(x, y) if summed else xp.multiply(x, y)  # nothing summed: (B, M, 1) times (B, 1, N)
        made = (*batch, *rows, *columns)
        return z.reshape(tuple(sizes[k] for k in made)).transpose(tuple(made.index(k) for k in c))

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y = ctx.saved
        a, b, c = ctx.labels
        to_x, to_y = ctx.needs_input_grad
        gx = Contract.apply(gz, y, a=c, b=b, c=a) if to_x else None
        gy = Contract.apply(x, gz, a=a, b=c, c=b) if to_y else None
        return gx, gy


def einsum(equation: str, *operands: Any) -> Tensor:
    """Return the sum of products that an equation over indices names.

        "ij,jk->ik":     z[i, k] = sum over j of x[i, j] y[j, k]
        "bhqd,bhkd->bhqk": the scores of attention;   "ii": the trace;   "...i->...": a sum over the last axis

    Args:
        equation: letters for the axes of each operand, separated by commas, then, behind "->", those of the result in
            its order. What is not in the result is summed. A letter twice in one operand takes the diagonal. "..."
            stands for the axes not named, which broadcast; so do axes of length 1. Without "->" the result has "...",
            then the letters that occur once, in alphabetical order. Spaces do not count. Instead of an equation: each
            operand followed by the list of its subscripts (integers from 0 to 51, or ``...``), at the end that of the
            result.
        operands: Tensors of one dtype.

    Returns:
        A Tensor with an axis for each letter of the result. Integers stay as they are where there are several operands;
        a sum over a single one is int64, as in :func:`sum`.

    Raises:
        ValueError: for an equation that does not fit the operands.
        TypeError: for operands of different dtypes or on different devices.

    Source: Einstein, "Die Grundlage der allgemeinen Relativitaetstheorie" (Annalen der Physik 1916), section 5. The
    order of the products: greedy by the size of the result, as in Smith and Gray, "opt_einsum" (JOSS 2018).

    Gradient: of each product of two that the sum is made of, again a product of two (see Contract).
    """
    if isinstance(equation, str):
        given = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
        terms, output = _parsed(equation)
    else:
        given, terms, output = _sublists((equation, *operands))
    xs = [as_tensor(x, "operands") for x in given]
    if not xs or len(xs) != len(terms):
        raise ValueError(f"`equation` has {len(terms)} terms for {len(xs)} operands; there must be one for each")
    _check_alike(xs)
    named, result = _named_axes(xs, terms, output)
    xs, named, sizes = _without_ones(*_diagonals(xs, named))
    return _contracted(xs, named, result, sizes)


def _contracted(xs: list[Tensor], named: list[Labels], result: Labels, sizes: dict[Any, int]) -> Tensor:
    """Multiply and sum, two operands at a time, the two whose product is smallest beside themselves first."""
    for i, x in enumerate(xs):  # what stands in one operand only is summed there
        elsewhere = set(result).union(*named[:i], *named[i + 1 :])
        alone = tuple(k for k, label in enumerate(named[i]) if label not in elsewhere)
        if alone:
            total = sum_(x, alone)
            xs[i] = cast(total, x.dtype) if len(xs) > 1 else total
            named[i] = tuple(label for label in named[i] if label in elsewhere)

    def product(i: int, j: int) -> Labels:
        needed = set(result).union(*(labels for k, labels in enumerate(named) if k not in (i, j)))
        return tuple(dict.fromkeys(label for label in named[i] + named[j] if label in needed))

    def growth(pair: tuple[int, int]) -> int:
        before, after = (named[pair[0]], named[pair[1]]), product(*pair)
        return math.prod(sizes[k] for k in after) - sum(math.prod(sizes[k] for k in labels) for labels in before)

    while len(xs) > 1:
        i, j = min(combinations(range(len(xs)), 2), key=growth)
        made = product(i, j) if len(xs) > 2 else result
        z = Contract.apply(xs[i], xs[j], a=named[i], b=named[j], c=made)
        xs = [x for k, x in enumerate(xs) if k not in (i, j)] + [z]
        named = [labels for k, labels in enumerate(named) if k not in (i, j)] + [made]
    return permute(xs[0], tuple(named[0].index(label) for label in result))


def _parsed(equation: str) -> tuple[list[Labels], Labels | None]:
    """Return the terms of an equation and its result (None: implicit), as tuples of letters and ``...``."""
    left, arrow, right = equation.partition("->")
    terms = [_letters(term, equation) for term in left.split(",")]
    return terms, _letters(right, equation) if arrow else None


def _letters(term: str, equation: str) -> Labels:
    found: list[Any] = []
    rest = term.strip()
    while rest:
        if rest.startswith("..."):
            found.append(...)
            rest = rest[3:]
        elif rest[0] in _LETTERS:
            found.append(rest[0])
            rest = rest[1:]
        elif rest[0] == " ":
            rest = rest[1:]
        else:
            raise ValueError(f"`equation` is {equation!r}; {rest[0]!r} is no letter, and not part of '...' or '->'")
    return _checked(found)


def _sublists(arguments: tuple) -> tuple[Sequence[Any], list[Labels], Labels | None]:
    """Return operands, terms and result of ``x, [0, 1], y, [1, 2], [0, 2]``."""
    output = None
    if len(arguments) % 2:
        *arguments, output = arguments
    lists = [*arguments[1::2], *([] if output is None else [output])]
    if not arguments or not all(isinstance(part, (list, tuple)) for part in lists):
        raise TypeError("`equation` must be a string, or each operand must be followed by the list of its subscripts")
    found = []
    for part in lists:
        numbers = whole_numbers([n for n in part if n is not ...], (), "subscripts")
        if any(not 0 <= n < len(_LETTERS) for n in numbers):
            raise ValueError(f"`subscripts` are {list(part)}; valid are 0 to {len(_LETTERS) - 1} and ...")
        found.append(_checked([n if n is ... else _LETTERS[n] for n in part]))
    return arguments[::2], found[: len(arguments) // 2], None if output is None else found[-1]


def _checked(labels: list[Any]) -> Labels:
    if labels.count(...) > 1:
        raise ValueError("`equation` has a term with two ellipses; there may be one")
    return tuple(labels)


def _check_alike(xs: list[Tensor]) -> None:
    if len({type(x._data) for x in xs}) > 1:
        raise TypeError(f"einsum: operands on {[device_of(x._data) for x in xs]}; move them to one with .to(device)")
    if len({x.dtype for x in xs}) > 1:
        raise TypeError(f"einsum: operands of {[str(x.dtype) for x in xs]}; convert them to one dtype with .to(dtype)")
    if len(xs) > 1 and xs[0].dtype.kind == "b":
        raise TypeError("einsum: the operands are booleans, which do not add up; convert them with .to(dtype)")


def _named_axes(xs: list[Tensor], terms: list[Labels], output: Labels | None) -> tuple[list[Labels], Labels]:
    """Give each axis of an ellipsis a label: -1 for the last, -2 for the one in front of it, ..."""
    named, longest = [], 0
    for i, (x, term) in enumerate(zip(xs, terms, strict=True)):
        hidden = x.ndim - len([label for label in term if label is not ...])
        if hidden < 0 or (hidden and ... not in term):
            raise ValueError(f"`equation` names {x.ndim - hidden} axes of operand {i}, which has shape {x.shape}")
        named.append(_spelled_out(term, hidden))
        longest = max(longest, hidden)
    if output is None:
        every = [label for term in terms for label in term if label is not ...]
        output = (..., *sorted(label for label in set(every) if every.count(label) == 1))
    result = _spelled_out(output, longest)
    for label in result:
        if result.count(label) > 1:
            raise ValueError(f"`equation` has {label!r} more than once in the result")
        if not any(label in labels for labels in named):
            raise ValueError(f"`equation` has {label!r} in the result, but in no operand")
    return named, result


def _spelled_out(term: Labels, hidden: int) -> Labels:
    """Replace ``...`` by the labels of as many axes."""
    return tuple(k for label in term for k in (range(-hidden, 0) if label is ... else (label,)))


def _diagonals(xs: list[Tensor], named: list[Labels]) -> tuple[list[Tensor], list[Labels]]:
    """Reduce labels that stand twice in one operand to the diagonal."""
    xs, named = list(xs), list(named)
    for i, labels in enumerate(named):
        for label in labels[::-1]:
            first = named[i].index(label)
            if label not in named[i][first + 1 :]:
                continue
            second = named[i].index(label, first + 1)
            shape = xs[i].shape
            if shape[first] != shape[second]:
                lengths = f"{shape[first]} and {shape[second]}"
                raise ValueError(f"`equation` has {label!r} twice in operand {i}, for axes of {lengths}")
            xs[i] = diagonal(xs[i], 0, first, second)  # the two axes go, one comes at the end
            named[i] = (*(name for k, name in enumerate(named[i]) if k not in (first, second)), label)
    return xs, named


def _without_ones(xs: list[Tensor], named: list[Labels]) -> tuple[list[Tensor], list[Labels], dict[Any, int]]:
    """Leave out axes of length 1 whose label is longer in another operand; return the length of every label too."""
    sizes: dict[Any, int] = {}
    for i, (x, labels) in enumerate(zip(xs, named, strict=True)):
        for label, n in zip(labels, x.shape, strict=True):
            known = sizes.setdefault(label, n)
            if n != known and 1 not in (n, known):
                raise ValueError(f"`equation` has {label!r} for axes of {known} and, in operand {i}, of {n}")
            sizes[label] = n if known == 1 else known
    for i, (x, labels) in enumerate(zip(xs, named, strict=True)):
        short = tuple(k for k, label in enumerate(labels) if x.shape[k] != sizes[label])
        if short:
            xs[i] = squeeze(x, short)
            named[i] = tuple(label for k, label in enumerate(labels) if k not in short)
    return xs, named, sizes
