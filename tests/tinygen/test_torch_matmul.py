"""Matrix products and einsum against PyTorch over their documented options: values, both orders, types, errors."""

from functools import partial

import numpy as np
import pytest

import tinygen as tg

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)


def numbers(shape, dtype=np.float64):
    return (RNG.uniform(-2, 2, shape) * 3).astype(dtype)


@pytest.fixture
def same(torch, agree):
    """A function that compares one call, written for either library, on arrays of these shapes."""

    def compare(call, shapes, dtype=np.float64, orders=2, wanted=None, label="", tolerance=None):
        arrays = [numbers(s, dtype) for s in shapes]
        wanted = [True] * len(shapes) if wanted is None else wanted
        agree(partial(call, tg), partial(call, torch), arrays, wanted, orders, label, tolerance)

    return compare


PRODUCTS = [
    ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((3, 4), (4, 5)), ((1, 4), (4, 1)),
    ((2, 3, 4), (4,)), ((2, 3, 4), (4, 5)), ((4,), (2, 4, 3)), ((3, 4), (2, 4, 5)), ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)), ((1, 3, 4), (2, 4, 5)), ((2, 2, 3, 4), (4, 1)), ((2, 2, 3, 4), (2, 1, 4, 5)),
]  # fmt: skip
EMPTY = [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 2)), ((0, 2, 3), (0, 3, 4)), ((0,), (0,))]

CALLS = [
    *[(lambda L, x, y: L.matmul(x, y), s) for s in PRODUCTS + EMPTY],
    *[(lambda L, x, y: x @ y, s) for s in PRODUCTS[:4]],
    (lambda L, x, y: x.T @ y.T, ((4, 3), (5, 4))),
    (lambda L, x, y: x[:, ::2] @ y[1:], ((3, 8), (5, 2))),
    *[(lambda L, x, y: L.mm(x, y), s) for s in (((3, 4), (4, 5)), ((2, 0), (0, 3)))],
    *[(lambda L, x, y: x.bmm(y), s) for s in (((2, 3, 4), (2, 4, 5)), ((0, 3, 4), (0, 4, 5)))],
    *[(lambda L, x, y: L.outer(x, y), s) for s in (((3,), (4,)), ((0,), (4,)))],
    (lambda L, x, y: x.outer(vec2=y), ((3,), (2,))),
    *[
        (lambda L, *a: L.nn.functional.linear(*a), s)
        for s in [
            ((3, 4), (5, 4)), ((3, 4), (5, 4), (5,)), ((4,), (5, 4), (5,)), ((2, 3, 4), (5, 4), (5,)),
            ((2, 1, 3, 4), (1, 4), (1,)), ((0, 4), (5, 4), (5,)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((4,), (4,)),
        ]
    ],
    (lambda L, x, w, b: L.nn.functional.linear(input=x, weight=w, bias=b), ((3, 4), (2, 4), (2,))),
]  # fmt: skip


def test_products(same):
    for i, (call, shapes) in enumerate(CALLS):
        empty = any(0 in s for s in shapes)
        same(call, shapes, orders=1 if empty else 2, label=f"call {i} on {shapes}")
        same(call, shapes, np.float32, orders=1, label=f"call {i} on {shapes}")
        if len(shapes) > 1:
            same(call, shapes, orders=1, wanted=[k == 1 for k in range(len(shapes))], label=f"call {i}, of the second")


def test_other_dtypes(same):
    for i, (call, shapes) in enumerate(CALLS):
        for dtype in (np.int64, np.int32, np.uint8):
            same(call, shapes, dtype, orders=0, wanted=[False] * len(shapes), label=f"call {i} on {shapes} {dtype}")
        same(call, shapes, np.float16, orders=0, label=f"call {i} on {shapes}")


def test_outer_promotes(torch):
    for a in (np.float32, np.float64, np.int32, np.bool_):
        for b in (np.float16, np.int64, np.uint8):
            x, y = numbers((3,), a), np.abs(numbers((2,))).astype(b)
            theirs = torch.outer(torch.tensor(x), torch.tensor(y)).numpy()
            ours = tg.outer(tg.tensor(x), tg.tensor(y))
            assert ours.dtype == theirs.dtype, (a, b)
            np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3)


EQUATIONS = [
    ("->", ()), ("", ()), (",->", (), ()), ("i->", (4,)), ("i", (4,)), ("ij->ji", (2, 3)), ("ba", (2, 3)),
    ("ij->j", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iji->ji", (2, 3, 2)), ("iii->i", (2, 2, 2)),
    ("ijij->ij", (2, 3, 2, 3)), ("...ij->...ji", (2, 1, 3, 2)), ("b...a", (2, 3, 4)), ("...i->i", (2, 3, 4)),
    ("...->", (2, 3)), ("...", (2, 3)), ("i->...i", (3,)), ("i...->...i", (2, 3, 4)), ("...ii->...i", (2, 3, 3)),
    ("ij,jk->ik", (3, 4), (4, 5)), (" i j , k j -> k i ", (3, 4), (2, 4)), ("ij,jk", (2, 3), (3, 2)),
    ("i,i->", (4,), (4,)), ("i,i", (4,), (4,)), ("i,i->i", (4,), (4,)), ("i,j->ji", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)), ("ij,ji->", (2, 3), (3, 2)), (",ij->i", (), (2, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("ijk,k->ij", (2, 3, 4), (4,)), ("ijkl,lkm->mji", (2, 2, 3, 2), (2, 3, 2)), ("ii,ij->j", (3, 3), (3, 2)),
    ("ij,kl->jk", (2, 3), (4, 2)), ("ij,j->", (2, 3), (3,)), ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    ("...i,i...->...", (2, 3), (3, 2)), ("...,...->", (2, 1), (3,)), ("...,i->...i", (2, 1), (3,)),
    ("i...,j->ij", (2, 3), (2,)), ("ij,jk->ik", (2, 1), (3, 4)), ("i,i->i", (1,), (3,)), ("ii,i->i", (1, 1), (3,)),
    ("aB,BA->aA", (2, 3), (3, 4)), ("zA,Az", (2, 3), (3, 2)), ("aB", (2, 3)), ("Ba,aC", (2, 3), (3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("bi,oij,bj->bo", (2, 3), (2, 3, 2), (2, 2)),
    ("i,i,i->i", (3,), (3,), (3,)), ("ab,bc,cd,da->", (2, 3), (3, 2), (2, 4), (4, 2)),
    ("i,j,k->kji", (2,), (3,), (1,)), ("...a,ab,b...", (2, 3), (3, 2), (2, 2)),
    ("a,ab,abc,c->b", (2,), (2, 3), (2, 3, 4), (4,)),
]  # fmt: skip


def test_einsum(same):
    for equation, *shapes in EQUATIONS:
        same(lambda L, *xs, e=equation: L.einsum(e, *xs), shapes, label=equation)
        same(lambda L, *xs, e=equation: L.einsum(e, *xs), shapes, np.float32, orders=1, label=equation)
        if len(shapes) > 1:
            wanted = [False] + [True] * (len(shapes) - 1)
            same(lambda L, *xs, e=equation: L.einsum(e, list(xs)), shapes, wanted=wanted, label=equation)
    empty = [("ij,jk->ik", (2, 0), (0, 3)), ("ij->i", (2, 0)), ("ij,jk->ik", (0, 2), (2, 3)), ("ij,i->j", (2, 0), (2,))]
    for equation, *shapes in empty:
        same(lambda L, *xs, e=equation: L.einsum(e, *xs), shapes, orders=1, label=equation)


def test_einsum_of_integers(same):
    for equation, *shapes in EQUATIONS:
        same(lambda L, *xs, e=equation: L.einsum(e, *xs), shapes, np.int64, 0, [False] * len(shapes), label=equation)
    # PyTorch 2.13 fails at a sum over one of several int32 operands, or makes int64 of it; a sum of one is int64
    plain = [("ij,jk->ik", (2, 3), (3, 4)), ("i,i->", (3,), (3,)), ("ij->i", (2, 3)), ("ii->i", (3, 3))]
    for equation, *shapes in plain:
        for dtype in (np.int32, np.uint8):
            same(lambda L, *xs, e=equation: L.einsum(e, *xs), shapes, dtype, 0, [False] * len(shapes), label=equation)


def test_einsum_sublists(same):
    same(lambda L, x, y: L.einsum(x, [0, 1], y, [1, 2], [0, 2]), ((2, 3), (3, 4)))
    same(lambda L, x, y: L.einsum(x, [30, 3], y, [3, 51]), ((2, 3), (3, 4)))
    same(lambda L, x, y: L.einsum(x, [..., 0], y, [0, ...], [...]), ((2, 3), (3, 2)))
    same(lambda L, x: L.einsum(x, [1, 0]), ((2, 3),))
    same(lambda L, x: L.einsum(x, [0, 0], []), ((3, 3),))


BAD = [
    lambda L, x, y: x @ x,
    lambda L, x, y: x @ x[0, 0],
    lambda L, x, y: x @ y.double(),
    lambda L, x, y: x @ y.long(),
    lambda L, x, y: x.bool() @ y.bool(),
    lambda L, x, y: L.matmul(x[None, :, :].expand(2, 2, 3), y[None].expand(3, 3, 4)),
    lambda L, x, y: x @ 2.0,
    lambda L, x, y: L.mm(x, y[:, 0]),
    lambda L, x, y: L.mm(x, x),
    lambda L, x, y: L.bmm(x, y),
    lambda L, x, y: L.bmm(x[None], y[None].expand(2, 3, 4)),
    lambda L, x, y: L.outer(x, y[0]),
    lambda L, x, y: L.outer(x[0], 1.0),
    lambda L, x, y: L.nn.functional.linear(x, y),
    lambda L, x, y: L.nn.functional.linear(x[0, 0], y),
    lambda L, x, y: L.nn.functional.linear(x, x, y[0]),
    lambda L, x, y: L.nn.functional.linear(x, x.double()),
    lambda L, x, y: L.nn.functional.linear(x, x, x[:, 0].double()),
    lambda L, x, y: L.nn.functional.linear(x, x[None]),
    lambda L, x, y: L.einsum("ij,kj->", x, y),
    lambda L, x, y: L.einsum("ij,jk->ik", x),
    lambda L, x, y: L.einsum("ij", x, y),
    lambda L, x, y: L.einsum("ijk", x),
    lambda L, x, y: L.einsum("i", x),
    lambda L, x, y: L.einsum("...ijk", x),
    lambda L, x, y: L.einsum("ij->ii", x),
    lambda L, x, y: L.einsum("ij->ijk", x),
    lambda L, x, y: L.einsum("ii", x),
    lambda L, x, y: L.einsum("i1", x),
    lambda L, x, y: L.einsum("i-j", x),
    lambda L, x, y: L.einsum("ij->ji->", x),
    lambda L, x, y: L.einsum("..i->i", x),
    lambda L, x, y: L.einsum(". . .i->i", x),
    lambda L, x, y: L.einsum("...i...", x),
    lambda L, x, y: L.einsum("ij->...j...", x),
    lambda L, x, y: L.einsum("ij,jk->ik", x, y.double()),
    lambda L, x, y: L.einsum("ij,jk->ik", x.bool(), y.bool()),
    lambda L, x, y: L.einsum("->"),
    lambda L, x, y: L.einsum(x),
    lambda L, x, y: L.einsum(x, [0, 52]),
    lambda L, x, y: L.einsum(x, [-1, 0]),
    lambda L, x, y: L.einsum("ij", 1.0),
]


def test_errors(torch):
    """Where PyTorch raises, so do we."""
    x, y = numbers((2, 3), np.float32), numbers((3, 4), np.float32)
    for i, call in enumerate(BAD):
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, AttributeError)):
            call(torch, torch.tensor(x), torch.tensor(y))
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
            call(tg, tg.tensor(x), tg.tensor(y))
        assert "\n" not in str(caught.value), i


# Where we raise and PyTorch does not, with the reason.
STRICTER = [
    (lambda L, x, y: L.einsum("i,j->ij", x[0], y[0].double()), "PyTorch promotes only where nothing is summed"),
    (lambda L, x, y: L.einsum("i,j->ij", x[0].bool(), y[0].bool()), "PyTorch has it only where nothing is summed"),
    (lambda L, x, y: L.nn.functional.linear(x, y.T, x[0, :1]), "documented is (O,); (1,) broadcasts by accident"),
    (lambda L, x, y: L.nn.functional.linear(x, y.T, x[0, 0]), "the same"),
]


def test_stricter_than_torch(torch):
    x, y = numbers((2, 3), np.float32), numbers((3, 4), np.float32)
    for call, _ in STRICTER:
        call(torch, torch.tensor(x), torch.tensor(y))
        with pytest.raises((TypeError, ValueError)):
            call(tg, tg.tensor(x), tg.tensor(y))
