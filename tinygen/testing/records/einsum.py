"""The record of einsum."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tinygen.ops import einsum as ops
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample
from tinygen.testing.records.shape import anything, ones

_CASES: tuple[tuple[Any, ...], ...] = (
    # one operand
    ("->", ()),
    ("i->", (4,)),
    ("ij->ji", (2, 3)),
    ("ba", (2, 3)),
    ("ij->j", (1, 5)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->ji", (2, 3, 2)),
    ("iii->i", (2, 2, 2)),
    ("...ij->...ji", (2, 1, 3, 2)),
    ("b...a", (2, 3, 4)),
    ("...i->i", (2, 3, 4)),
    ("i->...i", (3,)),
    ("ij->", (0, 3)),
    # two
    ("ij,jk->ik", (3, 4), (4, 5)),
    (" i j , k j -> k i ", (3, 4), (2, 4)),
    ("ij,jk", (2, 3), (3, 2)),
    ("i,i->", (4,), (4,)),
    ("i,i", (4,), (4,)),
    ("i,j->ji", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    (",ij->i", (), (2, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("ijk,k->ij", (2, 3, 4), (4,)),
    ("ijkl,lkm->mji", (2, 2, 3, 2), (2, 3, 2)),
    ("ii,ij->j", (3, 3), (3, 2)),
    ("ij,kl->jk", (2, 3), (4, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    ("...i,i...->...", (2, 3), (3, 2)),
    ("...,...->", (2, 1), (3,)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("i,i->i", (1,), (3,)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ij,jk->ik", (0, 2), (2, 3)),
    ("aB,BA->aA", (2, 3), (3, 4)),
    ("ij,jk->ik", (17, 37), (37, 19)),
    # more
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("bi,oij,bj->bo", (2, 3), (2, 3, 2), (2, 2)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("ab,bc,cd,da->", (2, 3), (3, 2), (2, 4), (4, 2)),
    ("i,j,k->kji", (2,), (3,), (1,)),
)


def _samples(rng: np.random.Generator) -> list[Sample]:
    made = [Sample((equation, *(anything(rng, s) for s in shapes))) for equation, *shapes in _CASES]
    x, y = anything(rng, (3, 4)), anything(rng, (4, 2))
    made += [Sample(("ij,jk->ik", x, y), gaps=True), Sample(("ij,jk->ki", x, np.ascontiguousarray(y.T).T))]
    made += [Sample(("ij,jk->ik", [x, y])), Sample((x, [0, 1], y, [1, 51], [51, 0])), Sample((x, [..., 1], y, [1, 2]))]
    return made


def _einsum(equation: Any, *operands: Any) -> Array:
    """Every term of the sum by itself, in loops."""
    if not isinstance(equation, str):
        equation, operands = _as_equation((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], list):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    hidden = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    if not arrow:
        letters = [k for k in left if k.isalpha()]
        right = "..." + "".join(sorted(k for k in set(letters) if letters.count(k) == 1))
    spare = "0123456789"[: max(hidden)]
    terms = [t.replace("...", spare[len(spare) - n :]) for t, n in zip(terms, hidden, strict=True)]
    right = right.replace("...", spare)
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for label, n in zip(term, x.shape, strict=True):
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    if len(terms) == 2 and max(x.size for x in operands) > 500:  # loops would take a second
        return np.einsum(equation, *operands)
    result = np.zeros([sizes[k] for k in right], np.result_type(*operands))
    for place in _places(sizes):
        factors = [
            x[tuple(place[k] if n > 1 else 0 for k, n in zip(term, x.shape, strict=True))]
            for term, x in zip(terms, operands, strict=True)
        ]
        result[tuple(place[k] for k in right)] += np.prod(factors, dtype=result.dtype)
    return result


def _places(sizes: dict[str, int]) -> Iterator[dict[str, int]]:
    for numbers in product(*(range(n) for n in sizes.values())):
        yield dict(zip(sizes, numbers, strict=True))


def _as_equation(arguments: tuple[Any, ...]) -> tuple[str, tuple[Array, ...]]:
    """``x, [0, 1], y, [1, 51], [51, 0]`` as an equation: number 0 is A, 26 is a."""

    def term(numbers: list[Any]) -> str:
        return "".join("..." if n is ... else chr(ord("A") + n if n < 26 else ord("a") + n - 26) for n in numbers)

    terms = ",".join(term(t) for t in arguments[1 : len(arguments) // 2 * 2 : 2])
    return terms + ("->" + term(arguments[-1]) if len(arguments) % 2 else ""), arguments[: len(arguments) // 2 * 2 : 2]


_INTEGERS = {np.dtype(t): np.dtype(t) for t in (np.int64,)}

RECORDS = [
    OpRecord(
        "einsum",
        ops.einsum,
        _einsum,
        _samples,
        {**FLOATS, **_INTEGERS},
        (
            ErrorCase(lambda op: op("i1->", ones(2, 3)), ValueError, "`equation` is 'i1->'; '1' is no letter"),
            ErrorCase(lambda op: op("i->-", ones(2)), ValueError, "'-' is no letter"),
            ErrorCase(lambda op: op("..i->i", ones(3)), ValueError, "'.' is no letter"),
            ErrorCase(lambda op: op("...i...->i", ones(3)), ValueError, "two ellipses"),
            ErrorCase(lambda op: op("i,j->", ones(3)), ValueError, "2 terms for 1 operands"),
            ErrorCase(lambda op: op("->"), ValueError, "1 terms for 0 operands"),
            ErrorCase(lambda op: op("ij->", ones(3)), ValueError, "names 2 axes of operand 0, which has shape (3,)"),
            ErrorCase(lambda op: op("i->", ones(3, 3)), ValueError, "names 1 axes of operand 0"),
            ErrorCase(lambda op: op("i->ii", ones(3)), ValueError, "'i' more than once in the result"),
            ErrorCase(lambda op: op("i->j", ones(3)), ValueError, "'j' in the result, but in no operand"),
            ErrorCase(lambda op: op("ii->i", ones(2, 3)), ValueError, "'i' twice in operand 0, for axes of 2 and 3"),
            ErrorCase(lambda op: op("i,i->", ones(2), ones(3)), ValueError, "for axes of 2 and, in operand 1, of 3"),
            ErrorCase(lambda op: op("i,i->", ones(2), ones(2).double()), TypeError, "['float32', 'float64']"),
            ErrorCase(lambda op: op("i,i->", ones(2).bool(), ones(2).bool()), TypeError, "the operands are booleans"),
            ErrorCase(lambda op: op("i->", 1.0), TypeError, "`operands` must be a Tensor"),
            ErrorCase(lambda op: op(ones(2), [0, 52]), ValueError, "valid are 0 to 51"),
            ErrorCase(lambda op: op(ones(2), ones(2)), TypeError, "`equation` must be a string"),
            ErrorCase(lambda op: op(ones(2), ["i"]), TypeError, "`subscripts` is ('i',)"),
        ),
        "einsum",
        scale=4,
    ),
]
