"""Tiles of a matrix product, each compiled by itself. Written by generate.py; do not edit.

c_ij = sum over m, k of a_imk b_mkj, or with `add` c_ij += that sum, for a few rows i and one or two vectors j:
addresses, and steps in floats. Sums over `together` numbers m are made in registers and then added to c: a long sum is
one of partial sums, and rounds less.
"""

from tinygen_ops.simd import W, tile_functions


_zeros_1_1, _add_outer_1_1, _store_1_1, _add_to_1_1 = tile_functions(1, 1)


def tile_1_1(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_1()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_1(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_1(tile, c, c_row, W)
        else:
            _store_1_1(tile, c, c_row, W)
        add = 1


_zeros_1_2, _add_outer_1_2, _store_1_2, _add_to_1_2 = tile_functions(2, 1)


def tile_1_2(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_2()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_2(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_2(tile, c, c_row, W)
        else:
            _store_1_2(tile, c, c_row, W)
        add = 1


_zeros_1_3, _add_outer_1_3, _store_1_3, _add_to_1_3 = tile_functions(3, 1)


def tile_1_3(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_3()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_3(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_3(tile, c, c_row, W)
        else:
            _store_1_3(tile, c, c_row, W)
        add = 1


_zeros_1_4, _add_outer_1_4, _store_1_4, _add_to_1_4 = tile_functions(4, 1)


def tile_1_4(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_4()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_4(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_4(tile, c, c_row, W)
        else:
            _store_1_4(tile, c, c_row, W)
        add = 1


_zeros_1_5, _add_outer_1_5, _store_1_5, _add_to_1_5 = tile_functions(5, 1)


def tile_1_5(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_5()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_5(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_5(tile, c, c_row, W)
        else:
            _store_1_5(tile, c, c_row, W)
        add = 1


_zeros_1_6, _add_outer_1_6, _store_1_6, _add_to_1_6 = tile_functions(6, 1)


def tile_1_6(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_6()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_6(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_6(tile, c, c_row, W)
        else:
            _store_1_6(tile, c, c_row, W)
        add = 1


_zeros_1_7, _add_outer_1_7, _store_1_7, _add_to_1_7 = tile_functions(7, 1)


def tile_1_7(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_7()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_7(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_7(tile, c, c_row, W)
        else:
            _store_1_7(tile, c, c_row, W)
        add = 1


_zeros_1_8, _add_outer_1_8, _store_1_8, _add_to_1_8 = tile_functions(8, 1)


def tile_1_8(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_1_8()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_1_8(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_1_8(tile, c, c_row, W)
        else:
            _store_1_8(tile, c, c_row, W)
        add = 1


_zeros_2_1, _add_outer_2_1, _store_2_1, _add_to_2_1 = tile_functions(1, 2)


def tile_2_1(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_1()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_1(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_1(tile, c, c_row, W)
        else:
            _store_2_1(tile, c, c_row, W)
        add = 1


_zeros_2_2, _add_outer_2_2, _store_2_2, _add_to_2_2 = tile_functions(2, 2)


def tile_2_2(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_2()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_2(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_2(tile, c, c_row, W)
        else:
            _store_2_2(tile, c, c_row, W)
        add = 1


_zeros_2_3, _add_outer_2_3, _store_2_3, _add_to_2_3 = tile_functions(3, 2)


def tile_2_3(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_3()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_3(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_3(tile, c, c_row, W)
        else:
            _store_2_3(tile, c, c_row, W)
        add = 1


_zeros_2_4, _add_outer_2_4, _store_2_4, _add_to_2_4 = tile_functions(4, 2)


def tile_2_4(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_4()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_4(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_4(tile, c, c_row, W)
        else:
            _store_2_4(tile, c, c_row, W)
        add = 1


_zeros_2_5, _add_outer_2_5, _store_2_5, _add_to_2_5 = tile_functions(5, 2)


def tile_2_5(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_5()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_5(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_5(tile, c, c_row, W)
        else:
            _store_2_5(tile, c, c_row, W)
        add = 1


_zeros_2_6, _add_outer_2_6, _store_2_6, _add_to_2_6 = tile_functions(6, 2)


def tile_2_6(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_6()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_6(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_6(tile, c, c_row, W)
        else:
            _store_2_6(tile, c, c_row, W)
        add = 1


_zeros_2_7, _add_outer_2_7, _store_2_7, _add_to_2_7 = tile_functions(7, 2)


def tile_2_7(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_7()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_7(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_7(tile, c, c_row, W)
        else:
            _store_2_7(tile, c, c_row, W)
        add = 1


_zeros_2_8, _add_outer_2_8, _store_2_8, _add_to_2_8 = tile_functions(8, 2)


def tile_2_8(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add, together):
    for first in range(0, outer, together):
        tile = _zeros_2_8()
        for m in range(first, min(outer, first + together)):
            left, right = a + 4 * m * a_m, b + 4 * m * b_m
            for k in range(depth):
                tile = _add_outer_2_8(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
        if add:
            _add_to_2_8(tile, c, c_row, W)
        else:
            _store_2_8(tile, c, c_row, W)
        add = 1
