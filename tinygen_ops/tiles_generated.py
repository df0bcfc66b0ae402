"""Tiles of a matrix product, each compiled by itself. Written by generate.py; do not edit.

A tile is a few rows i and one or two vectors j of c; addresses, and steps in floats.

tile: c_ij = sum over m, k of a_imk b_mkj, or with `add` c_ij += that sum.
run: the same for `count` tiles one below the other, where rows of a and the whole of b are contiguous. Each sum over k
is made in registers and then added to c: a long sum is one of partial sums, and rounds less.
"""

from tinygen_ops.simd import W, tile_functions


_zeros_1_1, _add_outer_1_1, _store_1_1, _add_to_1_1 = tile_functions(1, 1)


def tile_1_1(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_1()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_1(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_1(tile, c, c_row, W)
    else:
        _store_1_1(tile, c, c_row, W)


def run_1_1(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 1 * a_row, b, c + 4 * i * 1 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_1()
            for _pair in range(depth // 2):
                tile = _add_outer_1_1(tile, left, a_row, right, W)
                tile = _add_outer_1_1(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_1(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_1(tile, to, c_row, W)
            else:
                _store_1_1(tile, to, c_row, W)
            more = 1


_zeros_1_2, _add_outer_1_2, _store_1_2, _add_to_1_2 = tile_functions(2, 1)


def tile_1_2(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_2()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_2(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_2(tile, c, c_row, W)
    else:
        _store_1_2(tile, c, c_row, W)


def run_1_2(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 2 * a_row, b, c + 4 * i * 2 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_2()
            for _pair in range(depth // 2):
                tile = _add_outer_1_2(tile, left, a_row, right, W)
                tile = _add_outer_1_2(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_2(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_2(tile, to, c_row, W)
            else:
                _store_1_2(tile, to, c_row, W)
            more = 1


_zeros_1_3, _add_outer_1_3, _store_1_3, _add_to_1_3 = tile_functions(3, 1)


def tile_1_3(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_3()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_3(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_3(tile, c, c_row, W)
    else:
        _store_1_3(tile, c, c_row, W)


def run_1_3(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 3 * a_row, b, c + 4 * i * 3 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_3()
            for _pair in range(depth // 2):
                tile = _add_outer_1_3(tile, left, a_row, right, W)
                tile = _add_outer_1_3(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_3(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_3(tile, to, c_row, W)
            else:
                _store_1_3(tile, to, c_row, W)
            more = 1


_zeros_1_4, _add_outer_1_4, _store_1_4, _add_to_1_4 = tile_functions(4, 1)


def tile_1_4(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_4()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_4(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_4(tile, c, c_row, W)
    else:
        _store_1_4(tile, c, c_row, W)


def run_1_4(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 4 * a_row, b, c + 4 * i * 4 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_4()
            for _pair in range(depth // 2):
                tile = _add_outer_1_4(tile, left, a_row, right, W)
                tile = _add_outer_1_4(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_4(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_4(tile, to, c_row, W)
            else:
                _store_1_4(tile, to, c_row, W)
            more = 1


_zeros_1_5, _add_outer_1_5, _store_1_5, _add_to_1_5 = tile_functions(5, 1)


def tile_1_5(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_5()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_5(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_5(tile, c, c_row, W)
    else:
        _store_1_5(tile, c, c_row, W)


def run_1_5(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 5 * a_row, b, c + 4 * i * 5 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_5()
            for _pair in range(depth // 2):
                tile = _add_outer_1_5(tile, left, a_row, right, W)
                tile = _add_outer_1_5(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_5(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_5(tile, to, c_row, W)
            else:
                _store_1_5(tile, to, c_row, W)
            more = 1


_zeros_1_6, _add_outer_1_6, _store_1_6, _add_to_1_6 = tile_functions(6, 1)


def tile_1_6(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_6()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_6(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_6(tile, c, c_row, W)
    else:
        _store_1_6(tile, c, c_row, W)


def run_1_6(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 6 * a_row, b, c + 4 * i * 6 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_6()
            for _pair in range(depth // 2):
                tile = _add_outer_1_6(tile, left, a_row, right, W)
                tile = _add_outer_1_6(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_6(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_6(tile, to, c_row, W)
            else:
                _store_1_6(tile, to, c_row, W)
            more = 1


_zeros_1_7, _add_outer_1_7, _store_1_7, _add_to_1_7 = tile_functions(7, 1)


def tile_1_7(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_7()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_7(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_7(tile, c, c_row, W)
    else:
        _store_1_7(tile, c, c_row, W)


def run_1_7(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 7 * a_row, b, c + 4 * i * 7 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_7()
            for _pair in range(depth // 2):
                tile = _add_outer_1_7(tile, left, a_row, right, W)
                tile = _add_outer_1_7(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_7(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_7(tile, to, c_row, W)
            else:
                _store_1_7(tile, to, c_row, W)
            more = 1


_zeros_1_8, _add_outer_1_8, _store_1_8, _add_to_1_8 = tile_functions(8, 1)


def tile_1_8(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_1_8()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_1_8(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_1_8(tile, c, c_row, W)
    else:
        _store_1_8(tile, c, c_row, W)


def run_1_8(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 8 * a_row, b, c + 4 * i * 8 * c_row, add
        for _part in range(outer):
            tile = _zeros_1_8()
            for _pair in range(depth // 2):
                tile = _add_outer_1_8(tile, left, a_row, right, W)
                tile = _add_outer_1_8(tile, left + 4, a_row, right + 4 * 1 * W, W)
                left, right = left + 8, right + 8 * 1 * W
            if depth % 2:
                tile = _add_outer_1_8(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 1 * W
            if more:
                _add_to_1_8(tile, to, c_row, W)
            else:
                _store_1_8(tile, to, c_row, W)
            more = 1


_zeros_2_1, _add_outer_2_1, _store_2_1, _add_to_2_1 = tile_functions(1, 2)


def tile_2_1(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_1()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_1(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_1(tile, c, c_row, W)
    else:
        _store_2_1(tile, c, c_row, W)


def run_2_1(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 1 * a_row, b, c + 4 * i * 1 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_1()
            for _pair in range(depth // 2):
                tile = _add_outer_2_1(tile, left, a_row, right, W)
                tile = _add_outer_2_1(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_1(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_1(tile, to, c_row, W)
            else:
                _store_2_1(tile, to, c_row, W)
            more = 1


_zeros_2_2, _add_outer_2_2, _store_2_2, _add_to_2_2 = tile_functions(2, 2)


def tile_2_2(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_2()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_2(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_2(tile, c, c_row, W)
    else:
        _store_2_2(tile, c, c_row, W)


def run_2_2(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 2 * a_row, b, c + 4 * i * 2 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_2()
            for _pair in range(depth // 2):
                tile = _add_outer_2_2(tile, left, a_row, right, W)
                tile = _add_outer_2_2(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_2(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_2(tile, to, c_row, W)
            else:
                _store_2_2(tile, to, c_row, W)
            more = 1


_zeros_2_3, _add_outer_2_3, _store_2_3, _add_to_2_3 = tile_functions(3, 2)


def tile_2_3(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_3()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_3(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_3(tile, c, c_row, W)
    else:
        _store_2_3(tile, c, c_row, W)


def run_2_3(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 3 * a_row, b, c + 4 * i * 3 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_3()
            for _pair in range(depth // 2):
                tile = _add_outer_2_3(tile, left, a_row, right, W)
                tile = _add_outer_2_3(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_3(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_3(tile, to, c_row, W)
            else:
                _store_2_3(tile, to, c_row, W)
            more = 1


_zeros_2_4, _add_outer_2_4, _store_2_4, _add_to_2_4 = tile_functions(4, 2)


def tile_2_4(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_4()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_4(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_4(tile, c, c_row, W)
    else:
        _store_2_4(tile, c, c_row, W)


def run_2_4(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 4 * a_row, b, c + 4 * i * 4 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_4()
            for _pair in range(depth // 2):
                tile = _add_outer_2_4(tile, left, a_row, right, W)
                tile = _add_outer_2_4(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_4(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_4(tile, to, c_row, W)
            else:
                _store_2_4(tile, to, c_row, W)
            more = 1


_zeros_2_5, _add_outer_2_5, _store_2_5, _add_to_2_5 = tile_functions(5, 2)


def tile_2_5(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_5()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_5(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_5(tile, c, c_row, W)
    else:
        _store_2_5(tile, c, c_row, W)


def run_2_5(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 5 * a_row, b, c + 4 * i * 5 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_5()
            for _pair in range(depth // 2):
                tile = _add_outer_2_5(tile, left, a_row, right, W)
                tile = _add_outer_2_5(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_5(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_5(tile, to, c_row, W)
            else:
                _store_2_5(tile, to, c_row, W)
            more = 1


_zeros_2_6, _add_outer_2_6, _store_2_6, _add_to_2_6 = tile_functions(6, 2)


def tile_2_6(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_6()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_6(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_6(tile, c, c_row, W)
    else:
        _store_2_6(tile, c, c_row, W)


def run_2_6(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 6 * a_row, b, c + 4 * i * 6 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_6()
            for _pair in range(depth // 2):
                tile = _add_outer_2_6(tile, left, a_row, right, W)
                tile = _add_outer_2_6(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_6(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_6(tile, to, c_row, W)
            else:
                _store_2_6(tile, to, c_row, W)
            more = 1


_zeros_2_7, _add_outer_2_7, _store_2_7, _add_to_2_7 = tile_functions(7, 2)


def tile_2_7(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_7()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_7(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_7(tile, c, c_row, W)
    else:
        _store_2_7(tile, c, c_row, W)


def run_2_7(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 7 * a_row, b, c + 4 * i * 7 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_7()
            for _pair in range(depth // 2):
                tile = _add_outer_2_7(tile, left, a_row, right, W)
                tile = _add_outer_2_7(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_7(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_7(tile, to, c_row, W)
            else:
                _store_2_7(tile, to, c_row, W)
            more = 1


_zeros_2_8, _add_outer_2_8, _store_2_8, _add_to_2_8 = tile_functions(8, 2)


def tile_2_8(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_2_8()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_2_8(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_2_8(tile, c, c_row, W)
    else:
        _store_2_8(tile, c, c_row, W)


def run_2_8(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * 8 * a_row, b, c + 4 * i * 8 * c_row, add
        for _part in range(outer):
            tile = _zeros_2_8()
            for _pair in range(depth // 2):
                tile = _add_outer_2_8(tile, left, a_row, right, W)
                tile = _add_outer_2_8(tile, left + 4, a_row, right + 4 * 2 * W, W)
                left, right = left + 8, right + 8 * 2 * W
            if depth % 2:
                tile = _add_outer_2_8(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * 2 * W
            if more:
                _add_to_2_8(tile, to, c_row, W)
            else:
                _store_2_8(tile, to, c_row, W)
            more = 1
