"""Shape ops, joins, moves, padding against PyTorch over its documented options: values, both orders, types, errors."""

from functools import partial
from itertools import product

import numpy as np
import pytest

import tinygen as tg

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
DTYPES = [np.float32, np.float64, np.float16, np.int64, np.int32, np.uint8, np.bool_]


def numbers(shape, dtype=np.float64):
    a = RNG.uniform(-2, 2, shape)
    return np.abs(a * 3).astype(dtype) if np.dtype(dtype).kind in "ub" else (a * 3).astype(dtype)


# (shape, call): the same text works in both libraries, which is the point
ONE = [
    *[((2, 3, 4), lambda L, x, s=s: x.reshape(*s)) for s in [(24,), (-1, 2), (4, 3, 2), (2, 1, 12)]],
    ((2, 3), lambda L, x: L.reshape(x, (3, 2))),
    ((2, 3), lambda L, x: L.reshape(x, shape=(-1,))),
    ((), lambda L, x: x.reshape(1, 1)),
    ((1,), lambda L, x: x.reshape(())),
    ((0, 3), lambda L, x: x.reshape(-1, 3)),
    ((4, 6), lambda L, x: x.view(2, 12)),
    ((4, 6), lambda L, x: x.view((2, 2, -1))),
    ((4, 6), lambda L, x: x[:, :3].view(4, 1, 3)),
    ((4, 6), lambda L, x: x.T.view(2, 3, 4)),
    ((4, 6), lambda L, x: x[:, ::2].view(12)),
    ((2, 1, 3), lambda L, x: x.expand(2, 5, 3).view(2, 5, 3, 1)),
    ((2, 3, 4), lambda L, x: L.flatten(x)),
    ((2, 3, 4), lambda L, x: x.flatten(1)),
    ((2, 3, 4), lambda L, x: x.flatten(start_dim=0, end_dim=-2)),
    ((), lambda L, x: x.flatten()),
    ((2, 6), lambda L, x: x.unflatten(1, (2, 3))),
    ((2, 6), lambda L, x: L.unflatten(x, -1, (-1, 2, 1))),
    ((6,), lambda L, x: x.unflatten(dim=0, sizes=(3, -1))),
    *[((1, 3, 1, 2), lambda L, x, d=d: L.squeeze(x, d)) for d in (0, 1, -2, (0, 2), (0, 1), ())],
    ((1, 3, 1), lambda L, x: x.squeeze()),
    ((), lambda L, x: x.squeeze(0)),
    *[((2, 3), lambda L, x, d=d: x.unsqueeze(d)) for d in (0, 1, 2, -1, -3)],
    ((2, 3, 4), lambda L, x: x.permute(2, 0, 1)),
    ((2, 3, 4), lambda L, x: L.permute(x, (-1, 1, 0))),
    ((2, 3, 4), lambda L, x: x.permute(dims=(1, 0, 2))),
    ((2, 3, 4), lambda L, x: L.transpose(x, 0, -1)),
    ((), lambda L, x: x.transpose(0, -1)),
    ((2, 3, 4), lambda L, x: L.swapaxes(x, axis0=0, axis1=1)),
    ((2, 3), lambda L, x: x.T),
    ((2, 3, 4), lambda L, x: x.mT),
    ((2, 3, 4), lambda L, x: L.movedim(x, 0, -1)),
    ((2, 3, 4), lambda L, x: x.movedim((0, 1), (-1, 0))),
    ((1, 3), lambda L, x: x.expand(-1, 3)),
    ((1, 3), lambda L, x: x.expand((4, 2, -1))),
    ((3, 1), lambda L, x: x.expand(2, 3, 4)),
    ((1, 3), lambda L, x: x.expand(0, 3)),
    ((1, 3), lambda L, x: L.broadcast_to(x, (4, -1))),
    ((1, 3), lambda L, x: L.broadcast_to(x, size=(2, 3))),
    ((2, 3), lambda L, x: x.repeat(2, 1, 2)),
    ((2, 3), lambda L, x: x.repeat((2, 2))),
    ((2, 3), lambda L, x: x.repeat(0, 2)),
    ((), lambda L, x: x.repeat(3)),
    *[((2, 3), lambda L, x, d=d: L.tile(x, d)) for d in ((2,), (2, 2), (2, 1, 3), (), (0,))],
    ((2, 3), lambda L, x: x.tile(2, 1, 2)),
    ((2, 3), lambda L, x: x.tile(dims=(3,))),
    *[((2, 3, 4), lambda L, x, d=d: L.flip(x, d)) for d in ((0,), (1, 2), (-1, 0), ())],
    ((2, 3, 4), lambda L, x: x.flip(0, 2)),
    ((2, 3, 4), lambda L, x: x.flip(1)),
    ((2, 3, 4), lambda L, x: L.roll(x, 5)),
    *[((2, 3, 4), lambda L, x, a=a: L.roll(x, *a)) for a in ((1, 0), (-3, 1), ((1, 2), (0, 2)), ((1, 1), (1, 1)))],
    ((2, 3, 4), lambda L, x: x.roll(shifts=(2, -1), dims=(0, 1))),
    *[(s, lambda L, x, k=k: L.tril(x, k)) for s in ((3, 4), (2, 4, 3)) for k in (0, 1, -2, 9)],
    *[(s, lambda L, x, k=k: L.triu(x, k)) for s in ((3, 4), (2, 4, 3)) for k in (0, 1, -2, 9)],
    ((3, 3), lambda L, x: x.tril(diagonal=-1)),
    *[((3, 4), lambda L, x, k=k: L.diagonal(x, k)) for k in (0, 2, -1, 7)],
    ((2, 3, 4), lambda L, x: x.diagonal(offset=1, dim1=-1, dim2=0)),
    ((2, 3), lambda L, x: L.repeat_interleave(x, 2)),
    ((2, 3), lambda L, x: x.repeat_interleave(3, dim=1)),
    ((2, 3), lambda L, x: L.repeat_interleave(x, L.tensor([2, 0, 1]), dim=-1)),
    ((2, 3), lambda L, x: L.repeat_interleave(x, L.tensor([2]), 0)),
    ((2, 3), lambda L, x: L.clone(x)),
    *[((7, 2), lambda L, x, n=n: L.split(x, n)[-1]) for n in (3, [1, 0, 6], (7,), 9)],
    ((2, 5), lambda L, x: x.split(2, dim=1)[1]),
    ((2, 5), lambda L, x: x.split(split_size=3, dim=-1)[1]),
    ((2, 5), lambda L, x: L.split(x, split_size_or_sections=[4, 1], dim=1)[0]),
    *[((7, 2), lambda L, x, n=n, k=k: L.chunk(x, n)[k]) for n, k in ((2, 1), (4, 3), (9, 6))],
    ((2, 5), lambda L, x: x.chunk(chunks=2, dim=1)[0]),
    ((3, 2), lambda L, x: L.unbind(x)[1]),
    ((3, 2), lambda L, x: x.unbind(dim=-1)[0]),
]  # fmt: skip

SEVERAL = [
    *[([(2, 3), (1, 3), (0, 3)], lambda L, *xs, d=d: L.cat(xs, d)) for d in (0, -2)],
    ([(2, 3), (2, 1)], lambda L, *xs: L.cat(xs, dim=1)),
    ([(0,), (2, 3)], lambda L, *xs: L.cat(xs, dim=1)),
    ([(2, 3), (0,)], lambda L, *xs: L.cat(list(xs), -2)),
    ([(0,), (0,)], lambda L, *xs: L.cat(xs)),
    *[([(2, 3)] * 3, lambda L, *xs, d=d: L.stack(xs, d)) for d in (0, 1, 2, -1)],
    ([(), ()], lambda L, *xs: L.stack(xs)),
    *[([(2,), (3,), ()], lambda L, *xs, i=i: L.stack(L.meshgrid(*xs, indexing=i))) for i in ("ij", "xy")],
    ([(2,)], lambda L, *xs: L.meshgrid(list(xs), indexing="xy")[0]),
]  # fmt: skip

WIDTHS = {
    1: [(1, 2), (0, 0), (-1, 2), (2, -1), (-1, -1)],
    2: [(1, 2, 2, 1), (1, -1, -1, 2), (0, 0, 1, 0)],
    3: [(1, 0, 0, 1, 1, 1), (1, -1, -2, 1, 0, 1)],
}


@pytest.fixture
def same(torch, agree):
    """A function that compares one call, written for either library."""

    def compare(call, arrays, orders=2, wanted=None, label=""):
        wanted = [True] * len(arrays) if wanted is None else wanted
        agree(partial(call, tg), partial(call, torch), arrays, wanted, orders=orders, label=label)

    return compare


def test_values_and_both_orders(same):
    for i, (shape, call) in enumerate(ONE):
        for dtype in (np.float64, np.float32):
            x = numbers(shape, dtype)
            # from an empty result PyTorch gives a gradient without history, of the same zeros
            empty = not call(tg, tg.tensor(x)).numel()
            same(call, [x], orders=1 if empty else 2, label=f"call {i} on {shape}")


def test_several_inputs(same):
    for i, (shapes, call) in enumerate(SEVERAL):
        arrays = [numbers(s) for s in shapes]
        same(call, arrays, orders=1 if (0,) in shapes else 2, label=f"call {i} on {shapes}")
        same(call, arrays, orders=1, wanted=[k == 0 for k in range(len(arrays))], label=f"call {i}, of the first")


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(torch, agree, mode):
    pad, their_pad = tg.nn.functional.pad, torch.nn.functional.pad
    for axes, others in product((1, 2, 3), (1, 2)):
        shape = (2, 3, 4, 5, 4)[-axes - others :]
        for widths in WIDTHS[axes]:
            for more in [{}, {"value": 1.5}, {"mode": mode, "value": -2}] if mode == "constant" else [{"mode": mode}]:
                settings = {"pad": widths, **more}
                label = f"{shape} {settings}"
                agree(partial(pad, **settings), partial(their_pad, **settings), [numbers(shape)], [True], label=label)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_wide_and_cut(torch, mode):
    for n, width in product((3, 5), product((-4, -3, -1, 0, 1, 3, 4), repeat=2)):
        x, label = numbers((1, n)), f"{width} of {n}"
        try:
            ours = tg.nn.functional.pad(tg.tensor(x), width, mode=mode).numpy()
        except ValueError:
            if mode == "circular" and min(width) < 0 < max(width):
                continue  # for some of these PyTorch 2.13 returns memory that it never wrote to
            with pytest.raises(RuntimeError):
                torch.nn.functional.pad(torch.tensor(x), width, mode=mode)
            continue
        np.testing.assert_array_equal(ours, torch.nn.functional.pad(torch.tensor(x), width, mode=mode).numpy(), label)


def test_dtypes_stay(same):
    for dtype in DTYPES:
        for shape, call in ONE:
            same(call, [numbers(shape, dtype)], orders=0, wanted=[False])
        for mode in ("constant", "reflect", "replicate", "circular"):
            if dtype is np.bool_ and mode in ("reflect", "replicate"):
                continue  # PyTorch has not written these for booleans
            same(lambda L, x, m=mode: L.nn.functional.pad(x, (2, 1), mode=m), [numbers((2, 4), dtype)], 0, [False])


def test_promotion(torch):
    for a, b in product(DTYPES, repeat=2):
        x, y = numbers((2, 3), a), numbers((2, 3), b)
        for name in ("cat", "stack"):
            ours = getattr(tg, name)([tg.tensor(x), tg.tensor(y)])
            theirs = getattr(torch, name)([torch.tensor(x), torch.tensor(y)])
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
            assert ours.dtype == theirs.numpy().dtype, (name, a, b)


BAD = [
    lambda L, x: x.reshape(4, 2),
    lambda L, x: x.reshape(-1, -1),
    lambda L, x: x.reshape(-2, 3),
    lambda L, x: x.reshape(2.0, 3),
    lambda L, x: x.reshape(True, 6),
    lambda L, x: x.reshape(),
    lambda L, x: x[:0].reshape(0, -1),
    lambda L, x: x.view(4, 2),
    lambda L, x: x.T.view(6),
    lambda L, x: x.expand(4, 2, 3).view(8, 3).view(4, 6),
    lambda L, x: x[:, :2].view(4),
    lambda L, x: x.flatten(1, 0),
    lambda L, x: x.flatten(2),
    lambda L, x: x.unflatten(1, (2, -1)),
    lambda L, x: x.unflatten(1, ()),
    lambda L, x: x.unflatten(1, 3),
    lambda L, x: x.unflatten(2, (1,)),
    lambda L, x: x.squeeze(2),
    lambda L, x: x.squeeze((0, 0)),
    lambda L, x: x.unsqueeze(3),
    lambda L, x: x.permute(0, 0),
    lambda L, x: x.permute(0),
    lambda L, x: x.permute(0, 2),
    lambda L, x: x.transpose(0, 2),
    lambda L, x: x.swapaxes(0, -3),
    lambda L, x: x[0].mT,
    lambda L, x: L.movedim(x, (0, 1), 0),
    lambda L, x: L.movedim(x, (0, 0), (0, 1)),
    lambda L, x: x.expand(3),
    lambda L, x: x.expand(-1, 2, 3),
    lambda L, x: x.expand(2, 4),
    lambda L, x: x.expand(0, 3),
    lambda L, x: L.broadcast_to(x, (3, 3)),
    lambda L, x: x.repeat(2),
    lambda L, x: x.repeat(-1, 1),
    lambda L, x: x.tile(-1),
    lambda L, x: x.flip(2),
    lambda L, x: x.flip((0, -2)),
    lambda L, x: L.roll(x, (1, 1)),
    lambda L, x: L.roll(x, 1, (0, 1)),
    lambda L, x: L.roll(x, (1, 2), 0),
    lambda L, x: L.roll(x, 1, 2),
    lambda L, x: L.roll(x, (), ()),
    lambda L, x: L.roll(x[0, 0], 1, 0),
    lambda L, x: x[0].tril(),
    lambda L, x: L.triu(x, 0.5),
    lambda L, x: L.diagonal(x, 0, 1, 1),
    lambda L, x: L.diagonal(x[0]),
    lambda L, x: x.repeat_interleave(-1),
    lambda L, x: x.repeat_interleave(1.5),
    lambda L, x: x.repeat_interleave(L.tensor([1, 1]), 1),
    lambda L, x: x.repeat_interleave(L.tensor([1.0, 1.0, 2.0]), 1),
    lambda L, x: x.repeat_interleave(L.tensor([1, -1, 2]), 1),
    lambda L, x: x.repeat_interleave(2, 2),
    lambda L, x: L.cat([]),
    lambda L, x: L.cat([x, x[:, :2]]),
    lambda L, x: L.cat([x[0, 0], x[0, 0]]),
    lambda L, x: L.cat([x, x], 2),
    lambda L, x: L.cat([x, 1.0]),
    lambda L, x: L.cat([x[:0, :2], x]),
    lambda L, x: L.cat(x[0, 0]),
    lambda L, x: L.stack([]),
    lambda L, x: L.stack([x, x.T]),
    lambda L, x: L.stack([x], 3),
    lambda L, x: L.split(x, 0),
    lambda L, x: L.split(x, -1),
    lambda L, x: L.split(x, [1, 2]),
    lambda L, x: L.split(x, [3, -1]),
    lambda L, x: L.split(x, 1.5),
    lambda L, x: L.split(x, 1, 2),
    lambda L, x: L.split(x[0, 0], 1),
    lambda L, x: L.chunk(x, 0),
    lambda L, x: L.chunk(x, 2, 2),
    lambda L, x: L.chunk(x[0, 0], 1),
    lambda L, x: L.unbind(x, 2),
    lambda L, x: L.unbind(x[0, 0]),
    lambda L, x: L.meshgrid(x, indexing="ij"),
    lambda L, x: L.meshgrid(x[0], indexing="ji"),
    lambda L, x: L.meshgrid(x[0], x[0].long(), indexing="ij"),
    lambda L, x: L.nn.functional.pad(x, (1,)),
    lambda L, x: L.nn.functional.pad(x, 1),
    lambda L, x: L.nn.functional.pad(x, (1.0, 1)),
    lambda L, x: L.nn.functional.pad(x, (1,) * 6),
    lambda L, x: L.nn.functional.pad(x, (-2, -2)),
    lambda L, x: L.nn.functional.pad(x, (2, -4)),
    lambda L, x: L.nn.functional.pad(x, (1, 1), "wrap"),
    lambda L, x: L.nn.functional.pad(x, (1, 1), "reflect", 1.0),
    lambda L, x: L.nn.functional.pad(x, (3, 0), "reflect"),
    lambda L, x: L.nn.functional.pad(x, (4, 0), "circular"),
    lambda L, x: L.nn.functional.pad(x[0], (1, 1), "reflect"),
    lambda L, x: L.nn.functional.pad(x, (1, 1, 1, 1), "replicate"),
    lambda L, x: L.nn.functional.pad(x[None, None], (1, 1), "circular"),
    lambda L, x: L.nn.functional.pad(x, (-3, 0), "replicate"),
    lambda L, x: L.nn.functional.pad(x[:0], (1, 1), "reflect"),
    lambda L, x: L.nn.functional.pad(x[:, :0], (1, 1), "circular"),
    lambda L, x: L.nn.functional.pad(x.int(), (1, 1), value=float("inf")),
    lambda L, x: L.nn.functional.pad(x.int(), (1, 1), value=2**40),
]  # fmt: skip


def test_errors(torch):
    """Where PyTorch raises, so do we."""
    a = numbers((2, 3))
    for i, call in enumerate(BAD):
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)):
            call(torch, torch.tensor(a))
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
            call(tg, tg.tensor(a))
        assert "\n" not in str(caught.value), i


# Where we raise and PyTorch does not, with the reason.
STRICTER = [
    (lambda L, x: x.view(L.int32), "it reads the same bits as other numbers; .to(dtype) converts"),
    (lambda L, x: L.clone(x, memory_format=getattr(L, "channels_last", 1)), "tensors are in C order or views"),
    (lambda L, x: L.cat([x[0, 0, :0], x[0, 0, :0]], 1), "an axis that none of the tensors has"),
]


def test_stricter_than_torch(torch):
    a = numbers((1, 2, 3, 4)).astype(np.float32)
    for call, reason in STRICTER:
        call(torch, torch.tensor(a) if "order" in reason else torch.tensor(a[0]))
        with pytest.raises((TypeError, ValueError, IndexError)):
            call(tg, tg.tensor(a[0]))
