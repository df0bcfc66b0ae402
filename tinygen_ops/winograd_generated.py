"""Winograd's matrices as straight code on vectors. Written by generate.py; do not edit.

Each function multiplies one matrix into columns of vectors, line by line: y_i = sum over k of M_ik x_k, with x_k at
x + 4 (line x_line + k x_step + j), y_i at y + 4 (line y_line + i y_step + j), j from 0 to `vectors` W. Their names say
which matrix of which F(m, r), see winograd.py.
"""

import numpy as np

from tinygen_ops.simd import W, broadcast, fmuladd, load, store



def bt_2_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, x1 - x0)
            store(y, 1 * y_step + y_at, x1)
            store(y, 2 * y_step + y_at, x2 - x1)


def at_2_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1)
            store(y, 1 * y_step + y_at, x1 + x2)


def a_2_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1)
            store(y, 2 * y_step + y_at, x1)


def g_2_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, x0 + x1)
            store(y, 2 * y_step + y_at, x1)


def gt_2_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, x1 - x0)
            store(y, 1 * y_step + y_at, x1 + x2)


def bt_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x2 - x0)
            store(y, 1 * y_step + y_at, x1 + x2)
            store(y, 2 * y_step + y_at, x2 - x1)
            store(y, 3 * y_step + y_at, x3 - x1)


def at_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2)
            store(y, 1 * y_step + y_at, x1 - x2)
            store(y, 2 * y_step + y_at, x1 + x2 + x3)


def a_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2)
            store(y, 2 * y_step + y_at, x0 + x2 - x1)
            store(y, 3 * y_step + y_at, x2)


def g_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d0 = broadcast(np.float32(-1 / 2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, fmuladd(c0, x1, c0 * x0))
            store(y, 2 * y_step + y_at, fmuladd(d0, x1, c0 * x0))
            store(y, 3 * y_step + y_at, x1)


def gt_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d0 = broadcast(np.float32(-1 / 2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x2, fmuladd(c0, x1, broadcast(np.float32(0)) - x0)))
            store(y, 1 * y_step + y_at, fmuladd(d0, x2, fmuladd(c0, x1, x3)))


def bt_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d1 = broadcast(np.float32(-3))
    d0 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(d0, x2, fmuladd(c0, x0, x3 - x1)))
            store(y, 1 * y_step + y_at, fmuladd(d0, x1, x3 - x2))
            store(y, 2 * y_step + y_at, fmuladd(d1, x2, fmuladd(c0, x1, x3)))
            store(y, 3 * y_step + y_at, x3 - x1)
            store(y, 4 * y_step + y_at, fmuladd(d0, x3, fmuladd(c0, x1, x4 - x2)))


def at_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    c2 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 1 * y_step + y_at, fmuladd(c0, x3, x1 - x2))
            store(y, 2 * y_step + y_at, fmuladd(c1, x3, x1 + x2))
            store(y, 3 * y_step + y_at, fmuladd(c2, x3, x1 + x4 - x2))


def a_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    c2 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 2 * y_step + y_at, x0 + x2 - x1 - x3)
            store(y, 3 * y_step + y_at, fmuladd(c2, x3, fmuladd(c1, x2, fmuladd(c0, x1, x0))))
            store(y, 4 * y_step + y_at, x3)


def g_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-1 / 2))
    d0 = broadcast(np.float32(-1 / 6))
    c0 = broadcast(np.float32(1 / 6))
    c1 = broadcast(np.float32(1 / 3))
    c2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, c2 * x0)
            store(y, 1 * y_step + y_at, fmuladd(d2, x1, d2 * x0))
            store(y, 2 * y_step + y_at, fmuladd(c0, x1, d0 * x0))
            store(y, 3 * y_step + y_at, fmuladd(c1, x1, c0 * x0))
            store(y, 4 * y_step + y_at, x1)


def gt_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-1 / 2))
    d0 = broadcast(np.float32(-1 / 6))
    c0 = broadcast(np.float32(1 / 6))
    c1 = broadcast(np.float32(1 / 3))
    c2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x3, fmuladd(d0, x2, fmuladd(d2, x1, c2 * x0))))
            store(y, 1 * y_step + y_at, fmuladd(c1, x3, fmuladd(c0, x2, fmuladd(d2, x1, x4))))


def bt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-5))
    d1 = broadcast(np.float32(-2))
    d0 = broadcast(np.float32(-3 / 2))
    c0 = broadcast(np.float32(3 / 2))
    c1 = broadcast(np.float32(2))
    c2 = broadcast(np.float32(5))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x3, fmuladd(d1, x2, fmuladd(d0, x1, x0 + x4))))
            store(y, 1 * y_step + y_at, fmuladd(c1, x4, fmuladd(c2, x3, fmuladd(d1, x1, x2))))
            store(y, 2 * y_step + y_at, fmuladd(c1, x4, fmuladd(d2, x2, fmuladd(c1, x1, x3))))
            store(y, 3 * y_step + y_at, fmuladd(c1, x3, fmuladd(d1, x1, x4 - x2)))
            store(y, 4 * y_step + y_at, fmuladd(c1, x4, fmuladd(d1, x2, x1 - x3)))
            store(y, 5 * y_step + y_at, fmuladd(c0, x4, fmuladd(d1, x3, fmuladd(d0, x2, x1 + x5))))


def at_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d6 = broadcast(np.float32(-8))
    d4 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(1 / 16))
    c1 = broadcast(np.float32(1 / 8))
    c2 = broadcast(np.float32(1 / 4))
    c3 = broadcast(np.float32(1 / 2))
    c5 = broadcast(np.float32(4))
    c7 = broadcast(np.float32(16))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3 + x4)
            store(y, 1 * y_step + y_at, fmuladd(d4, x4, fmuladd(c3, x3, x1 - x2)))
            store(y, 2 * y_step + y_at, fmuladd(c5, x4, fmuladd(c2, x3, x1 + x2)))
            store(y, 3 * y_step + y_at, fmuladd(d6, x4, fmuladd(c1, x3, x1 - x2)))
            store(y, 4 * y_step + y_at, fmuladd(c7, x4, fmuladd(c0, x3, x1 + x2 + x5)))


def a_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d6 = broadcast(np.float32(-8))
    d4 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(1 / 16))
    c1 = broadcast(np.float32(1 / 8))
    c2 = broadcast(np.float32(1 / 4))
    c3 = broadcast(np.float32(1 / 2))
    c5 = broadcast(np.float32(4))
    c7 = broadcast(np.float32(16))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3 + x4)
            store(y, 2 * y_step + y_at, x0 + x2 + x4 - x1 - x3)
            store(y, 3 * y_step + y_at, fmuladd(c0, x4, fmuladd(c1, x3, fmuladd(c2, x2, fmuladd(c3, x1, x0)))))
            store(y, 4 * y_step + y_at, fmuladd(c7, x4, fmuladd(d6, x3, fmuladd(c5, x2, fmuladd(d4, x1, x0)))))
            store(y, 5 * y_step + y_at, x4)


def g_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d4 = broadcast(np.float32(-16 / 15))
    d3 = broadcast(np.float32(-8 / 15))
    d2 = broadcast(np.float32(-1 / 6))
    d1 = broadcast(np.float32(-1 / 15))
    c0 = broadcast(np.float32(1 / 30))
    c2 = broadcast(np.float32(1 / 6))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c2, x1, c2 * x0))
            store(y, 2 * y_step + y_at, fmuladd(c2, x1, d2 * x0))
            store(y, 3 * y_step + y_at, fmuladd(d3, x1, d4 * x0))
            store(y, 4 * y_step + y_at, fmuladd(d1, x1, c0 * x0))
            store(y, 5 * y_step + y_at, x1)


def gt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d4 = broadcast(np.float32(-16 / 15))
    d3 = broadcast(np.float32(-8 / 15))
    d2 = broadcast(np.float32(-1 / 6))
    d1 = broadcast(np.float32(-1 / 15))
    c0 = broadcast(np.float32(1 / 30))
    c2 = broadcast(np.float32(1 / 6))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x4, fmuladd(d4, x3, fmuladd(d2, x2, fmuladd(c2, x1, x0)))))
            store(y, 1 * y_step + y_at, fmuladd(d1, x4, fmuladd(d3, x3, fmuladd(c2, x2, fmuladd(c2, x1, x5)))))


def bt_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x2 - x0)
            store(y, 1 * y_step + y_at, x1 + x2)
            store(y, 2 * y_step + y_at, x2 - x1)
            store(y, 3 * y_step + y_at, x3 - x1)


def at_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2)
            store(y, 1 * y_step + y_at, x1 + x3 - x2)


def a_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1)
            store(y, 2 * y_step + y_at, x0 - x1)
            store(y, 3 * y_step + y_at, x1)


def g_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d0 = broadcast(np.float32(-1 / 2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, fmuladd(c0, x2, fmuladd(c0, x1, c0 * x0)))
            store(y, 2 * y_step + y_at, fmuladd(c0, x2, fmuladd(d0, x1, c0 * x0)))
            store(y, 3 * y_step + y_at, x2)


def gt_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d0 = broadcast(np.float32(-1 / 2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x2, fmuladd(c0, x1, broadcast(np.float32(0)) - x0)))
            store(y, 1 * y_step + y_at, fmuladd(d0, x2, c0 * x1))
            store(y, 2 * y_step + y_at, fmuladd(c0, x2, fmuladd(c0, x1, x3)))


def bt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-5))
    d1 = broadcast(np.float32(-4))
    d0 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(d2, x2, fmuladd(c1, x0, x4)))
            store(y, 1 * y_step + y_at, fmuladd(d1, x2, fmuladd(d1, x1, x3 + x4)))
            store(y, 2 * y_step + y_at, fmuladd(d1, x2, fmuladd(c1, x1, x4 - x3)))
            store(y, 3 * y_step + y_at, fmuladd(c0, x3, fmuladd(d0, x1, x4 - x2)))
            store(y, 4 * y_step + y_at, fmuladd(d0, x3, fmuladd(c0, x1, x4 - x2)))
            store(y, 5 * y_step + y_at, fmuladd(d2, x3, fmuladd(c1, x1, x5)))


def at_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-8))
    d0 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    c2 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3 + x4)
            store(y, 1 * y_step + y_at, fmuladd(d0, x4, fmuladd(c0, x3, x1 - x2)))
            store(y, 2 * y_step + y_at, fmuladd(c1, x4, fmuladd(c1, x3, x1 + x2)))
            store(y, 3 * y_step + y_at, fmuladd(d2, x4, fmuladd(c2, x3, x1 + x5 - x2)))


def a_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-8))
    d0 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    c2 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 2 * y_step + y_at, x0 + x2 - x1 - x3)
            store(y, 3 * y_step + y_at, fmuladd(c2, x3, fmuladd(c1, x2, fmuladd(c0, x1, x0))))
            store(y, 4 * y_step + y_at, fmuladd(d2, x3, fmuladd(c1, x2, fmuladd(d0, x1, x0))))
            store(y, 5 * y_step + y_at, x3)


def g_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-1 / 6))
    d1 = broadcast(np.float32(-1 / 12))
    c0 = broadcast(np.float32(1 / 24))
    c1 = broadcast(np.float32(1 / 12))
    c2 = broadcast(np.float32(1 / 6))
    c3 = broadcast(np.float32(1 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            store(y, 0 * y_step + y_at, c3 * x0)
            store(y, 1 * y_step + y_at, fmuladd(d2, x2, fmuladd(d2, x1, d2 * x0)))
            store(y, 2 * y_step + y_at, fmuladd(d2, x2, fmuladd(c2, x1, d2 * x0)))
            store(y, 3 * y_step + y_at, fmuladd(c2, x2, fmuladd(c1, x1, c0 * x0)))
            store(y, 4 * y_step + y_at, fmuladd(c2, x2, fmuladd(d1, x1, c0 * x0)))
            store(y, 5 * y_step + y_at, x2)


def gt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-1 / 6))
    d1 = broadcast(np.float32(-1 / 12))
    c0 = broadcast(np.float32(1 / 24))
    c1 = broadcast(np.float32(1 / 12))
    c2 = broadcast(np.float32(1 / 6))
    c3 = broadcast(np.float32(1 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x4, fmuladd(c0, x3, fmuladd(d2, x2, fmuladd(d2, x1, c3 * x0)))))
            store(y, 1 * y_step + y_at, fmuladd(d1, x4, fmuladd(c1, x3, fmuladd(c2, x2, d2 * x1))))
            store(y, 2 * y_step + y_at, fmuladd(c2, x4, fmuladd(c2, x3, fmuladd(d2, x2, fmuladd(d2, x1, x5)))))


def bt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-5))
    d1 = broadcast(np.float32(-2))
    d0 = broadcast(np.float32(-3 / 2))
    c0 = broadcast(np.float32(3 / 2))
    c1 = broadcast(np.float32(2))
    c2 = broadcast(np.float32(5))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x3, fmuladd(d1, x2, fmuladd(d0, x1, x0 + x4))))
            store(y, 1 * y_step + y_at, fmuladd(c1, x4, fmuladd(c2, x3, fmuladd(d1, x1, x2))))
            store(y, 2 * y_step + y_at, fmuladd(c1, x4, fmuladd(d2, x2, fmuladd(c1, x1, x3))))
            store(y, 3 * y_step + y_at, fmuladd(c1, x3, fmuladd(d1, x1, x4 - x2)))
            store(y, 4 * y_step + y_at, fmuladd(c1, x4, fmuladd(d1, x2, x1 - x3)))
            store(y, 5 * y_step + y_at, fmuladd(c0, x4, fmuladd(d1, x3, fmuladd(d0, x2, x1 + x5))))


def at_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d1 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3 + x4)
            store(y, 1 * y_step + y_at, fmuladd(d1, x4, fmuladd(c0, x3, x1 + x5 - x2)))


def a_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d1 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1)
            store(y, 2 * y_step + y_at, x0 - x1)
            store(y, 3 * y_step + y_at, fmuladd(c0, x1, x0))
            store(y, 4 * y_step + y_at, fmuladd(d1, x1, x0))
            store(y, 5 * y_step + y_at, x1)


def g_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d6 = broadcast(np.float32(-16 / 15))
    d5 = broadcast(np.float32(-8 / 15))
    d4 = broadcast(np.float32(-4 / 15))
    d3 = broadcast(np.float32(-1 / 6))
    d2 = broadcast(np.float32(-2 / 15))
    d1 = broadcast(np.float32(-1 / 15))
    c0 = broadcast(np.float32(1 / 30))
    c2 = broadcast(np.float32(2 / 15))
    c3 = broadcast(np.float32(1 / 6))
    c5 = broadcast(np.float32(8 / 15))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c3, x4, fmuladd(c3, x3, fmuladd(c3, x2, fmuladd(c3, x1, c3 * x0)))))
            store(y, 2 * y_step + y_at, fmuladd(d3, x4, fmuladd(c3, x3, fmuladd(d3, x2, fmuladd(c3, x1, d3 * x0)))))
            store(y, 3 * y_step + y_at, fmuladd(d1, x4, fmuladd(d2, x3, fmuladd(d4, x2, fmuladd(d5, x1, d6 * x0)))))
            store(y, 4 * y_step + y_at, fmuladd(c5, x4, fmuladd(d4, x3, fmuladd(c2, x2, fmuladd(d1, x1, c0 * x0)))))
            store(y, 5 * y_step + y_at, x4)


def gt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d6 = broadcast(np.float32(-16 / 15))
    d5 = broadcast(np.float32(-8 / 15))
    d4 = broadcast(np.float32(-4 / 15))
    d3 = broadcast(np.float32(-1 / 6))
    d2 = broadcast(np.float32(-2 / 15))
    d1 = broadcast(np.float32(-1 / 15))
    c0 = broadcast(np.float32(1 / 30))
    c2 = broadcast(np.float32(2 / 15))
    c3 = broadcast(np.float32(1 / 6))
    c5 = broadcast(np.float32(8 / 15))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c0, x4, fmuladd(d6, x3, fmuladd(d3, x2, fmuladd(c3, x1, x0)))))
            store(y, 1 * y_step + y_at, fmuladd(d1, x4, fmuladd(d5, x3, fmuladd(c3, x2, c3 * x1))))
            store(y, 2 * y_step + y_at, fmuladd(c2, x4, fmuladd(d4, x3, fmuladd(d3, x2, c3 * x1))))
            store(y, 3 * y_step + y_at, fmuladd(d4, x4, fmuladd(d2, x3, fmuladd(c3, x2, c3 * x1))))
            store(y, 4 * y_step + y_at, fmuladd(c5, x4, fmuladd(d1, x3, fmuladd(d3, x2, fmuladd(c3, x1, x5)))))


def bt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d6 = broadcast(np.float32(-10))
    d5 = broadcast(np.float32(-8))
    d4 = broadcast(np.float32(-21 / 4))
    d3 = broadcast(np.float32(-5))
    d2 = broadcast(np.float32(-17 / 4))
    d1 = broadcast(np.float32(-4))
    d0 = broadcast(np.float32(-2))
    c0 = broadcast(np.float32(2))
    c1 = broadcast(np.float32(4))
    c2 = broadcast(np.float32(17 / 4))
    c3 = broadcast(np.float32(5))
    c4 = broadcast(np.float32(21 / 4))
    c5 = broadcast(np.float32(8))
    c6 = broadcast(np.float32(10))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(d4, x4, fmuladd(c4, x2, x6 - x0)))
            store(y, 1 * y_step + y_at, fmuladd(d2, x4, fmuladd(d2, x3, x1 + x2 + x5 + x6)))
            store(y, 2 * y_step + y_at, fmuladd(d2, x4, fmuladd(c2, x3, x2 + x6 - x1 - x5)))
            store(y, 3 * y_step + y_at, fmuladd(c1, x6, fmuladd(c5, x5, fmuladd(d3, x4, fmuladd(d6, x3, fmuladd(c0, x1, x2))))))
            store(y, 4 * y_step + y_at, fmuladd(c1, x6, fmuladd(d5, x5, fmuladd(d3, x4, fmuladd(c6, x3, fmuladd(d0, x1, x2))))))
            store(y, 5 * y_step + y_at, fmuladd(c0, x6, fmuladd(d6, x4, fmuladd(d3, x3, fmuladd(c5, x2, fmuladd(c1, x1, x5))))))
            store(y, 6 * y_step + y_at, fmuladd(c0, x6, fmuladd(d6, x4, fmuladd(c3, x3, fmuladd(c5, x2, fmuladd(d1, x1, broadcast(np.float32(0)) - x5))))))
            store(y, 7 * y_step + y_at, fmuladd(d4, x5, fmuladd(c4, x3, x7 - x1)))


def at_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d5 = broadcast(np.float32(-8))
    d3 = broadcast(np.float32(-2))
    d2 = broadcast(np.float32(-1 / 2))
    d0 = broadcast(np.float32(-1 / 8))
    c0 = broadcast(np.float32(1 / 8))
    c1 = broadcast(np.float32(1 / 4))
    c2 = broadcast(np.float32(1 / 2))
    c3 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c5 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3 + x4 + x5 + x6)
            store(y, 1 * y_step + y_at, fmuladd(d2, x6, fmuladd(c2, x5, fmuladd(d3, x4, fmuladd(c3, x3, x1 - x2)))))
            store(y, 2 * y_step + y_at, fmuladd(c1, x6, fmuladd(c1, x5, fmuladd(c4, x4, fmuladd(c4, x3, x1 + x2)))))
            store(y, 3 * y_step + y_at, fmuladd(d0, x6, fmuladd(c0, x5, fmuladd(d5, x4, fmuladd(c5, x3, x1 + x7 - x2)))))


def a_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d5 = broadcast(np.float32(-8))
    d3 = broadcast(np.float32(-2))
    d2 = broadcast(np.float32(-1 / 2))
    d0 = broadcast(np.float32(-1 / 8))
    c0 = broadcast(np.float32(1 / 8))
    c1 = broadcast(np.float32(1 / 4))
    c2 = broadcast(np.float32(1 / 2))
    c3 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c5 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 2 * y_step + y_at, x0 + x2 - x1 - x3)
            store(y, 3 * y_step + y_at, fmuladd(c5, x3, fmuladd(c4, x2, fmuladd(c3, x1, x0))))
            store(y, 4 * y_step + y_at, fmuladd(d5, x3, fmuladd(c4, x2, fmuladd(d3, x1, x0))))
            store(y, 5 * y_step + y_at, fmuladd(c0, x3, fmuladd(c1, x2, fmuladd(c2, x1, x0))))
            store(y, 6 * y_step + y_at, fmuladd(d0, x3, fmuladd(c1, x2, fmuladd(d2, x1, x0))))
            store(y, 7 * y_step + y_at, x3)


def g_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d7 = broadcast(np.float32(-2 / 9))
    d6 = broadcast(np.float32(-8 / 45))
    d4 = broadcast(np.float32(-2 / 45))
    d3 = broadcast(np.float32(-1 / 45))
    d1 = broadcast(np.float32(-1 / 180))
    c0 = broadcast(np.float32(1 / 360))
    c1 = broadcast(np.float32(1 / 180))
    c2 = broadcast(np.float32(1 / 90))
    c3 = broadcast(np.float32(1 / 45))
    c4 = broadcast(np.float32(2 / 45))
    c5 = broadcast(np.float32(4 / 45))
    c6 = broadcast(np.float32(8 / 45))
    c7 = broadcast(np.float32(2 / 9))
    c8 = broadcast(np.float32(16 / 45))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, fmuladd(d7, x4, fmuladd(d7, x3, fmuladd(d7, x2, fmuladd(d7, x1, d7 * x0)))))
            store(y, 2 * y_step + y_at, fmuladd(d7, x4, fmuladd(c7, x3, fmuladd(d7, x2, fmuladd(c7, x1, d7 * x0)))))
            store(y, 3 * y_step + y_at, fmuladd(c4, x4, fmuladd(c3, x3, fmuladd(c2, x2, fmuladd(c1, x1, c0 * x0)))))
            store(y, 4 * y_step + y_at, fmuladd(c4, x4, fmuladd(d3, x3, fmuladd(c2, x2, fmuladd(d1, x1, c0 * x0)))))
            store(y, 5 * y_step + y_at, fmuladd(c3, x4, fmuladd(c4, x3, fmuladd(c5, x2, fmuladd(c6, x1, c8 * x0)))))
            store(y, 6 * y_step + y_at, fmuladd(c3, x4, fmuladd(d4, x3, fmuladd(c5, x2, fmuladd(d6, x1, c8 * x0)))))
            store(y, 7 * y_step + y_at, x4)


def gt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d7 = broadcast(np.float32(-2 / 9))
    d6 = broadcast(np.float32(-8 / 45))
    d4 = broadcast(np.float32(-2 / 45))
    d3 = broadcast(np.float32(-1 / 45))
    d1 = broadcast(np.float32(-1 / 180))
    c0 = broadcast(np.float32(1 / 360))
    c1 = broadcast(np.float32(1 / 180))
    c2 = broadcast(np.float32(1 / 90))
    c3 = broadcast(np.float32(1 / 45))
    c4 = broadcast(np.float32(2 / 45))
    c5 = broadcast(np.float32(4 / 45))
    c6 = broadcast(np.float32(8 / 45))
    c7 = broadcast(np.float32(2 / 9))
    c8 = broadcast(np.float32(16 / 45))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c8, x6, fmuladd(c8, x5, fmuladd(c0, x4, fmuladd(c0, x3, fmuladd(d7, x2, fmuladd(d7, x1, broadcast(np.float32(0)) - x0)))))))
            store(y, 1 * y_step + y_at, fmuladd(d6, x6, fmuladd(c6, x5, fmuladd(d1, x4, fmuladd(c1, x3, fmuladd(c7, x2, d7 * x1))))))
            store(y, 2 * y_step + y_at, fmuladd(c5, x6, fmuladd(c5, x5, fmuladd(c2, x4, fmuladd(c2, x3, fmuladd(d7, x2, d7 * x1))))))
            store(y, 3 * y_step + y_at, fmuladd(d4, x6, fmuladd(c4, x5, fmuladd(d3, x4, fmuladd(c3, x3, fmuladd(c7, x2, d7 * x1))))))
            store(y, 4 * y_step + y_at, fmuladd(c3, x6, fmuladd(c3, x5, fmuladd(c4, x4, fmuladd(c4, x3, fmuladd(d7, x2, fmuladd(d7, x1, x7)))))))


def bt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d23 = broadcast(np.float32(-63 / 4))
    d21 = broadcast(np.float32(-91 / 6))
    d20 = broadcast(np.float32(-14))
    d18 = broadcast(np.float32(-31 / 3))
    d17 = broadcast(np.float32(-28 / 3))
    d16 = broadcast(np.float32(-95 / 12))
    d15 = broadcast(np.float32(-22 / 3))
    d14 = broadcast(np.float32(-25 / 4))
    d13 = broadcast(np.float32(-37 / 6))
    d12 = broadcast(np.float32(-73 / 12))
    d11 = broadcast(np.float32(-21 / 4))
    d10 = broadcast(np.float32(-14 / 3))
    d9 = broadcast(np.float32(-11 / 3))
    d8 = broadcast(np.float32(-19 / 6))
    d7 = broadcast(np.float32(-3))
    d6 = broadcast(np.float32(-8 / 3))
    d5 = broadcast(np.float32(-31 / 12))
    d4 = broadcast(np.float32(-7 / 3))
    d3 = broadcast(np.float32(-13 / 6))
    d2 = broadcast(np.float32(-2))
    d1 = broadcast(np.float32(-5 / 3))
    d0 = broadcast(np.float32(-4 / 3))
    c0 = broadcast(np.float32(4 / 3))
    c1 = broadcast(np.float32(5 / 3))
    c2 = broadcast(np.float32(2))
    c3 = broadcast(np.float32(13 / 6))
    c4 = broadcast(np.float32(7 / 3))
    c5 = broadcast(np.float32(31 / 12))
    c6 = broadcast(np.float32(8 / 3))
    c7 = broadcast(np.float32(3))
    c10 = broadcast(np.float32(14 / 3))
    c11 = broadcast(np.float32(21 / 4))
    c12 = broadcast(np.float32(73 / 12))
    c13 = broadcast(np.float32(37 / 6))
    c18 = broadcast(np.float32(31 / 3))
    c19 = broadcast(np.float32(21 / 2))
    c20 = broadcast(np.float32(14))
    c22 = broadcast(np.float32(47 / 3))
    c23 = broadcast(np.float32(63 / 4))
    c24 = broadcast(np.float32(49 / 3))
    c25 = broadcast(np.float32(199 / 12))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            x8 = load(x, 8 * x_step + x_at)
            x9 = load(x, 9 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(d6, x7, fmuladd(d14, x6, fmuladd(c20, x5, fmuladd(c19, x4, fmuladd(d20, x3, fmuladd(d14, x2, fmuladd(c6, x1, x0 + x8))))))))
            store(y, 1 * y_step + y_at, fmuladd(d1, x7, fmuladd(d16, x6, fmuladd(c12, x5, fmuladd(c25, x4, fmuladd(c5, x3, fmuladd(d9, x2, x8 - x1)))))))
            store(y, 2 * y_step + y_at, fmuladd(d9, x7, fmuladd(d5, x6, fmuladd(c25, x5, fmuladd(d12, x4, fmuladd(d16, x3, fmuladd(c1, x2, x1 + x8)))))))
            store(y, 3 * y_step + y_at, fmuladd(c2, x8, fmuladd(d0, x7, fmuladd(d21, x6, fmuladd(d4, x5, fmuladd(c24, x4, fmuladd(c10, x3, fmuladd(d8, x2, broadcast(np.float32(0)) - x1))))))))
            store(y, 4 * y_step + y_at, fmuladd(c2, x8, fmuladd(d17, x7, fmuladd(c13, x6, fmuladd(c22, x5, fmuladd(d18, x4, fmuladd(d15, x3, fmuladd(c3, x2, x1))))))))
            store(y, 5 * y_step + y_at, fmuladd(d3, x7, fmuladd(d15, x6, fmuladd(c18, x5, fmuladd(c22, x4, fmuladd(d13, x3, fmuladd(d17, x2, fmuladd(d2, x1, x8))))))))
            store(y, 6 * y_step + y_at, fmuladd(d8, x7, fmuladd(d10, x6, fmuladd(c24, x5, fmuladd(c4, x4, fmuladd(d21, x3, fmuladd(c0, x2, fmuladd(c2, x1, x8))))))))
            store(y, 7 * y_step + y_at, fmuladd(c7, x8, fmuladd(d23, x6, fmuladd(d11, x5, fmuladd(c23, x4, fmuladd(c11, x3, fmuladd(d7, x2, x7 - x1)))))))
            store(y, 8 * y_step + y_at, fmuladd(d7, x7, fmuladd(d11, x6, fmuladd(c23, x5, fmuladd(c11, x4, fmuladd(d23, x3, fmuladd(c7, x1, x8 - x2)))))))
            store(y, 9 * y_step + y_at, fmuladd(d6, x8, fmuladd(d14, x7, fmuladd(c20, x6, fmuladd(c19, x5, fmuladd(d20, x4, fmuladd(d14, x3, fmuladd(c6, x2, x1 + x9))))))))


def at_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d9 = broadcast(np.float32(-8))
    d6 = broadcast(np.float32(-2))
    d5 = broadcast(np.float32(-1 / 2))
    d4 = broadcast(np.float32(-1 / 3))
    d2 = broadcast(np.float32(-1 / 8))
    d0 = broadcast(np.float32(-1 / 27))
    c1 = broadcast(np.float32(1 / 9))
    c2 = broadcast(np.float32(1 / 8))
    c3 = broadcast(np.float32(1 / 4))
    c5 = broadcast(np.float32(1 / 2))
    c6 = broadcast(np.float32(2))
    c7 = broadcast(np.float32(3))
    c8 = broadcast(np.float32(4))
    c9 = broadcast(np.float32(8))
    c10 = broadcast(np.float32(9))
    c11 = broadcast(np.float32(27))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            x8 = load(x, 8 * x_step + x_at)
            x9 = load(x, 9 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8)
            store(y, 1 * y_step + y_at, fmuladd(d4, x8, fmuladd(c7, x7, fmuladd(d5, x6, fmuladd(c5, x5, fmuladd(d6, x4, fmuladd(c6, x3, x1 - x2)))))))
            store(y, 2 * y_step + y_at, fmuladd(c1, x8, fmuladd(c10, x7, fmuladd(c3, x6, fmuladd(c3, x5, fmuladd(c8, x4, fmuladd(c8, x3, x1 + x2)))))))
            store(y, 3 * y_step + y_at, fmuladd(d0, x8, fmuladd(c11, x7, fmuladd(d2, x6, fmuladd(c2, x5, fmuladd(d9, x4, fmuladd(c9, x3, x1 + x9 - x2)))))))


def a_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d9 = broadcast(np.float32(-8))
    d6 = broadcast(np.float32(-2))
    d5 = broadcast(np.float32(-1 / 2))
    d4 = broadcast(np.float32(-1 / 3))
    d2 = broadcast(np.float32(-1 / 8))
    d0 = broadcast(np.float32(-1 / 27))
    c1 = broadcast(np.float32(1 / 9))
    c2 = broadcast(np.float32(1 / 8))
    c3 = broadcast(np.float32(1 / 4))
    c5 = broadcast(np.float32(1 / 2))
    c6 = broadcast(np.float32(2))
    c7 = broadcast(np.float32(3))
    c8 = broadcast(np.float32(4))
    c9 = broadcast(np.float32(8))
    c10 = broadcast(np.float32(9))
    c11 = broadcast(np.float32(27))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 2 * y_step + y_at, x0 + x2 - x1 - x3)
            store(y, 3 * y_step + y_at, fmuladd(c9, x3, fmuladd(c8, x2, fmuladd(c6, x1, x0))))
            store(y, 4 * y_step + y_at, fmuladd(d9, x3, fmuladd(c8, x2, fmuladd(d6, x1, x0))))
            store(y, 5 * y_step + y_at, fmuladd(c2, x3, fmuladd(c3, x2, fmuladd(c5, x1, x0))))
            store(y, 6 * y_step + y_at, fmuladd(d2, x3, fmuladd(c3, x2, fmuladd(d5, x1, x0))))
            store(y, 7 * y_step + y_at, fmuladd(c11, x3, fmuladd(c10, x2, fmuladd(c7, x1, x0))))
            store(y, 8 * y_step + y_at, fmuladd(d0, x3, fmuladd(c1, x2, fmuladd(d4, x1, x0))))
            store(y, 9 * y_step + y_at, x3)


def g_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d30 = broadcast(np.float32(-6561 / 3500))
    d27 = broadcast(np.float32(-64 / 105))
    d26 = broadcast(np.float32(-128 / 375))
    d24 = broadcast(np.float32(-729 / 3500))
    d23 = broadcast(np.float32(-64 / 375))
    d22 = broadcast(np.float32(-16 / 105))
    d21 = broadcast(np.float32(-32 / 375))
    d20 = broadcast(np.float32(-1 / 12))
    d19 = broadcast(np.float32(-8 / 105))
    d17 = broadcast(np.float32(-16 / 375))
    d16 = broadcast(np.float32(-4 / 105))
    d15 = broadcast(np.float32(-81 / 3500))
    d14 = broadcast(np.float32(-8 / 375))
    d13 = broadcast(np.float32(-2 / 105))
    d12 = broadcast(np.float32(-4 / 375))
    d11 = broadcast(np.float32(-1 / 105))
    d9 = broadcast(np.float32(-2 / 375))
    d8 = broadcast(np.float32(-1 / 210))
    d6 = broadcast(np.float32(-9 / 3500))
    d5 = broadcast(np.float32(-1 / 420))
    d4 = broadcast(np.float32(-1 / 750))
    c0 = broadcast(np.float32(1 / 10500))
    c1 = broadcast(np.float32(1 / 3500))
    c2 = broadcast(np.float32(1 / 1500))
    c3 = broadcast(np.float32(3 / 3500))
    c6 = broadcast(np.float32(9 / 3500))
    c7 = broadcast(np.float32(1 / 375))
    c10 = broadcast(np.float32(27 / 3500))
    c12 = broadcast(np.float32(4 / 375))
    c13 = broadcast(np.float32(2 / 105))
    c15 = broadcast(np.float32(81 / 3500))
    c17 = broadcast(np.float32(16 / 375))
    c18 = broadcast(np.float32(243 / 3500))
    c19 = broadcast(np.float32(8 / 105))
    c20 = broadcast(np.float32(1 / 12))
    c25 = broadcast(np.float32(32 / 105))
    c28 = broadcast(np.float32(2187 / 3500))
    c29 = broadcast(np.float32(128 / 105))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c20, x6, fmuladd(c20, x5, fmuladd(c20, x4, fmuladd(c20, x3, fmuladd(c20, x2, fmuladd(c20, x1, c20 * x0)))))))
            store(y, 2 * y_step + y_at, fmuladd(d20, x6, fmuladd(c20, x5, fmuladd(d20, x4, fmuladd(c20, x3, fmuladd(d20, x2, fmuladd(c20, x1, d20 * x0)))))))
            store(y, 3 * y_step + y_at, fmuladd(d22, x6, fmuladd(d19, x5, fmuladd(d16, x4, fmuladd(d13, x3, fmuladd(d11, x2, fmuladd(d8, x1, d5 * x0)))))))
            store(y, 4 * y_step + y_at, fmuladd(c17, x6, fmuladd(d14, x5, fmuladd(c12, x4, fmuladd(d9, x3, fmuladd(c7, x2, fmuladd(d4, x1, c2 * x0)))))))
            store(y, 5 * y_step + y_at, fmuladd(d9, x6, fmuladd(d12, x5, fmuladd(d14, x4, fmuladd(d17, x3, fmuladd(d21, x2, fmuladd(d23, x1, d26 * x0)))))))
            store(y, 6 * y_step + y_at, fmuladd(c13, x6, fmuladd(d16, x5, fmuladd(c19, x4, fmuladd(d22, x3, fmuladd(c25, x2, fmuladd(d27, x1, c29 * x0)))))))
            store(y, 7 * y_step + y_at, fmuladd(c18, x6, fmuladd(c15, x5, fmuladd(c10, x4, fmuladd(c6, x3, fmuladd(c3, x2, fmuladd(c1, x1, c0 * x0)))))))
            store(y, 8 * y_step + y_at, fmuladd(d6, x6, fmuladd(c10, x5, fmuladd(d15, x4, fmuladd(c18, x3, fmuladd(d24, x2, fmuladd(c28, x1, d30 * x0)))))))
            store(y, 9 * y_step + y_at, x6)


def gt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d30 = broadcast(np.float32(-6561 / 3500))
    d27 = broadcast(np.float32(-64 / 105))
    d26 = broadcast(np.float32(-128 / 375))
    d24 = broadcast(np.float32(-729 / 3500))
    d23 = broadcast(np.float32(-64 / 375))
    d22 = broadcast(np.float32(-16 / 105))
    d21 = broadcast(np.float32(-32 / 375))
    d20 = broadcast(np.float32(-1 / 12))
    d19 = broadcast(np.float32(-8 / 105))
    d17 = broadcast(np.float32(-16 / 375))
    d16 = broadcast(np.float32(-4 / 105))
    d15 = broadcast(np.float32(-81 / 3500))
    d14 = broadcast(np.float32(-8 / 375))
    d13 = broadcast(np.float32(-2 / 105))
    d12 = broadcast(np.float32(-4 / 375))
    d11 = broadcast(np.float32(-1 / 105))
    d9 = broadcast(np.float32(-2 / 375))
    d8 = broadcast(np.float32(-1 / 210))
    d6 = broadcast(np.float32(-9 / 3500))
    d5 = broadcast(np.float32(-1 / 420))
    d4 = broadcast(np.float32(-1 / 750))
    c0 = broadcast(np.float32(1 / 10500))
    c1 = broadcast(np.float32(1 / 3500))
    c2 = broadcast(np.float32(1 / 1500))
    c3 = broadcast(np.float32(3 / 3500))
    c6 = broadcast(np.float32(9 / 3500))
    c7 = broadcast(np.float32(1 / 375))
    c10 = broadcast(np.float32(27 / 3500))
    c12 = broadcast(np.float32(4 / 375))
    c13 = broadcast(np.float32(2 / 105))
    c15 = broadcast(np.float32(81 / 3500))
    c17 = broadcast(np.float32(16 / 375))
    c18 = broadcast(np.float32(243 / 3500))
    c19 = broadcast(np.float32(8 / 105))
    c20 = broadcast(np.float32(1 / 12))
    c25 = broadcast(np.float32(32 / 105))
    c28 = broadcast(np.float32(2187 / 3500))
    c29 = broadcast(np.float32(128 / 105))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            x6 = load(x, 6 * x_step + x_at)
            x7 = load(x, 7 * x_step + x_at)
            x8 = load(x, 8 * x_step + x_at)
            x9 = load(x, 9 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(d30, x8, fmuladd(c0, x7, fmuladd(c29, x6, fmuladd(d26, x5, fmuladd(c2, x4, fmuladd(d5, x3, fmuladd(d20, x2, fmuladd(c20, x1, x0)))))))))
            store(y, 1 * y_step + y_at, fmuladd(c28, x8, fmuladd(c1, x7, fmuladd(d27, x6, fmuladd(d23, x5, fmuladd(d4, x4, fmuladd(d8, x3, fmuladd(c20, x2, c20 * x1))))))))
            store(y, 2 * y_step + y_at, fmuladd(d24, x8, fmuladd(c3, x7, fmuladd(c25, x6, fmuladd(d21, x5, fmuladd(c7, x4, fmuladd(d11, x3, fmuladd(d20, x2, c20 * x1))))))))
            store(y, 3 * y_step + y_at, fmuladd(c18, x8, fmuladd(c6, x7, fmuladd(d22, x6, fmuladd(d17, x5, fmuladd(d9, x4, fmuladd(d13, x3, fmuladd(c20, x2, c20 * x1))))))))
            store(y, 4 * y_step + y_at, fmuladd(d15, x8, fmuladd(c10, x7, fmuladd(c19, x6, fmuladd(d14, x5, fmuladd(c12, x4, fmuladd(d16, x3, fmuladd(d20, x2, c20 * x1))))))))
            store(y, 5 * y_step + y_at, fmuladd(c10, x8, fmuladd(c15, x7, fmuladd(d16, x6, fmuladd(d12, x5, fmuladd(d14, x4, fmuladd(d19, x3, fmuladd(c20, x2, c20 * x1))))))))
            store(y, 6 * y_step + y_at, fmuladd(d6, x8, fmuladd(c18, x7, fmuladd(c13, x6, fmuladd(d9, x5, fmuladd(c17, x4, fmuladd(d22, x3, fmuladd(d20, x2, fmuladd(c20, x1, x9)))))))))
