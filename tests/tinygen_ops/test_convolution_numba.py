"""The fast convolutions against the plain form, over many shapes, with guard zones around every buffer."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import tinygen_ops
from tinygen_ops import conv_forward, conv_input_gradient, conv_weight_gradient, numba_problem, use
from tinygen_ops.generate import FILES, is_exact
from tinygen_ops.layout import as_pixels
from tinygen_ops.winograd import POINTS, matrices

if numba_problem():
    pytest.skip(numba_problem(), allow_module_level=True)

from tinygen_ops import (
    convolution_numba,
    direct_numba,
    memory,
    polyphase_numba,
    winograd_numba,
    winograd_weights_numba,
)

KERNELS = [(1, 1), (3, 3), (5, 5), (2, 2), (4, 4), (1, 7), (7, 1), (2, 3)]
POLYPHASE = [(4, 4), (4, 4), (3, 3), (5, 5), (3, 4), (5, 4), (2, 4), (6, 3)]
GUARD = 64  # floats before and behind every buffer
# largest error in float32, relative to the largest number of the result; measured over 3,000 shapes: 8.7e-7
# (of weights' gradients a few reach 3.8e-6, of those drawn here none) and 7.5e-6
TOLERANCE = {"exact": 2e-6, "auto": 2e-5}


class Guarded:
    """NumPy with guard zones: floats in new arrays are NaN, and so is what lies around them."""

    def __init__(self):
        self.buffers = []

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=float):
        """An array whose float32 elements and surroundings are NaN."""
        if dtype != np.float32:
            return np.empty(shape, dtype)
        size = int(np.prod(shape))
        buffer = np.full(size + 2 * GUARD, np.nan, np.float32)
        self.buffers.append(buffer)
        return buffer[GUARD : GUARD + size].reshape(shape)

    def lent(self, shape, dtype=np.float32):
        """In place of `memory.empty`."""
        return self.empty(shape, dtype)

    def workspace(self, size):
        """In place of `compile.workspace`."""
        return self.empty((size,), np.float32)

    def zeros(self, shape, dtype=float):
        """The same, filled with zeros."""
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def ascontiguousarray(self, array):
        """A copy with guards, always."""
        return self.copy_of(array)

    def copy_of(self, array):
        """The array's numbers, with guards around, in the order of its axes."""
        made = self.empty(array.shape, array.dtype)
        made[...] = array
        return made

    def channels_last(self, x):
        """In place of `layout.as_channels_last`: a copy with guards, always."""
        return self.copy_of(x.transpose(0, 2, 3, 1))

    def intact(self):
        """Whether nothing was written around any buffer."""
        return all(np.isnan(b[:GUARD]).all() and np.isnan(b[-GUARD:]).all() for b in self.buffers)


def cases(seed, count, widths=(1, 25)):
    """Random convolutions: (x, w, biases, settings, rng), of all that the algorithms tell apart."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        groups = int(rng.choice([1, 1, 2, 3]))
        kind = made % 8
        if kind in (0, 1):  # few channels on one side
            groups, pair = 1, [int(rng.integers(1, 40)), int(rng.integers(1, 9))]
            channels, out = pair if kind else pair[::-1]
        elif kind == 2:
            channels, out = int(rng.integers(1, 40)) * groups, int(rng.integers(1, 50)) * groups
        elif kind in (3, 6, 7):  # what Winograd serves, at stride 1 and 2
            groups, (channels, out) = 1, (16 * rng.integers(2, 5, 2)).tolist()
        elif kind == 4:
            channels, out = int(rng.integers(1, 5)) * groups, int(rng.integers(1, 5)) * groups
        else:  # a group for each channel
            groups = channels = int(rng.integers(1, 30))
            out = groups * int(rng.integers(1, 3))
        axes = 2 if kind in (6, 7) else int(rng.choice([1, 2, 2]))
        shapes = POLYPHASE if kind in (6, 7) else KERNELS
        kernel = shapes[rng.integers(len(shapes))][-axes:]
        ones = (1,) * axes
        stride = ones if kind == 3 or rng.random() < 0.6 else tuple(rng.integers(1, 4, axes).tolist())
        stride = (2, 2) if kind in (6, 7) else stride
        dilation = ones if kind in (3, 6, 7) or rng.random() < 0.7 else tuple(rng.integers(1, 4, axes).tolist())
        padding = tuple((int(rng.integers(0, 6)), int(rng.integers(-2, 6))) for _ in range(axes))
        size = tuple(rng.integers(*(widths if rng.random() < 0.6 else (1, 5)), axes).tolist())
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        if any(n + lo + hi < r or n + hi < 1 for n, (lo, hi), r in zip(size, padding, reach, strict=True)):
            continue
        x = rng.standard_normal((int(rng.integers(1, 4)), channels, *size)).astype(np.float32)
        memory = rng.random()
        if memory < 0.3:  # channels last
            x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        elif memory < 0.4:
            x = np.broadcast_to(x[:1], x.shape)
        elif memory < 0.5:
            x = x[..., ::-1]
        w = rng.standard_normal((out, channels // groups, *kernel)).astype(np.float32)
        biases = [None if rng.random() < 0.5 else rng.standard_normal(n).astype(np.float32) for n in (out, channels)]
        yield x, w, biases, (stride, padding, dilation, groups), rng
        made += 1


def all_three(forms, x, w, gy, biases, settings, slope=None, cut=False, plus=None):
    """Forward and both gradients, that of the input added to `plus`, and cut off where the input is not above 0."""
    forward, input_gradient, weight_gradient = forms
    return (
        forward(x, w, *settings, biases[0], slope),
        input_gradient(gy, w, x.shape[2:], *settings, biases[1], slope, x if cut else None, plus),
        weight_gradient(x, gy, w.shape[2:], *settings),
    )


REFERENCE = tuple(kernel.reference for kernel in (conv_forward, conv_input_gradient, conv_weight_gradient))
FAST = (
    convolution_numba.conv_forward, convolution_numba.conv_input_gradient, convolution_numba.conv_weight_gradient,
)  # fmt: skip


def compared(x, w, biases, settings, rng, mode, forms=FAST):
    """Compare the three with the plain form in float64."""
    x64, w64, *b64 = (None if a is None else a.astype(np.float64) for a in (x, w, *biases))
    gy = rng.standard_normal(REFERENCE[0](x64, w64, *settings).shape).astype(np.float32)
    slope, cut = [None, None, 0, 0.3][rng.integers(4)], bool(rng.integers(2))
    plus, plus64 = (x[::-1], x64[::-1]) if rng.integers(2) else (None, None)
    expected = all_three(REFERENCE, x64, w64, gy.astype(np.float64), b64, settings, slope, cut, plus64)
    with use(mode):
        found = all_three(forms, x, w, gy, biases, settings, slope, cut, plus)
    for ours, plain in zip(found, expected, strict=True):
        label = f"{x.shape} {w.shape} {settings} {slope}"
        assert (ours.shape, ours.dtype) == (plain.shape, np.float32), label
        scale = max(abs(plain).max(initial=0), 1)  # Winograd's rounding is that of its patches, also of a sum of zeros
        np.testing.assert_allclose(ours, plain, rtol=0, atol=TOLERANCE[mode] * scale, err_msg=label)


@pytest.fixture
def winograd_everywhere(monkeypatch):
    """Choose Winograd's forms wherever there is one, also where it would not pay: on small images."""
    monkeypatch.setattr(convolution_numba, "SAVES", float("inf"))
    convolution_numba.choose.cache_clear()
    yield
    convolution_numba.choose.cache_clear()


@pytest.mark.parametrize("mode", ["exact", "auto"])
def test_as_the_plain_form(mode, winograd_everywhere):
    for case in cases(1, 160):
        compared(*case, mode)


@pytest.mark.parametrize("stride", [(2, 2), (3, 1), (1, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_gradient_of_few_channels_at_a_stride(normal, stride, dilation):
    """The product with all columns at once, and the sums of those that meet."""
    x, w, bias = normal(2, 3, 21, 23), normal(24, 3, 3, 4), normal(3)
    settings = stride, ((1, 2), (2, 0)), dilation
    gy = normal(*REFERENCE[0](x, w, *settings).shape)
    gx = convolution_numba.conv_input_gradient(gy, w, (21, 23), *settings, 1, bias, 0.3)
    x64 = [a.astype(np.float64) for a in (gy, w)]
    np.testing.assert_allclose(gx, REFERENCE[1](*x64, (21, 23), *settings, 1, bias, 0.3), atol=2e-5)


def test_nothing_is_read_or_written_outside(monkeypatch, winograd_everywhere):
    """Every buffer, the inputs too, lies between NaN; what is not written stays NaN; the guards stay as they are."""
    for x, w, biases, settings, rng in cases(2, 80):
        compared(x, w, biases, settings, rng, "auto")  # compiles what it needs
        guarded = Guarded()
        x, w = guarded.copy_of(x), guarded.copy_of(w)
        biases = [None if b is None else guarded.copy_of(b) for b in biases]
        with monkeypatch.context() as patch:
            for module in (direct_numba, winograd_numba, winograd_weights_numba, polyphase_numba):
                patch.setattr(module, "np", guarded)
            for module in (convolution_numba, direct_numba, winograd_numba, polyphase_numba):
                patch.setattr(module, "as_channels_last", guarded.channels_last)
            patch.setattr(winograd_numba, "workspace", guarded.workspace)
            patch.setattr(memory, "empty", guarded.lent)
            compared(x, w, biases, settings, rng, "auto")
        assert len(guarded.buffers) > 4
        assert guarded.intact(), f"{x.shape} {w.shape} {settings}"


def test_guards_notice():
    """The guard zones work: a write one element too far is seen."""
    guarded = Guarded()
    guarded.empty((2, 3), np.float32)
    assert guarded.intact()
    guarded.buffers[0][GUARD + 6] = 0
    assert not guarded.intact()


@pytest.mark.parametrize("name", ["alive", "plus"])
def test_what_cuts_off_and_what_is_added_have_the_shape_of_the_result(normal, name):
    for form in (REFERENCE[1], FAST[1]):
        with pytest.raises(ValueError, match=rf"`{name}` has shape \(2, 3, 7, 8\); it must be .* \(2, 3, 8, 8\)"):
            form(normal(2, 4, 8, 8), normal(4, 3, 1, 1), (8, 8), (1, 1), ((0, 0), (0, 0)), (1, 1),
                 **{name: normal(2, 3, 7, 8)})


def test_results_lie_channels_last(normal):
    x, w = normal(2, 32, 9, 8), normal(48, 32, 3, 3)
    window = (1, 1), ((1, 1), (1, 1)), (1, 1)
    for mode in ("exact", "auto"):
        with use(mode):
            y = convolution_numba.conv_forward(x, w, *window)
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), 1), ((4, 4), 2), ((5, 3), 2)])
def test_threads_do_not_change_results(normal, kernel, stride, winograd_everywhere):
    """Bit for bit, for one thread and for all; the order of sums does not depend on how many there are."""
    import numba

    x, w = normal(3, 32, 20, 17), normal(48, 32, *kernel)
    settings, threads = ((stride, stride), ((1, 1), (0, 2)), (1, 1), 1), numba.get_num_threads()
    gy = normal(*conv_forward.reference(x, w, *settings).shape)
    for mode in ("exact", "auto"):
        found = []
        for count in (1, threads):
            numba.set_num_threads(count)
            try:
                with use(mode):
                    found.append(all_three(FAST, x, w, gy, (None, None), settings))
            finally:
                numba.set_num_threads(threads)
        for one, many in zip(*found, strict=True):
            np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("slope", [None, 0, 0.3])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), 1), ((4, 4), 2)])
def test_not_a_number_stays_so(normal, kernel, stride, slope, winograd_everywhere):
    """What is computed from a NaN is NaN, whatever rectifier follows; far from it nothing changes."""
    x, w = normal(1, 32, 16, 16), normal(32, 32, *kernel)
    settings = (stride, stride), ((1, 1), (1, 1)), (1, 1), 1
    for forward, size in ((convolution_numba.conv_forward, ()), (convolution_numba.conv_input_gradient, ((32, 32),))):
        arguments = (*size, *settings) if stride == 2 or not size else ((16, 16), *settings)
        with use("auto"):
            clean = forward(x, w, *arguments, None, slope)
            x[0, 5, 3, 2], before = np.nan, x[0, 5, 3, 2]
            spoilt = forward(x, w, *arguments, None, slope)
        plain = (conv_input_gradient if size else conv_forward).reference(x, w, *arguments)
        assert np.isnan(plain).any()
        assert np.isnan(spoilt[np.isnan(plain)]).all()
        half = clean.shape[2] // 2
        np.testing.assert_array_equal(spoilt[:, :, half:], clean[:, :, half:])
        x[0, 5, 3, 2] = before


@pytest.mark.parametrize(("layer", "name"), [
    ((16, 64, 64, (3, 3), (1, 1), (1, 1), 1, (28, 28), False), "winograd"),
    ((16, 64, 64, (3, 3), (1, 1), (1, 1), 1, (28, 28), True), "direct"),
    ((1, 64, 64, (3, 3), (1, 1), (1, 1), 1, (7, 7), False), "direct"),
    ((16, 64, 64, (1, 1), (1, 1), (1, 1), 1, (28, 28), False), "direct"),
    ((16, 64, 64, (3, 3), (1, 1), (1, 1), 2, (28, 28), False), "direct"),
    ((16, 64, 63, (3, 3), (1, 1), (1, 1), 1, (28, 28), False), "direct"),
    ((20, 256, 256, (4, 4), (2, 2), (1, 1), 1, (16, 16), False), "polyphase"),
    ((20, 256, 256, (4, 4), (2, 2), (1, 1), 1, (16, 16), True), "direct"),
    ((20, 256, 256, (2, 2), (2, 2), (1, 1), 1, (16, 16), False), "direct"),
    ((20, 256, 256, (4, 4), (2, 1), (1, 1), 1, (16, 16), False), "direct"),
    ((16, 64, 64, (3, 3), (2, 2), (1, 1), 1, (28, 28), False), "direct"),
    ((20, 256, 3, (7, 7), (1, 1), (1, 1), 1, (32, 32), False), "narrow"),
    ((1, 32, 3, (3, 3), (2, 2), (1, 1), 1, (175, 175), False, False, True), "columns"),
])  # fmt: skip
def test_choice(layer, name):
    choice = convolution_numba.choose(*layer)
    assert choice.name == name
    assert choice.why


@pytest.mark.parametrize(("m", "r"), POINTS)
def test_winograd_is_exact_in_fractions(m, r):
    """A^T ((G w) * (B^T x)) is the convolution, without any error."""
    at, g, bt = matrices(m, r)
    x = [Fraction(3 * i * i - 7 * i + 1, i + 2) for i in range(m + r - 1)]
    w = [Fraction(5 - 2 * k, k + 1) for k in range(r)]
    times = [_dot(a, w) * _dot(b, x) for a, b in zip(g, bt, strict=True)]
    assert [_dot(row, times) for row in at] == [_dot(w, x[j : j + r]) for j in range(m)]


@pytest.mark.parametrize(("m", "r"), POINTS)
def test_winograd_does_not_err_in_one_direction(m, r, normal):
    """What is rounded cancels out: the result is not too large or too small as a whole."""
    at, _, bt = matrices(m, r)
    assert all(is_exact(c) for row in at + bt for c in row)
    kernel, planes = ((1, 7), (1, m)) if r == 7 else ((r, r), (m, m))
    x, w = np.maximum(normal(2, 32, 40, 43), 0), normal(32, 32, *kernel)
    y = winograd_numba.convolve(x, w, (0, 0), (41 - kernel[0], 44 - kernel[1]), planes).astype(np.float64)
    right = conv_forward.reference(x.astype(np.float64), w.astype(np.float64), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    # 1e-9 to 8e-9; with entries rounded as they came it was 5e-8 for F(4, 3)
    assert abs((y * right).sum() / (right * right).sum() - 1) < 2e-8


@pytest.mark.parametrize("size", [(9, 11), (30, 34), (70, 64)])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 7), (5, 2)])
@pytest.mark.parametrize("room", [30_000, winograd_numba.ROOM])
def test_weights_that_are_kept_and_that_are_not(normal, size, kernel, room, monkeypatch):
    """Transformed once, or in each call: bit for bit the same, in all ways to work through the patches."""
    monkeypatch.setattr(winograd_numba, "ROOM", room)
    for kept in (winograd_numba.plan_of, winograd_numba.tables_of, winograd_numba.plain_tables):
        kept.cache_clear()
    x, w, planes = normal(1, 48, *size), normal(160, 48, *kernel), tuple(min(4, k + 2) if k > 1 else 1 for k in kernel)
    gy, frozen = normal(1, 160, *size), w.copy()
    frozen.setflags(write=False)
    around = (kernel[0] // 2, kernel[1] // 2)
    for operand, back in ((x, False), (gy, True)):
        found = [winograd_numba.convolve(operand, each, around, size, planes, back) for each in (w, frozen, w, frozen)]
        for y in found[1:]:
            np.testing.assert_array_equal(y, found[0])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_some_channels_of_an_array(normal, kernel, stride, groups, winograd_everywhere):
    """They are read where they lie; sums over kernel rows are then not made in one go, as they may be in a copy."""
    around = kernel // 2, kernel // 2
    settings = (stride, stride), (around, around), (1, 1), groups
    x = np.moveaxis(normal(2, 20, 22, 80), -1, 1)[:, 16:48]
    w = normal(48, 32 // groups, kernel, kernel)
    sides = conv_forward.reference(x, w, *settings).shape[2:]
    gy = np.moveaxis(normal(2, *sides, 96), -1, 1)[:, 16:64]
    for array in (x, gy):
        pixels, apart = as_pixels(array)
        assert np.shares_memory(pixels, array)
        assert apart > array.shape[1]
    for copied in (lambda a: np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1), np.ascontiguousarray):
        np.testing.assert_allclose(
            convolution_numba.conv_forward(x, w, *settings),
            convolution_numba.conv_forward(copied(x), w, *settings),
            atol=1e-4,
        )
        np.testing.assert_allclose(
            convolution_numba.conv_input_gradient(gy, w, x.shape[2:], *settings),
            convolution_numba.conv_input_gradient(copied(gy), w, x.shape[2:], *settings),
            atol=1e-4,
        )


@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), 1), ((4, 4), 2)])
def test_large_results_are_written_past_the_caches(normal, kernel, stride, monkeypatch, winograd_everywhere):
    """Bit for bit the same, also where results are cut off and added to."""
    x, w = normal(2, 32, 50, 70), normal(48, 32, *kernel)
    settings = (stride, stride), ((1, 1), (1, 1)), (1, 1), 1
    gy = normal(*conv_forward.reference(x, w, *settings).shape)
    found = []
    for limit in (winograd_numba.STREAMED, memory.SMALLEST):
        monkeypatch.setattr(winograd_numba, "STREAMED", limit)
        for kept in (winograd_numba.tables_of, winograd_numba.plain_tables):
            kept.cache_clear()
        y = convolution_numba.conv_forward(x, w, *settings, None, 0.0)
        gx = convolution_numba.conv_input_gradient(gy, w, x.shape[2:], *settings, None, None, x, x)
        assert y.nbytes > memory.SMALLEST
        found.append((y, gx))
    winograd_numba.tables_of.cache_clear()
    winograd_numba.plain_tables.cache_clear()
    for ours, plain in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, plain)


def _dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def test_generated_code_is_up_to_date():
    for name, make in FILES.items():
        path = Path(tinygen_ops.__file__).with_name(name)
        assert path.read_text(encoding="utf-8") == make(), f"{name}: run `python -m tinygen_ops.generate`"
