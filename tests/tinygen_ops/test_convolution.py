"""The arithmetic of convolutions: sizes, and the three kernels as one trilinear form."""

from itertools import product

import numpy as np
import pytest

from tinygen_ops import conv_forward, conv_input_gradient, conv_weight_gradient, convolution
from tinygen_ops.convolution import (
    conv_size,
    overlap_add,
    same_padding,
    span,
    transposed_same,
    transposed_size,
    windows,
)
from tinygen_ops.registry import machine, use
from tinygen_ops.ways import way


def read(length, kernel, stride, lo, dilation, q):
    """The places of the unpadded input that window q reads."""
    return [q * stride + k * dilation - lo for k in range(kernel)]


def test_size_counts_the_windows_that_fit():
    for length, kernel, stride, lo, hi, dilation in product(
        range(1, 8), range(1, 4), range(1, 4), range(3), range(-2, 3), (1, 2)
    ):
        fitting, q = 0, 0
        while read(length, kernel, stride, lo, dilation, q)[-1] < length + hi:
            fitting, q = fitting + 1, q + 1
        if fitting:
            assert conv_size(length, kernel, stride, (lo, hi), dilation) == fitting
        else:
            with pytest.raises(ValueError, match="the kernel is larger than the input"):
                conv_size(length, kernel, stride, (lo, hi), dilation)


def test_same_is_keras_split():
    for length, kernel, stride, dilation in product(range(1, 12), range(1, 6), range(1, 5), (1, 2)):
        lo, hi = same_padding(length, kernel, stride, dilation)
        assert conv_size(length, kernel, stride, (lo, hi), dilation) == -(-length // stride)
        assert lo <= hi <= lo + 1
        if lo + hi:  # no more zeros than the last window needs
            assert read(length, kernel, stride, lo, dilation, -(-length // stride) - 1)[-1] == length + hi - 1
    assert same_padding(224, 3, 2, 1) == (0, 1)  # the case in which PyTorch's symmetric padding differs


def test_transposed_sizes_lead_back():
    """The convolution that is transposed takes the output to the input's size."""
    for length, kernel, stride, padding, dilation in product(
        range(1, 6), range(1, 5), range(1, 4), range(3), (1, 2, 3)
    ):
        for more in range(max(stride, dilation)):
            expected = (length - 1) * stride - 2 * padding + span(kernel, dilation) + more
            if expected < 1:
                with pytest.raises(ValueError, match=f"the output would have length {expected}"):
                    transposed_size(length, kernel, stride, padding, dilation, more)
                continue
            size, both = transposed_size(length, kernel, stride, padding, dilation, more)
            assert size == expected
            assert conv_size(size, kernel, stride, both, dilation) == length
        size, both = transposed_same(length, kernel, stride, dilation)
        crop = span(kernel, dilation) - stride
        assert size == length * stride
        assert both == ((crop // 2, crop - crop // 2) if crop > 0 else (0, crop))
        assert conv_size(size, kernel, stride, both, dilation) == length
    with pytest.raises(ValueError, match="it must have at least 1"):
        transposed_same(0, 3, 2, 1)


CASES = [  # N, C, O, size, kernel, stride, padding, dilation, groups
    (2, 3, 4, (9,), (3,), (1,), ((1, 1),), (1,), 1),
    (2, 4, 6, (11,), (2,), (3,), ((0, 2),), (2,), 2),
    (3, 2, 5, (6, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (1, 4, 4, (7, 5), (3, 2), (2, 1), ((0, 1), (2, 0)), (1, 2), 4),
    (2, 4, 2, (6, 6), (2, 3), (1, 2), ((0, -1), (1, -2)), (2, 1), 2),
    (1, 1, 1, (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (2, 2, 3, (4, 4), (1, 1), (3, 3), ((0, -1), (0, 0)), (1, 1), 1),
    (0, 2, 3, (4, 4), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
]
# float16 results are the float32 ones rounded once
TOLERANCES = [(np.float64, 1e-12), (np.float32, 2e-5), (np.float16, 2e-3)]


def triple(rng, case, dtype):
    """x, w and gy of a case."""
    n, c, o, size, kernel, stride, padding, dilation, groups = case
    places = tuple(map(conv_size, size, kernel, stride, padding, dilation))
    shapes = (n, c, *size), (o, c // groups, *kernel), (n, o, *places)
    return [rng.uniform(-1, 1, shape).astype(dtype) for shape in shapes]


def by_definition(x, w, gy, stride, padding, dilation, groups):
    """The three results, one product after the other in float64."""
    x, w, gy = (a.astype(np.float64) for a in (x, w, gy))
    y, gx, gw = np.zeros_like(gy), np.zeros_like(x), np.zeros_like(w)
    per_in, per_out = w.shape[1], len(w) // groups
    for (o, *q), (c, *k) in product(np.ndindex(gy.shape[1:]), np.ndindex(w.shape[1:])):
        p = [
            i * s + j * d - lo for i, j, s, d, (lo, _) in zip(q, k, stride, dilation, padding, strict=True)
        ]
        if all(0 <= i < n for i, n in zip(p, x.shape[2:], strict=True)):
            at, to = (slice(None), o // per_out * per_in + c, *p), (slice(None), o, *q)
            y[to] += x[at] * w[(o, c, *k)]
            gx[at] += gy[to] * w[(o, c, *k)]
            gw[(o, c, *k)] += (x[at] * gy[to]).sum()
    return y, gx, gw


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("layout", ["C", "strided"])
def test_kernels_against_the_definition(form, rng, case, dtype, tolerance, layout):
    *_, stride, padding, dilation, groups = case
    arrays = triple(rng, case, dtype)
    if layout == "strided":
        arrays = [np.repeat(a, 2, axis=-1)[..., ::2].swapaxes(0, 1).copy().swapaxes(0, 1) for a in arrays]
    for a in arrays:
        a.setflags(write=False)
    x, w, gy = arrays
    window = (stride, padding, dilation, groups)
    results = (
        conv_forward(x, w, *window),
        conv_input_gradient(gy, w, x.shape[2:], *window),
        conv_weight_gradient(x, gy, w.shape[2:], *window),
    )
    for result, expected in zip(results, by_definition(x, w, gy, *window), strict=True):
        assert result.dtype == dtype
        assert result.shape == expected.shape
        order = result if form == "reference" or dtype != np.float32 else np.moveaxis(result, 1, -1)
        assert order.flags.c_contiguous or result.ndim != arrays[0].ndim or order is not result
        assert result.flags.writeable
        scale = max(np.abs(expected).max(initial=0), 1)
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * scale)


def test_float16_is_summed_in_float32(form):
    """4096 terms of a half: in float16 their sum stops at 1024, where half the gap between numbers is reached."""
    many, halves = np.ones((1, 4096, 1), np.float16), np.full((1, 4096, 1), 0.5, np.float16)
    settings = ((1,), ((0, 0),), (1,))
    assert conv_forward(many, halves, *settings).item() == 2048
    assert conv_input_gradient(many, halves.swapaxes(0, 1), (1,), *settings).item() == 2048
    assert conv_weight_gradient(many.swapaxes(1, 2), halves.swapaxes(1, 2), (1,), *settings).item() == 2048


@pytest.mark.parametrize(("limit", "parts"), [(1, 5), (13000, 3), (10**9, 1)])
def test_workspace_bounds_the_columns_and_changes_nothing(monkeypatch, rng, limit, parts):
    """Columns of one sample: 2 channels, 9 kernel places, 42 windows, 8 bytes: 6048 bytes."""
    case = (5, 2, 3, (6, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    (x, w, gy), window, made = triple(rng, case, np.float64), case[5:], []
    own = convolution._columns

    def columns(*args):
        made.append(own(*args))
        return made[-1]

    monkeypatch.setattr(convolution, "WORKSPACE", limit)
    monkeypatch.setattr(convolution, "_columns", columns)
    results = (
        conv_forward.reference(x, w, *window),
        conv_input_gradient.reference(gy, w, x.shape[2:], *window),
        conv_weight_gradient.reference(x, gy, w.shape[2:], *window),
    )
    assert len(made) == 2 * parts  # the input gradient makes its columns by a product
    assert all(a.nbytes <= max(limit, 6048) for a in made)
    for result, expected in zip(results, by_definition(x, w, gy, *window), strict=True):
        np.testing.assert_allclose(result, expected, rtol=0, atol=5e-11)


def test_windows_and_their_adjoint(rng):
    x = rng.standard_normal((2, 3, 5, 6))
    settings = {"stride": (2, 1), "padding": ((1, 0), (0, -1)), "dilation": (1, 2)}
    columns = windows(x, (2, 3), **settings)
    assert columns.shape == (2, 3, 2, 3, 3, 1)
    assert (columns[:, :, 0, :, 0] == 0).all()  # the row of zeros above
    assert (columns[:, :, 1, 1, 0, 0] == x[:, :, 0, 2]).all()
    v = rng.standard_normal(columns.shape)
    assert np.isclose((columns * v).sum(), (x * overlap_add(v, (5, 6), **settings)).sum())
    message = r"`columns` hold \(3, 1\) windows; for `size` \(9, 6\) there must be \(5, 1\)"
    with pytest.raises(ValueError, match=message):
        overlap_add(v, (9, 6), **settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, gy, s: conv_forward(x[:, :3], w, *s), r"`x` \(2, 3, 9\) and `w` \(6, 2, 3\) do not fit"),
        (lambda x, w, gy, s: conv_forward(x, w[:5], *s), "O a multiple of `groups`"),
        (lambda x, w, gy, s: conv_forward(x[..., :2], w, *s), "the kernel is larger than the input"),
        (lambda x, w, gy, s: conv_input_gradient(gy, w, (10,), *s), r"`gy` has shape \(2, 6, 7\).*\(2, 6, 8\)"),
        (lambda x, w, gy, s: conv_weight_gradient(x, gy, (2,), *s), r"`gy` has shape \(2, 6, 7\).*\(2, 6, 8\)"),
        (lambda x, w, gy, s: conv_weight_gradient(x, gy[:1], (3,), *s), r"it must be \(2, 6, 7\)"),
    ],
)
def test_errors_name_the_shapes(form, rng, call, message):
    x, w, gy = triple(rng, (2, 4, 6, (9,), (3,), (1,), ((0, 0),), (1,), 2), np.float32)
    with pytest.raises(ValueError, match=message):
        call(x, w, gy, ((1,), ((0, 0),), (1,), 2))


def test_the_way_is_told_with_its_reason(numba_form, monkeypatch, capsys):
    layer = (20, 256, 256, (5, 5), (1, 1), (32, 32))
    if machine().width == 16:  # the width that the choice was fitted to
        assert way(*layer).startswith("winograd F(4 x 4): ")
    with use("exact"):
        assert way(*layer) == "direct: TINYGEN_KERNELS=exact"
    with use("reference"):
        assert way(*layer) == "plain: columns and a product"
    monkeypatch.setenv("TINYGEN_DEBUG", "1")
    for _ in range(2):
        way(7, 11, 13, (3, 3), (2, 2), (19, 17))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1  # once for each shape
    assert told[0].startswith("tinygen: convolution of 7 x 11 to 13 channels at 19 x 17, kernel 3 x 3, stride 2 x 2: d")
