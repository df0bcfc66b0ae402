import numpy as np
import pytest

from tinygen_ops import matmul

SHAPES = [
    (1, 1, 1),
    (3, 5, 2),
    (32, 256, 57),
    (33, 300, 31),
    (128, 128, 57),
    (57, 128, 128),
    (130, 129, 64),
    (512, 777, 40),
    (300, 1, 1000),
    (64, 0, 64),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("left", ["C", "F", "strided"])
@pytest.mark.parametrize("right", ["C", "F", "strided"])
def test_against_float64(form, normal, shape, left, right):
    m, depth, n = shape

    def lay_out(array, how):
        if how == "strided":
            return np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3][::-1].copy()[::-1]
        return np.asarray(array, order=how)

    a, b = normal(m, depth), normal(depth, n)
    x, y = lay_out(a, left), lay_out(b, right)
    x.setflags(write=False)
    out = matmul(x, y)
    assert out.shape == (m, n)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, a.astype(np.float64) @ b, atol=2e-6 * max(depth, 1) ** 0.5 * 4)
    np.testing.assert_array_equal(x, a)
    np.testing.assert_array_equal(y, b)


def test_views_with_steps_and_broadcasts(numba_form, normal):
    a, b = normal(80, 400)[::-2, ::2], np.broadcast_to(normal(200, 1), (200, 60))
    np.testing.assert_allclose(matmul(a, b), a @ b, atol=1e-4)


def test_long_sums_keep_their_digits(numba_form):
    """Sums run in chunks of 128: one long float32 sum of 100,000 ones and a third would be off by 1e-3."""
    a = np.full((32, 100_000), 4 / 3, np.float32)
    exact = 100_000 * float(np.float32(4 / 3))
    np.testing.assert_allclose(matmul(a, a[:8].T), exact * float(np.float32(4 / 3)), rtol=2e-5)


def test_any_number_of_threads_gives_the_same_bits(thread_counts, normal):
    a, b = normal(301, 200), normal(200, 57)
    one, many = thread_counts(lambda: matmul(a, b))
    np.testing.assert_array_equal(one, many)


def test_errors_name_both_shapes(form, normal):
    for a, b in ((normal(2, 3), normal(2, 3)), (normal(3), normal(3, 2)), (normal(64, 90), normal(91, 64))):
        with pytest.raises(ValueError, match=r"`a` has shape .* `b`"):
            matmul(a, b)


def test_other_dtypes_take_the_reference(form, normal):
    a = normal(70, 80).astype(np.float64)
    assert matmul(a, a.T).dtype == np.float64
    assert matmul(a.astype(np.float32), a.T).dtype == np.float64
