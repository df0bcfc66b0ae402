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
            store(y, 0 * y_step + y_at, -x0)
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
            s1 = x2
            t1 = x1
            store(y, 0 * y_step + y_at, x2 - x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, x3 - x1)


def at_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            store(y, 0 * y_step + y_at, x0 + s1)
            store(y, 1 * y_step + y_at, t1)
            store(y, 2 * y_step + y_at, s1 + x3)


def a_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            s1 = x0 + x2
            t1 = x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, x2)


def g_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d1_2 = broadcast(np.float32(-1 / 2))
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = c1_2 * x0
            t1 = x1
            store(y, 0 * y_step + y_at, -x0)
            store(y, 1 * y_step + y_at, fmuladd(c1_2, t1, s1))
            store(y, 2 * y_step + y_at, fmuladd(d1_2, t1, s1))
            store(y, 3 * y_step + y_at, x1)


def gt_3_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            store(y, 0 * y_step + y_at, fmuladd(c1_2, s1, -x0))
            store(y, 1 * y_step + y_at, fmuladd(c1_2, t1, x3))


def bt_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2 = broadcast(np.float32(-2))
    d3_2 = broadcast(np.float32(-3 / 2))
    c3_2 = broadcast(np.float32(3 / 2))
    c2 = broadcast(np.float32(2))
    c5_2 = broadcast(np.float32(5 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c3_2, x2, fmuladd(d3_2, x1, x3 - x0)))
            store(y, 1 * y_step + y_at, fmuladd(c5_2, x2, x1 + x3))
            store(y, 2 * y_step + y_at, fmuladd(c2, x3, -x1 - x2))
            store(y, 3 * y_step + y_at, fmuladd(d2, x1, x2 + x3))
            store(y, 4 * y_step + y_at, fmuladd(c3_2, x3, fmuladd(d3_2, x2, x4 - x1)))


def at_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d8 = broadcast(np.float32(-8))
    d2 = broadcast(np.float32(-2))
    d1_2 = broadcast(np.float32(-1 / 2))
    d1_8 = broadcast(np.float32(-1 / 8))
    c1_4 = broadcast(np.float32(1 / 4))
    c4 = broadcast(np.float32(4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 1 * y_step + y_at, fmuladd(d1_2, x3, fmuladd(d2, x2, x1)))
            store(y, 2 * y_step + y_at, fmuladd(c1_4, x3, fmuladd(c4, x2, x1)))
            store(y, 3 * y_step + y_at, fmuladd(d1_8, x3, fmuladd(d8, x2, x1 + x4)))


def a_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d8 = broadcast(np.float32(-8))
    d2 = broadcast(np.float32(-2))
    d1_2 = broadcast(np.float32(-1 / 2))
    d1_8 = broadcast(np.float32(-1 / 8))
    c1_4 = broadcast(np.float32(1 / 4))
    c4 = broadcast(np.float32(4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, x0 + x1 + x2 + x3)
            store(y, 2 * y_step + y_at, fmuladd(d8, x3, fmuladd(c4, x2, fmuladd(d2, x1, x0))))
            store(y, 3 * y_step + y_at, fmuladd(d1_8, x3, fmuladd(c1_4, x2, fmuladd(d1_2, x1, x0))))
            store(y, 4 * y_step + y_at, x3)


def g_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c2 = broadcast(np.float32(2))
    hc1_18 = broadcast(np.float32(1 / 18))
    lc1_18 = broadcast(np.float32(1 / 18 - np.float64(np.float32(1 / 18))))
    hc2_9 = broadcast(np.float32(2 / 9))
    lc2_9 = broadcast(np.float32(2 / 9 - np.float64(np.float32(2 / 9))))
    hc4_9 = broadcast(np.float32(4 / 9))
    lc4_9 = broadcast(np.float32(4 / 9 - np.float64(np.float32(4 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            u1 = x0 + x1
            u2 = fmuladd(c2, x1, -x0)
            u3 = fmuladd(c2, x0, -x1)
            store(y, 0 * y_step + y_at, -x0)
            store(y, 1 * y_step + y_at, fmuladd(hc2_9, u1, lc2_9 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc1_18, u2, lc1_18 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc4_9, u3, lc4_9 * u3))
            store(y, 4 * y_step + y_at, x1)


def gt_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c2 = broadcast(np.float32(2))
    hc1_18 = broadcast(np.float32(1 / 18))
    lc1_18 = broadcast(np.float32(1 / 18 - np.float64(np.float32(1 / 18))))
    hc2_9 = broadcast(np.float32(2 / 9))
    lc2_9 = broadcast(np.float32(2 / 9 - np.float64(np.float32(2 / 9))))
    hc4_9 = broadcast(np.float32(4 / 9))
    lc4_9 = broadcast(np.float32(4 / 9 - np.float64(np.float32(4 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            u1 = fmuladd(hc2_9, x1, lc2_9 * x1)
            u2 = fmuladd(hc1_18, x2, lc1_18 * x2)
            u3 = fmuladd(hc4_9, x3, lc4_9 * x3)
            store(y, 0 * y_step + y_at, fmuladd(c2, u3, u1 - x0 - u2))
            store(y, 1 * y_step + y_at, fmuladd(c2, u2, u1 + x4 - u3))


def bt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d97_32 = broadcast(np.float32(-97 / 32))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
    c9_8 = broadcast(np.float32(9 / 8))
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = fmuladd(d9_4, x2, x4)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, -x2)
            t3 = fmuladd(d9_4, x3, x1)
            store(y, 0 * y_step + y_at, fmuladd(c9_8, x4, fmuladd(d97_32, x2, c9_8 * x0)))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c3_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 5 * y_step + y_at, fmuladd(c9_8, x5, fmuladd(d97_32, x3, c9_8 * x1)))


def at_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    c27_8 = broadcast(np.float32(27 / 8))
    c81_16 = broadcast(np.float32(81 / 16))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            s3 = x3 + x4
            t3 = x3 - x4
            store(y, 0 * y_step + y_at, fmuladd(c81_16, s1, x0 + s3))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, c27_8 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c9_4, s3, c9_4 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c27_8, t3, c3_2 * t1))
            store(y, 4 * y_step + y_at, fmuladd(c81_16, s3, s1 + x5))


def a_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d3_2 = broadcast(np.float32(-3 / 2))
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    c81_16 = broadcast(np.float32(81 / 16))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            s1 = fmuladd(c9_4, x2, fmuladd(c81_16, x0, x4))
            t1 = fmuladd(c9_4, x1, x3)
            s3 = fmuladd(c81_16, x4, fmuladd(c9_4, x2, x0))
            t3 = fmuladd(c9_4, x3, x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t1, s1))
            store(y, 2 * y_step + y_at, fmuladd(d3_2, t1, s1))
            store(y, 3 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 5 * y_step + y_at, x4)


def g_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d3 = broadcast(np.float32(-3))
    d2 = broadcast(np.float32(-2))
    c2 = broadcast(np.float32(2))
    c3 = broadcast(np.float32(3))
    hc16_585 = broadcast(np.float32(16 / 585))
    lc16_585 = broadcast(np.float32(16 / 585 - np.float64(np.float32(16 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = d3 * x0
            t1 = x1
            s3 = c2 * x0
            t3 = x1
            u1 = fmuladd(d2, t1, s1)
            u2 = fmuladd(c2, t1, s1)
            u3 = fmuladd(c3, t3, s3)
            u4 = fmuladd(d3, t3, s3)
            store(y, 0 * y_step + y_at, fmuladd(hc8_9, x0, lc8_9 * x0))
            store(y, 1 * y_step + y_at, fmuladd(hc16_585, u1, lc16_585 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc16_585, u2, lc16_585 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc16_585, u3, lc16_585 * u3))
            store(y, 4 * y_step + y_at, fmuladd(hc16_585, u4, lc16_585 * u4))
            store(y, 5 * y_step + y_at, fmuladd(hc8_9, x1, lc8_9 * x1))


def gt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d3 = broadcast(np.float32(-3))
    d2 = broadcast(np.float32(-2))
    c2 = broadcast(np.float32(2))
    c3 = broadcast(np.float32(3))
    hc16_585 = broadcast(np.float32(16 / 585))
    lc16_585 = broadcast(np.float32(16 / 585 - np.float64(np.float32(16 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            u0 = fmuladd(hc8_9, x0, lc8_9 * x0)
            u1 = fmuladd(hc16_585, x1, lc16_585 * x1)
            u2 = fmuladd(hc16_585, x2, lc16_585 * x2)
            u3 = fmuladd(hc16_585, x3, lc16_585 * x3)
            u4 = fmuladd(hc16_585, x4, lc16_585 * x4)
            u5 = fmuladd(hc8_9, x5, lc8_9 * x5)
            s1 = u1 + u2
            t1 = u1 - u2
            s3 = u3 + u4
            t3 = u3 - u4
            store(y, 0 * y_step + y_at, fmuladd(c2, s3, fmuladd(d3, s1, u0)))
            store(y, 1 * y_step + y_at, fmuladd(c3, t3, fmuladd(d2, t1, u5)))


def bt_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x2
            t1 = x1
            store(y, 0 * y_step + y_at, x2 - x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, x3 - x1)


def at_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            store(y, 0 * y_step + y_at, x0 + s1)
            store(y, 1 * y_step + y_at, t1 + x3)


def a_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = x0
            t1 = x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, x1)


def g_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d1_2 = broadcast(np.float32(-1 / 2))
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            s1 = fmuladd(c1_2, x2, c1_2 * x0)
            t1 = x1
            store(y, 0 * y_step + y_at, -x0)
            store(y, 1 * y_step + y_at, fmuladd(c1_2, t1, s1))
            store(y, 2 * y_step + y_at, fmuladd(d1_2, t1, s1))
            store(y, 3 * y_step + y_at, x2)


def gt_2_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            store(y, 0 * y_step + y_at, fmuladd(c1_2, s1, -x0))
            store(y, 1 * y_step + y_at, c1_2 * t1)
            store(y, 2 * y_step + y_at, fmuladd(c1_2, s1, x3))


def bt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d97_32 = broadcast(np.float32(-97 / 32))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
    c9_8 = broadcast(np.float32(9 / 8))
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = fmuladd(d9_4, x2, x4)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, -x2)
            t3 = fmuladd(d9_4, x3, x1)
            store(y, 0 * y_step + y_at, fmuladd(c9_8, x4, fmuladd(d97_32, x2, c9_8 * x0)))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c3_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 5 * y_step + y_at, fmuladd(c9_8, x5, fmuladd(d97_32, x3, c9_8 * x1)))


def at_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    c27_8 = broadcast(np.float32(27 / 8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            s3 = x3 + x4
            t3 = x3 - x4
            store(y, 0 * y_step + y_at, fmuladd(c27_8, s1, x0 + s3))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, c9_4 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c9_4, s3, c3_2 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c27_8, t3, t1 + x5))


def a_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d3_2 = broadcast(np.float32(-3 / 2))
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = fmuladd(c9_4, x0, x2)
            t1 = fmuladd(c9_4, x1, x3)
            s3 = fmuladd(c9_4, x2, x0)
            t3 = fmuladd(c9_4, x3, x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c3_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 5 * y_step + y_at, x3)


def g_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d9 = broadcast(np.float32(-9))
    d6 = broadcast(np.float32(-6))
    d4 = broadcast(np.float32(-4))
    c4 = broadcast(np.float32(4))
    c6 = broadcast(np.float32(6))
    c9 = broadcast(np.float32(9))
    hc8_585 = broadcast(np.float32(8 / 585))
    lc8_585 = broadcast(np.float32(8 / 585 - np.float64(np.float32(8 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            s1 = fmuladd(d4, x2, d9 * x0)
            t1 = x1
            s3 = fmuladd(c9, x2, c4 * x0)
            t3 = x1
            u1 = fmuladd(d6, t1, s1)
            u2 = fmuladd(c6, t1, s1)
            u3 = fmuladd(c6, t3, s3)
            u4 = fmuladd(d6, t3, s3)
            store(y, 0 * y_step + y_at, fmuladd(hc8_9, x0, lc8_9 * x0))
            store(y, 1 * y_step + y_at, fmuladd(hc8_585, u1, lc8_585 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc8_585, u2, lc8_585 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc8_585, u3, lc8_585 * u3))
            store(y, 4 * y_step + y_at, fmuladd(hc8_585, u4, lc8_585 * u4))
            store(y, 5 * y_step + y_at, fmuladd(hc8_9, x2, lc8_9 * x2))


def gt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d9 = broadcast(np.float32(-9))
    d6 = broadcast(np.float32(-6))
    d4 = broadcast(np.float32(-4))
    c4 = broadcast(np.float32(4))
    c6 = broadcast(np.float32(6))
    c9 = broadcast(np.float32(9))
    hc8_585 = broadcast(np.float32(8 / 585))
    lc8_585 = broadcast(np.float32(8 / 585 - np.float64(np.float32(8 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            u0 = fmuladd(hc8_9, x0, lc8_9 * x0)
            u1 = fmuladd(hc8_585, x1, lc8_585 * x1)
            u2 = fmuladd(hc8_585, x2, lc8_585 * x2)
            u3 = fmuladd(hc8_585, x3, lc8_585 * x3)
            u4 = fmuladd(hc8_585, x4, lc8_585 * x4)
            u5 = fmuladd(hc8_9, x5, lc8_9 * x5)
            s1 = u1 + u2
            t1 = u1 - u2
            s3 = u3 + u4
            t3 = u3 - u4
            store(y, 0 * y_step + y_at, fmuladd(c4, s3, fmuladd(d9, s1, u0)))
            store(y, 1 * y_step + y_at, fmuladd(c6, t3, d6 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c9, s3, fmuladd(d4, s1, u5)))


def bt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d97_32 = broadcast(np.float32(-97 / 32))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
    c9_8 = broadcast(np.float32(9 / 8))
    c3_2 = broadcast(np.float32(3 / 2))
    c9_4 = broadcast(np.float32(9 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = fmuladd(d9_4, x2, x4)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, -x2)
            t3 = fmuladd(d9_4, x3, x1)
            store(y, 0 * y_step + y_at, fmuladd(c9_8, x4, fmuladd(d97_32, x2, c9_8 * x0)))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c3_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 5 * y_step + y_at, fmuladd(c9_8, x5, fmuladd(d97_32, x3, c9_8 * x1)))


def at_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c3_2 = broadcast(np.float32(3 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            s1 = x1 + x2
            t1 = x1 - x2
            s3 = x3 + x4
            t3 = x3 - x4
            store(y, 0 * y_step + y_at, fmuladd(c3_2, s1, x0 + s3))
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, t1 + x5))


def a_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d3_2 = broadcast(np.float32(-3 / 2))
    c3_2 = broadcast(np.float32(3 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = x0
            t1 = x1
            s3 = x0
            t3 = x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c3_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(c3_2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(d3_2, t3, s3))
            store(y, 5 * y_step + y_at, x1)


def g_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d81 = broadcast(np.float32(-81))
    d36 = broadcast(np.float32(-36))
    d24 = broadcast(np.float32(-24))
    d16 = broadcast(np.float32(-16))
    c9_4 = broadcast(np.float32(9 / 4))
    c16 = broadcast(np.float32(16))
    c24 = broadcast(np.float32(24))
    c36 = broadcast(np.float32(36))
    c81 = broadcast(np.float32(81))
    hc2_585 = broadcast(np.float32(2 / 585))
    lc2_585 = broadcast(np.float32(2 / 585 - np.float64(np.float32(2 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            s1 = fmuladd(d16, x4, fmuladd(d36, x2, d81 * x0))
            t1 = fmuladd(c9_4, x1, x3)
            s3 = fmuladd(c81, x4, fmuladd(c36, x2, c16 * x0))
            t3 = fmuladd(c9_4, x3, x1)
            u1 = fmuladd(d24, t1, s1)
            u2 = fmuladd(c24, t1, s1)
            u3 = fmuladd(c24, t3, s3)
            u4 = fmuladd(d24, t3, s3)
            store(y, 0 * y_step + y_at, fmuladd(hc8_9, x0, lc8_9 * x0))
            store(y, 1 * y_step + y_at, fmuladd(hc2_585, u1, lc2_585 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc2_585, u2, lc2_585 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc2_585, u3, lc2_585 * u3))
            store(y, 4 * y_step + y_at, fmuladd(hc2_585, u4, lc2_585 * u4))
            store(y, 5 * y_step + y_at, fmuladd(hc8_9, x4, lc8_9 * x4))


def gt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d81 = broadcast(np.float32(-81))
    d54 = broadcast(np.float32(-54))
    d36 = broadcast(np.float32(-36))
    d24 = broadcast(np.float32(-24))
    d16 = broadcast(np.float32(-16))
    c16 = broadcast(np.float32(16))
    c24 = broadcast(np.float32(24))
    c36 = broadcast(np.float32(36))
    c54 = broadcast(np.float32(54))
    c81 = broadcast(np.float32(81))
    hc2_585 = broadcast(np.float32(2 / 585))
    lc2_585 = broadcast(np.float32(2 / 585 - np.float64(np.float32(2 / 585))))
    hc8_9 = broadcast(np.float32(8 / 9))
    lc8_9 = broadcast(np.float32(8 / 9 - np.float64(np.float32(8 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            x5 = load(x, 5 * x_step + x_at)
            u0 = fmuladd(hc8_9, x0, lc8_9 * x0)
            u1 = fmuladd(hc2_585, x1, lc2_585 * x1)
            u2 = fmuladd(hc2_585, x2, lc2_585 * x2)
            u3 = fmuladd(hc2_585, x3, lc2_585 * x3)
            u4 = fmuladd(hc2_585, x4, lc2_585 * x4)
            u5 = fmuladd(hc8_9, x5, lc8_9 * x5)
            s1 = u1 + u2
            t1 = u1 - u2
            s3 = u3 + u4
            t3 = u3 - u4
            store(y, 0 * y_step + y_at, fmuladd(c16, s3, fmuladd(d81, s1, u0)))
            store(y, 1 * y_step + y_at, fmuladd(c24, t3, d54 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c36, s3, d36 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c54, t3, d24 * t1))
            store(y, 4 * y_step + y_at, fmuladd(c81, s3, fmuladd(d16, s1, u5)))


def bt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d21_4 = broadcast(np.float32(-21 / 4))
    d5 = broadcast(np.float32(-5))
    d17_4 = broadcast(np.float32(-17 / 4))
    d2 = broadcast(np.float32(-2))
    d5_4 = broadcast(np.float32(-5 / 4))
    d1_2 = broadcast(np.float32(-1 / 2))
    c1_4 = broadcast(np.float32(1 / 4))
    c1_2 = broadcast(np.float32(1 / 2))
    c2 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c21_4 = broadcast(np.float32(21 / 4))
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
            s1 = fmuladd(d17_4, x4, x2 + x6)
            t1 = fmuladd(d17_4, x3, x1 + x5)
            s3 = fmuladd(d5_4, x4, fmuladd(c1_4, x2, x6))
            t3 = fmuladd(d5_4, x3, fmuladd(c1_4, x1, x5))
            s5 = fmuladd(d5, x4, fmuladd(c4, x2, x6))
            t5 = fmuladd(d5, x3, fmuladd(c4, x1, x5))
            store(y, 0 * y_step + y_at, fmuladd(d21_4, x4, fmuladd(c21_4, x2, x6 - x0)))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, fmuladd(c2, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(d2, t3, s3))
            store(y, 5 * y_step + y_at, fmuladd(c1_2, t5, s5))
            store(y, 6 * y_step + y_at, fmuladd(d1_2, t5, s5))
            store(y, 7 * y_step + y_at, fmuladd(d21_4, x5, fmuladd(c21_4, x3, x7 - x1)))


def at_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c1_8 = broadcast(np.float32(1 / 8))
    c1_4 = broadcast(np.float32(1 / 4))
    c1_2 = broadcast(np.float32(1 / 2))
    c2 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c8 = broadcast(np.float32(8))
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
            s1 = x1 + x2
            t1 = x1 - x2
            s3 = x3 + x4
            t3 = x3 - x4
            s5 = x5 + x6
            t5 = x5 - x6
            store(y, 0 * y_step + y_at, x0 + s1 + s3 + s5)
            store(y, 1 * y_step + y_at, fmuladd(c1_2, t5, fmuladd(c2, t3, t1)))
            store(y, 2 * y_step + y_at, fmuladd(c1_4, s5, fmuladd(c4, s3, s1)))
            store(y, 3 * y_step + y_at, fmuladd(c1_8, t5, fmuladd(c8, t3, t1 + x7)))


def a_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d8 = broadcast(np.float32(-8))
    d1_8 = broadcast(np.float32(-1 / 8))
    c1_8 = broadcast(np.float32(1 / 8))
    c1_4 = broadcast(np.float32(1 / 4))
    c4 = broadcast(np.float32(4))
    c8 = broadcast(np.float32(8))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = x0 + x2
            t1 = x1 + x3
            s3 = fmuladd(c4, x2, x0)
            t3 = fmuladd(c1_4, x1, x3)
            s5 = fmuladd(c1_4, x2, x0)
            t5 = fmuladd(c4, x1, x3)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, fmuladd(c8, t3, s3))
            store(y, 4 * y_step + y_at, fmuladd(d8, t3, s3))
            store(y, 5 * y_step + y_at, fmuladd(c1_8, t5, s5))
            store(y, 6 * y_step + y_at, fmuladd(d1_8, t5, s5))
            store(y, 7 * y_step + y_at, x3)


def g_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d8 = broadcast(np.float32(-8))
    d2 = broadcast(np.float32(-2))
    c1_4 = broadcast(np.float32(1 / 4))
    c2 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c8 = broadcast(np.float32(8))
    c16 = broadcast(np.float32(16))
    hc1_90 = broadcast(np.float32(1 / 90))
    lc1_90 = broadcast(np.float32(1 / 90 - np.float64(np.float32(1 / 90))))
    hc2_45 = broadcast(np.float32(2 / 45))
    lc2_45 = broadcast(np.float32(2 / 45 - np.float64(np.float32(2 / 45))))
    hc2_9 = broadcast(np.float32(2 / 9))
    lc2_9 = broadcast(np.float32(2 / 9 - np.float64(np.float32(2 / 9))))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            s1 = -x0 - x2 - x4
            t1 = -x1 - x3
            s3 = fmuladd(c16, x4, fmuladd(c4, x2, x0))
            t3 = fmuladd(c1_4, x1, x3)
            s5 = fmuladd(c4, x2, fmuladd(c16, x0, x4))
            t5 = fmuladd(c4, x1, x3)
            u1 = s1 + t1
            u2 = s1 - t1
            u3 = fmuladd(c8, t3, s3)
            u4 = fmuladd(d8, t3, s3)
            u5 = fmuladd(c2, t5, s5)
            u6 = fmuladd(d2, t5, s5)
            store(y, 0 * y_step + y_at, -x0)
            store(y, 1 * y_step + y_at, fmuladd(hc2_9, u1, lc2_9 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc2_9, u2, lc2_9 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc1_90, u3, lc1_90 * u3))
            store(y, 4 * y_step + y_at, fmuladd(hc1_90, u4, lc1_90 * u4))
            store(y, 5 * y_step + y_at, fmuladd(hc2_45, u5, lc2_45 * u5))
            store(y, 6 * y_step + y_at, fmuladd(hc2_45, u6, lc2_45 * u6))
            store(y, 7 * y_step + y_at, x4)


def gt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c2 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c8 = broadcast(np.float32(8))
    c16 = broadcast(np.float32(16))
    hc1_90 = broadcast(np.float32(1 / 90))
    lc1_90 = broadcast(np.float32(1 / 90 - np.float64(np.float32(1 / 90))))
    hc2_45 = broadcast(np.float32(2 / 45))
    lc2_45 = broadcast(np.float32(2 / 45 - np.float64(np.float32(2 / 45))))
    hc2_9 = broadcast(np.float32(2 / 9))
    lc2_9 = broadcast(np.float32(2 / 9 - np.float64(np.float32(2 / 9))))
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
            u1 = fmuladd(hc2_9, x1, lc2_9 * x1)
            u2 = fmuladd(hc2_9, x2, lc2_9 * x2)
            u3 = fmuladd(hc1_90, x3, lc1_90 * x3)
            u4 = fmuladd(hc1_90, x4, lc1_90 * x4)
            u5 = fmuladd(hc2_45, x5, lc2_45 * x5)
            u6 = fmuladd(hc2_45, x6, lc2_45 * x6)
            s1 = u1 + u2
            t1 = u1 - u2
            s3 = u3 + u4
            t3 = u3 - u4
            s5 = u5 + u6
            t5 = u5 - u6
            store(y, 0 * y_step + y_at, fmuladd(c16, s5, s3 - x0 - s1))
            store(y, 1 * y_step + y_at, fmuladd(c8, t5, fmuladd(c2, t3, -t1)))
            store(y, 2 * y_step + y_at, fmuladd(c4, s5, fmuladd(c4, s3, -s1)))
            store(y, 3 * y_step + y_at, fmuladd(c2, t5, fmuladd(c8, t3, -t1)))
            store(y, 4 * y_step + y_at, fmuladd(c16, s3, s5 + x7 - s1))


def bt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d88125_8192 = broadcast(np.float32(-88125 / 8192))
    d86125_8192 = broadcast(np.float32(-86125 / 8192))
    d17625_2048 = broadcast(np.float32(-17625 / 2048))
    d16905_2048 = broadcast(np.float32(-16905 / 2048))
    d15945_2048 = broadcast(np.float32(-15945 / 2048))
    d118125_16384 = broadcast(np.float32(-118125 / 16384))
    d3189_512 = broadcast(np.float32(-3189 / 512))
    d3125_512 = broadcast(np.float32(-3125 / 512))
    d3381_1024 = broadcast(np.float32(-3381 / 1024))
    d23625_8192 = broadcast(np.float32(-23625 / 8192))
    d625_256 = broadcast(np.float32(-625 / 256))
    d3125_2048 = broadcast(np.float32(-3125 / 2048))
    d625_512 = broadcast(np.float32(-625 / 512))
    d125_128 = broadcast(np.float32(-125 / 128))
    d25_32 = broadcast(np.float32(-25 / 32))
    d125_256 = broadcast(np.float32(-125 / 256))
    d25_128 = broadcast(np.float32(-25 / 128))
    c25_64 = broadcast(np.float32(25 / 64))
    c25_32 = broadcast(np.float32(25 / 32))
    c125_128 = broadcast(np.float32(125 / 128))
    c625_512 = broadcast(np.float32(625 / 512))
    c3125_2048 = broadcast(np.float32(3125 / 2048))
    c3381_2048 = broadcast(np.float32(3381 / 2048))
    c3125_1024 = broadcast(np.float32(3125 / 1024))
    c16905_4096 = broadcast(np.float32(16905 / 4096))
    c23625_4096 = broadcast(np.float32(23625 / 4096))
    c3189_512 = broadcast(np.float32(3189 / 512))
    c15945_2048 = broadcast(np.float32(15945 / 2048))
    c17625_2048 = broadcast(np.float32(17625 / 2048))
    c88125_8192 = broadcast(np.float32(88125 / 8192))
    c118125_8192 = broadcast(np.float32(118125 / 8192))
    c644721_32768 = broadcast(np.float32(644721 / 32768))
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
            s1 = fmuladd(c125_128, x8, fmuladd(d16905_2048, x6, fmuladd(c118125_8192, x4, d3125_512 * x2)))
            t1 = fmuladd(c25_64, x7, fmuladd(d3381_1024, x5, fmuladd(c23625_4096, x3, d625_256 * x1)))
            s3 = fmuladd(c125_128, x8, fmuladd(d15945_2048, x6, fmuladd(c88125_8192, x4, d3125_2048 * x2)))
            t3 = fmuladd(c25_32, x7, fmuladd(d3189_512, x5, fmuladd(c17625_2048, x3, d625_512 * x1)))
            s5 = fmuladd(c625_512, x8, fmuladd(d17625_2048, x6, fmuladd(c3189_512, x4, d25_32 * x2)))
            t5 = fmuladd(c3125_2048, x7, fmuladd(d88125_8192, x5, fmuladd(c15945_2048, x3, d125_128 * x1)))
            s7 = fmuladd(c625_512, x8, fmuladd(d23625_8192, x6, fmuladd(c3381_2048, x4, d25_128 * x2)))
            t7 = fmuladd(c3125_1024, x7, fmuladd(d118125_16384, x5, fmuladd(c16905_4096, x3, d125_256 * x1)))
            store(y, 0 * y_step + y_at, fmuladd(c625_512, x8, fmuladd(d86125_8192, x6, fmuladd(c644721_32768, x4, fmuladd(d86125_8192, x2, c625_512 * x0)))))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, s7 + t7)
            store(y, 8 * y_step + y_at, s7 - t7)
            store(y, 9 * y_step + y_at, fmuladd(c625_512, x9, fmuladd(d86125_8192, x7, fmuladd(c644721_32768, x5, fmuladd(d86125_8192, x3, c625_512 * x1)))))


def at_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c5_4 = broadcast(np.float32(5 / 4))
    c25_16 = broadcast(np.float32(25 / 16))
    c125_64 = broadcast(np.float32(125 / 64))
    c5_2 = broadcast(np.float32(5 / 2))
    c25_4 = broadcast(np.float32(25 / 4))
    c125_8 = broadcast(np.float32(125 / 8))
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
            s1 = x1 + x2
            t1 = x1 - x2
            s3 = x3 + x4
            t3 = x3 - x4
            s5 = x5 + x6
            t5 = x5 - x6
            s7 = x7 + x8
            t7 = x7 - x8
            store(y, 0 * y_step + y_at, fmuladd(c125_64, s3, fmuladd(c125_8, s1, x0 + s5 + s7)))
            store(y, 1 * y_step + y_at, fmuladd(c5_2, t7, fmuladd(c5_4, t5, fmuladd(c25_16, t3, c25_4 * t1))))
            store(y, 2 * y_step + y_at, fmuladd(c25_4, s7, fmuladd(c25_16, s5, fmuladd(c5_4, s3, c5_2 * s1))))
            store(y, 3 * y_step + y_at, fmuladd(c125_8, t7, fmuladd(c125_64, t5, t1 + t3 + x9)))


def a_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d5_2 = broadcast(np.float32(-5 / 2))
    d5_4 = broadcast(np.float32(-5 / 4))
    c5_4 = broadcast(np.float32(5 / 4))
    c25_16 = broadcast(np.float32(25 / 16))
    c5_2 = broadcast(np.float32(5 / 2))
    c25_4 = broadcast(np.float32(25 / 4))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            s1 = fmuladd(c25_4, x0, x2)
            t1 = fmuladd(c25_4, x1, x3)
            s3 = fmuladd(c25_16, x0, x2)
            t3 = fmuladd(c25_16, x1, x3)
            s5 = fmuladd(c25_16, x2, x0)
            t5 = fmuladd(c25_16, x3, x1)
            s7 = fmuladd(c25_4, x2, x0)
            t7 = fmuladd(c25_4, x3, x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, fmuladd(c5_2, s1, t1))
            store(y, 2 * y_step + y_at, fmuladd(c5_2, s1, -t1))
            store(y, 3 * y_step + y_at, fmuladd(c5_4, s3, t3))
            store(y, 4 * y_step + y_at, fmuladd(c5_4, s3, -t3))
            store(y, 5 * y_step + y_at, fmuladd(c5_4, t5, s5))
            store(y, 6 * y_step + y_at, fmuladd(d5_4, t5, s5))
            store(y, 7 * y_step + y_at, fmuladd(c5_2, t7, s7))
            store(y, 8 * y_step + y_at, fmuladd(d5_2, t7, s7))
            store(y, 9 * y_step + y_at, x3)


def g_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d15625 = broadcast(np.float32(-15625))
    d10000 = broadcast(np.float32(-10000))
    d6400 = broadcast(np.float32(-6400))
    d5120 = broadcast(np.float32(-5120))
    d4096 = broadcast(np.float32(-4096))
    d2500 = broadcast(np.float32(-2500))
    d400 = broadcast(np.float32(-400))
    d160 = broadcast(np.float32(-160))
    d64 = broadcast(np.float32(-64))
    c25_16 = broadcast(np.float32(25 / 16))
    c625_256 = broadcast(np.float32(625 / 256))
    c25_4 = broadcast(np.float32(25 / 4))
    c625_16 = broadcast(np.float32(625 / 16))
    c64 = broadcast(np.float32(64))
    c160 = broadcast(np.float32(160))
    c400 = broadcast(np.float32(400))
    c2500 = broadcast(np.float32(2500))
    c4096 = broadcast(np.float32(4096))
    c5120 = broadcast(np.float32(5120))
    c6400 = broadcast(np.float32(6400))
    c10000 = broadcast(np.float32(10000))
    c15625 = broadcast(np.float32(15625))
    hc2048_640591875 = broadcast(np.float32(2048 / 640591875))
    lc2048_640591875 = broadcast(np.float32(2048 / 640591875 - np.float64(np.float32(2048 / 640591875))))
    hc4096_640591875 = broadcast(np.float32(4096 / 640591875))
    lc4096_640591875 = broadcast(np.float32(4096 / 640591875 - np.float64(np.float32(4096 / 640591875))))
    hc4096_388141875 = broadcast(np.float32(4096 / 388141875))
    lc4096_388141875 = broadcast(np.float32(4096 / 388141875 - np.float64(np.float32(4096 / 388141875))))
    hc512_625 = broadcast(np.float32(512 / 625))
    lc512_625 = broadcast(np.float32(512 / 625 - np.float64(np.float32(512 / 625))))
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
            s1 = fmuladd(d64, x6, fmuladd(d400, x4, fmuladd(d2500, x2, d15625 * x0)))
            t1 = fmuladd(c25_4, x3, fmuladd(c625_16, x1, x5))
            s3 = fmuladd(c4096, x6, fmuladd(c6400, x4, fmuladd(c10000, x2, c15625 * x0)))
            t3 = fmuladd(c25_16, x3, fmuladd(c625_256, x1, x5))
            s5 = fmuladd(d15625, x6, fmuladd(d10000, x4, fmuladd(d6400, x2, d4096 * x0)))
            t5 = fmuladd(c625_256, x5, fmuladd(c25_16, x3, x1))
            s7 = fmuladd(c15625, x6, fmuladd(c2500, x4, fmuladd(c400, x2, c64 * x0)))
            t7 = fmuladd(c625_16, x5, fmuladd(c25_4, x3, x1))
            u1 = fmuladd(d160, t1, s1)
            u2 = fmuladd(c160, t1, s1)
            u3 = fmuladd(c5120, t3, s3)
            u4 = fmuladd(d5120, t3, s3)
            u5 = fmuladd(d5120, t5, s5)
            u6 = fmuladd(c5120, t5, s5)
            u7 = fmuladd(c160, t7, s7)
            u8 = fmuladd(d160, t7, s7)
            store(y, 0 * y_step + y_at, fmuladd(hc512_625, x0, lc512_625 * x0))
            store(y, 1 * y_step + y_at, fmuladd(hc2048_640591875, u1, lc2048_640591875 * u1))
            store(y, 2 * y_step + y_at, fmuladd(hc2048_640591875, u2, lc2048_640591875 * u2))
            store(y, 3 * y_step + y_at, fmuladd(hc4096_388141875, u3, lc4096_388141875 * u3))
            store(y, 4 * y_step + y_at, fmuladd(hc4096_388141875, u4, lc4096_388141875 * u4))
            store(y, 5 * y_step + y_at, fmuladd(hc4096_388141875, u5, lc4096_388141875 * u5))
            store(y, 6 * y_step + y_at, fmuladd(hc4096_388141875, u6, lc4096_388141875 * u6))
            store(y, 7 * y_step + y_at, fmuladd(hc4096_640591875, u7, lc4096_640591875 * u7))
            store(y, 8 * y_step + y_at, fmuladd(hc4096_640591875, u8, lc4096_640591875 * u8))
            store(y, 9 * y_step + y_at, fmuladd(hc512_625, x6, lc512_625 * x6))


def gt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d15625 = broadcast(np.float32(-15625))
    d12500 = broadcast(np.float32(-12500))
    d10000 = broadcast(np.float32(-10000))
    d8000 = broadcast(np.float32(-8000))
    d6400 = broadcast(np.float32(-6400))
    d6250 = broadcast(np.float32(-6250))
    d5120 = broadcast(np.float32(-5120))
    d4096 = broadcast(np.float32(-4096))
    d2500 = broadcast(np.float32(-2500))
    d1000 = broadcast(np.float32(-1000))
    d400 = broadcast(np.float32(-400))
    d160 = broadcast(np.float32(-160))
    d64 = broadcast(np.float32(-64))
    c64 = broadcast(np.float32(64))
    c160 = broadcast(np.float32(160))
    c400 = broadcast(np.float32(400))
    c1000 = broadcast(np.float32(1000))
    c2500 = broadcast(np.float32(2500))
    c4096 = broadcast(np.float32(4096))
    c5120 = broadcast(np.float32(5120))
    c6250 = broadcast(np.float32(6250))
    c6400 = broadcast(np.float32(6400))
    c8000 = broadcast(np.float32(8000))
    c10000 = broadcast(np.float32(10000))
    c12500 = broadcast(np.float32(12500))
    c15625 = broadcast(np.float32(15625))
    hc2048_640591875 = broadcast(np.float32(2048 / 640591875))
    lc2048_640591875 = broadcast(np.float32(2048 / 640591875 - np.float64(np.float32(2048 / 640591875))))
    hc4096_640591875 = broadcast(np.float32(4096 / 640591875))
    lc4096_640591875 = broadcast(np.float32(4096 / 640591875 - np.float64(np.float32(4096 / 640591875))))
    hc4096_388141875 = broadcast(np.float32(4096 / 388141875))
    lc4096_388141875 = broadcast(np.float32(4096 / 388141875 - np.float64(np.float32(4096 / 388141875))))
    hc512_625 = broadcast(np.float32(512 / 625))
    lc512_625 = broadcast(np.float32(512 / 625 - np.float64(np.float32(512 / 625))))
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
            u0 = fmuladd(hc512_625, x0, lc512_625 * x0)
            u1 = fmuladd(hc2048_640591875, x1, lc2048_640591875 * x1)
            u2 = fmuladd(hc2048_640591875, x2, lc2048_640591875 * x2)
            u3 = fmuladd(hc4096_388141875, x3, lc4096_388141875 * x3)
            u4 = fmuladd(hc4096_388141875, x4, lc4096_388141875 * x4)
            u5 = fmuladd(hc4096_388141875, x5, lc4096_388141875 * x5)
            u6 = fmuladd(hc4096_388141875, x6, lc4096_388141875 * x6)
            u7 = fmuladd(hc4096_640591875, x7, lc4096_640591875 * x7)
            u8 = fmuladd(hc4096_640591875, x8, lc4096_640591875 * x8)
            u9 = fmuladd(hc512_625, x9, lc512_625 * x9)
            s1 = u1 + u2
            t1 = u1 - u2
            s3 = u3 + u4
            t3 = u3 - u4
            s5 = u5 + u6
            t5 = u5 - u6
            s7 = u7 + u8
            t7 = u7 - u8
            store(y, 0 * y_step + y_at, fmuladd(c64, s7, fmuladd(d4096, s5, fmuladd(c15625, s3, fmuladd(d15625, s1, u0)))))
            store(y, 1 * y_step + y_at, fmuladd(c160, t7, fmuladd(d5120, t5, fmuladd(c12500, t3, d6250 * t1))))
            store(y, 2 * y_step + y_at, fmuladd(c400, s7, fmuladd(d6400, s5, fmuladd(c10000, s3, d2500 * s1))))
            store(y, 3 * y_step + y_at, fmuladd(c1000, t7, fmuladd(d8000, t5, fmuladd(c8000, t3, d1000 * t1))))
            store(y, 4 * y_step + y_at, fmuladd(c2500, s7, fmuladd(d10000, s5, fmuladd(c6400, s3, d400 * s1))))
            store(y, 5 * y_step + y_at, fmuladd(c6250, t7, fmuladd(d12500, t5, fmuladd(c5120, t3, d160 * t1))))
            store(y, 6 * y_step + y_at, fmuladd(c15625, s7, fmuladd(d15625, s5, fmuladd(c4096, s3, fmuladd(d64, s1, u9)))))
