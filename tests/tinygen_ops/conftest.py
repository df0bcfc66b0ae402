import numpy as np
import pytest

from tinygen_ops import numba_problem, use


@pytest.fixture(params=["reference", "numba"])
def form(request):
    """Run the test with each form of the kernels."""
    if request.param == "numba" and numba_problem():
        pytest.skip(numba_problem())
    with use(request.param):
        yield request.param


@pytest.fixture
def numba_form():
    if numba_problem():
        pytest.skip(numba_problem())
    with use("numba"):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def normal(rng):
    """normal(2, 3, scale=0.1): a float32 array of that shape."""

    def draw(*shape, scale=1.0):
        return np.asarray(rng.standard_normal(shape) * scale, np.float32)

    return draw


def each_thread_count(function):
    """Call `function` with one thread and with all, and return both results."""
    import numba

    before, results = numba.get_num_threads(), []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        results.append(function())
    numba.set_num_threads(before)
    return results


@pytest.fixture
def thread_counts(numba_form):
    return each_thread_count
