"""Memory that is used again: two arrays never share it while both are there, and not too much lies about."""

import itertools
import threading

import numpy as np
import pytest

from tinygen_ops import memory


@pytest.fixture
def pool():
    return memory.Pool(kept=0)


def place(array):
    """The addresses of its memory: where it begins, and where it ends."""
    begin = array.__array_interface__["data"][0]
    return begin, begin + array.nbytes


def check(pool, arrays):
    """What the pool knows agrees, and with the arrays that are there."""
    places = sorted(map(place, arrays))
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(places))
    holes = sorted((address, address + size) for address, (size, _) in pool._holes.items())
    for (before, end), (begin, _) in itertools.pairwise(holes):
        of_two_regions = pool._holes[before][1] is not pool._holes[begin][1]
        assert end < begin or (end == begin and of_two_regions), "holes of a region that touch are one"
    assert sorted((end - begin, begin) for begin, end in holes) == pool._sizes
    assert {end: begin for begin, end in holes} == pool._ends
    assert pool.unused == sum(end - begin for begin, end in holes)
    lent = sum(-(-array.nbytes // memory.ROUND) * memory.ROUND for array in arrays)
    assert pool.lent == lent
    for begin, end in places:
        assert not any(begin < b and a < end for a, b in holes)


def test_an_array_like_any_other():
    x = memory.empty((3, 400, 500))
    assert (type(x), x.shape, x.dtype) == (np.ndarray, (3, 400, 500), np.float32)
    assert x.flags.c_contiguous
    assert x.flags.writeable
    assert place(x)[0] % 64 == 0  # a line of the cache, and a vector of AVX-512
    assert memory.empty((100_000,), np.int64).dtype == np.int64
    assert memory.empty((0, 5)).shape == (0, 5)


def test_memory_comes_back_when_the_last_view_goes(pool):
    x = pool.empty((1000, 1000))
    x[:] = 1
    first, view = place(x), x.transpose()[10:]
    del x
    other = pool.empty((1000, 1000))
    assert place(other) != first
    other[:] = 2
    assert (view == 1).all()
    del view
    assert place(pool.empty((2000, 500))) == first  # another shape of the same size


def test_small_arrays_are_left_to_the_c_library(pool):
    assert pool.empty((10, 10)).base is None
    assert pool.lent == 0


def test_small_arrays_divide_what_a_large_one_left_and_leave_it_whole(pool):
    large = pool.empty((4_000_000,))
    begin, end = place(large)
    del large
    parts = [pool.empty((1_000_000 - memory.ROUND // 4,)) for _ in range(4)]
    assert all(begin <= place(part)[0] and place(part)[1] <= end for part in parts)
    check(pool, parts)
    del parts[1], parts[2], parts[1], parts[0]
    check(pool, parts)
    assert place(pool.empty((4_000_000,))) == (begin, end)


def test_the_smallest_hole_that_fits(pool):
    holes = [pool.empty((count,)) for count in (900_000, 500_000, 700_000)]
    places = [place(hole)[0] for hole in holes]
    del holes
    first = pool.empty((450_000,))
    assert place(first)[0] == places[1]
    assert place(pool.empty((650_000,)))[0] == places[2]


def test_what_a_step_needs_is_there_for_the_next(pool, monkeypatch):
    def step():
        arrays = [pool.empty((count,)) for count in (500_000, 100_000, 300_000)]
        return sorted(map(place, arrays))

    first = step()
    monkeypatch.setattr(memory, "_Region", None)  # nothing more from the system
    assert step() == first


@pytest.mark.parametrize("kept", [0, 1_000_000])
def test_all_together_is_hardly_more_than_was_in_use_at_once(kept, monkeypatch):
    made, of_system = [], memory._Region

    def region(size):
        made.append(of_system(size))
        assert made[-1].size == size
        return made[-1]

    monkeypatch.setattr(memory, "_Region", region)
    pool, rng, arrays = memory.Pool(kept), np.random.default_rng(0), []
    for _ in range(500):
        if arrays and rng.random() < 0.5:
            arrays.pop(rng.integers(len(arrays)))
        else:
            regions = len(made)
            arrays.append(pool.empty((int(rng.integers(70_000, 700_000)),)))
            if len(made) > regions and pool.lent + pool.unused > pool.most + kept:
                # every region that is left has an array in it
                assert not any(size == region.size for size, region in pool._holes.values())
        check(pool, arrays)
    assert sum(each.size for each in made) > pool.most > 5_000_000


def test_release(pool):
    kept, gone = pool.empty((500_000,)), pool.empty((500_000,))
    del gone
    pool.release()
    assert (pool.unused, pool.most) == (0, pool.lent)
    kept[:] = 1  # what is in use stays
    check(pool, [kept])


def test_regions_that_touch_stay_apart(pool, monkeypatch):
    """The system may map one region right behind another; an array must not lie in both."""
    whole, size = np.empty(4_000_000, np.uint8).view(memory._Bytes), 1 << 20
    begins, kind = iter((size, 0)), memory._Region

    def region(wanted):
        assert wanted == size
        made, begin = kind.__new__(kind), next(begins)
        made.bytes, made.size = whole[begin : begin + size], size
        made.start = made.bytes.ctypes.data
        return made

    with monkeypatch.context() as patch:
        patch.setattr(memory, "_Region", region)
        arrays = [pool.empty((size // 4,)) for _ in range(2)]
    del arrays
    assert pool.unused == 2 * size
    assert len(pool._holes) == 2
    check(pool, [pool.empty((size // 2,))])  # more than either has


def test_what_lies_unused_goes_before_memory_runs_out(pool, monkeypatch):
    first, second = pool.empty((500_000,)), pool.empty((600_000,))
    del first, second
    held, of_system = pool.unused, memory._Region

    def region(size):
        if size + pool.unused > held:
            raise MemoryError
        return of_system(size)

    monkeypatch.setattr(memory, "_Region", region)
    array = pool.empty((1_000_000,))
    check(pool, [array])
    with pytest.raises(MemoryError):
        pool.empty((2_000_000,))
    check(pool, [array])  # and nothing is lost


def test_an_array_may_go_while_the_pool_is_at_work(pool):
    """The garbage collector frees cycles at any moment, also between two lines of the pool."""
    array = pool.empty((500_000,))
    with pool._lock:
        del array
    assert pool.lent > 0  # it waits
    other = pool.empty((500_000,))
    check(pool, [other])


def test_threads(pool):
    wrong = []

    def work(number):
        rng = np.random.default_rng(number)
        held = []
        for _ in range(200):
            array = pool.empty((int(rng.integers(70_000, 200_000)),), np.int32)
            array[::4096] = number
            held.append(array)
            if len(held) > 3:
                old = held.pop(0)
                wrong.extend(old[::4096][old[::4096] != number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    pool.empty((100_000,))
    check(pool, [])
