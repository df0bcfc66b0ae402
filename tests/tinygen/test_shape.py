"""Shape ops beyond their records: memory, the methods' forms, adjoints, gradients of what is empty."""

import itertools

import numpy as np
import pytest

import tinygen as tg
from tinygen.ops.pad import FoldBack, PadFromInside
from tinygen.testing.gradcheck import assert_close


def test_a_view_is_possible_exactly_where_numpy_needs_no_copy():
    rng = np.random.default_rng(0)
    shapes = [(24,), (2, 12), (12, 2), (2, 3, 4), (4, 6), (6, 4), (3, 8), (2, 2, 6), (1, 24), (4, 1, 6), (2, 2, 2, 3)]
    seen = {True: 0, False: 0}
    for _ in range(300):
        old, new = (shapes[i] for i in rng.integers(0, len(shapes), 2))
        array = np.zeros([n * 2 for n in old])[tuple(slice(0, 2 * n, rng.integers(1, 3)) for n in old)]
        array = np.moveaxis(array[tuple(slice(n) for n in old)], 0, rng.integers(0, len(old)))
        if rng.random() < 0.3:
            array = np.broadcast_to(array[:1], array.shape)
        possible = np.shares_memory(array.reshape(new), array)
        seen[possible] += 1
        if possible:
            assert np.shares_memory(tg.from_numpy(array).view(new)._data, array), (array.shape, array.strides, new)
        else:
            with pytest.raises(RuntimeError, match="use reshape"):
                tg.from_numpy(array).view(new)
    assert min(seen.values()) > 50


def test_views_share_memory_and_copies_do_not():
    x = tg.zeros(3, 4)
    for y in (x.view(12), x.reshape(2, 6), x.T, x.unsqueeze(0), x.expand(2, 3, 4), x.split(2, 1)[1], x.unbind(1)[2]):
        assert np.shares_memory(y._data, x._data)
    copies = [x.clone(), x.repeat(1, 1), x.repeat_interleave(1, 0), x[:1].repeat(3, 1), x.flip(0), x.roll(1), x.tril()]
    for y in [*copies, x.diagonal()]:
        assert not np.shares_memory(y._data, x._data)
    assert x.diagonal()._data.flags.writeable


def test_methods_take_numbers_one_by_one_or_as_a_tuple():
    x = tg.arange(24).reshape(2, 3, 4)
    forms = "reshape 4 6, view 4 6, permute 2 0 1, expand 5 2 3 4, flip 0 2, repeat 1 2 1, tile 2 1"
    for name, *words in map(str.split, forms.split(",")):
        given = [int(word) for word in words]
        one_by_one = getattr(x, name)(*given)
        for form in (tuple(given), list(given), tuple(np.int64(n) for n in given)):
            assert_close(getattr(x, name)(form), one_by_one)
    assert x.reshape(tg.tensor(6), 4).shape == (6, 4)


def test_what_is_empty_has_an_empty_gradient():
    nothing, x = tg.zeros(0, requires_grad=True), tg.ones(2, 3, requires_grad=True)
    tg.cat([nothing, x], 1).sum().backward()
    assert nothing.grad.shape == (0,)
    assert_close(x.grad, np.ones((2, 3), np.float32))
    assert tg.unbind(tg.zeros(0, 3)) == ()
    assert [y.shape for y in tg.chunk(tg.zeros(0, 2), 3)] == [(0, 2)] * 3
    assert tg.split(tg.zeros(0), []) == ()


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_fold_back_is_the_adjoint_of_padding(mode):
    """<pad(x), y> = <x, fold(y)> for all x and y."""
    rng = np.random.default_rng(1)
    for before, after, axis in itertools.product((0, 1, 3), (0, 2), (0, 1)):
        settings = {"axis": axis, "before": before, "after": after, "mode": mode}
        x = tg.tensor(rng.standard_normal((4, 5)))
        padded = PadFromInside.apply(x, **settings)
        y = tg.tensor(rng.standard_normal(padded.shape))
        assert_close((padded * y).sum(), (x * FoldBack.apply(y, **settings)).sum().numpy())


def test_padding_what_was_cut_gives_zeros_for_gradients():
    x = tg.ones(2, 4, requires_grad=True)
    tg.pad(x, (-1, 2, 1, -1), value=9.0).sum().backward()
    assert_close(x.grad, np.array([[0, 1, 1, 1], [0, 0, 0, 0]], np.float32))
    with pytest.raises(ValueError, match="`value` is nan; it does not fit int64"):
        tg.pad(tg.arange(3), (1, 1), value=float("nan"))
    assert tg.pad(tg.arange(3), (1, 0), value=True).tolist() == [1, 0, 1, 2]
    assert tg.pad(tg.ones(2), (1, 0), value=float("-inf")).tolist() == [-np.inf, 1, 1]


def test_triangles_of_infinities_have_no_nan():
    """A triangle is cut out, not multiplied by 0: a mask of -inf above the diagonal is how attention looks back."""
    mask = tg.full((3, 3), -np.inf).triu(1)
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    weights = tg.softmax(tg.zeros(3, 3) + mask, -1)
    assert_close(weights, np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3], np.float32))
