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
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = c1_2 * x0
            t1 = c1_2 * x1
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
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
            store(y, 0 * y_step + y_at, fmuladd(c1_2, s1, broadcast(np.float32(0)) - x0))
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
            store(y, 2 * y_step + y_at, fmuladd(c2, x3, broadcast(np.float32(0)) - x1 - x2))
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
    d4_9 = broadcast(np.float32(-4 / 9))
    d1_18 = broadcast(np.float32(-1 / 18))
    c1_9 = broadcast(np.float32(1 / 9))
    c2_9 = broadcast(np.float32(2 / 9))
    c8_9 = broadcast(np.float32(8 / 9))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, fmuladd(c2_9, x1, c2_9 * x0))
            store(y, 2 * y_step + y_at, fmuladd(c1_9, x1, d1_18 * x0))
            store(y, 3 * y_step + y_at, fmuladd(d4_9, x1, c8_9 * x0))
            store(y, 4 * y_step + y_at, x1)


def gt_4_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d4_9 = broadcast(np.float32(-4 / 9))
    d1_18 = broadcast(np.float32(-1 / 18))
    c1_9 = broadcast(np.float32(1 / 9))
    c2_9 = broadcast(np.float32(2 / 9))
    c8_9 = broadcast(np.float32(8 / 9))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            store(y, 0 * y_step + y_at, fmuladd(c8_9, x3, fmuladd(d1_18, x2, fmuladd(c2_9, x1, broadcast(np.float32(0)) - x0))))
            store(y, 1 * y_step + y_at, fmuladd(d4_9, x3, fmuladd(c1_9, x2, fmuladd(c2_9, x1, x4))))


def bt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_8 = broadcast(np.float32(-27 / 8))
    d97_36 = broadcast(np.float32(-97 / 36))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
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
            s1 = fmuladd(c3_2, x4, d27_8 * x2)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, broadcast(np.float32(0)) - x2)
            t3 = fmuladd(c27_8, x3, d3_2 * x1)
            store(y, 0 * y_step + y_at, fmuladd(d97_36, x2, x0 + x4))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, fmuladd(d97_36, x3, x1 + x5))


def at_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c16_81 = broadcast(np.float32(16 / 81))
    c8_27 = broadcast(np.float32(8 / 27))
    c4_9 = broadcast(np.float32(4 / 9))
    c2_3 = broadcast(np.float32(2 / 3))
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
            store(y, 0 * y_step + y_at, x0 + s1 + s3)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, c2_3 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c9_4, s3, c4_9 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c27_8, t3, c8_27 * t1))
            store(y, 4 * y_step + y_at, fmuladd(c81_16, s3, fmuladd(c16_81, s1, x5)))


def a_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c16_81 = broadcast(np.float32(16 / 81))
    c8_27 = broadcast(np.float32(8 / 27))
    c4_9 = broadcast(np.float32(4 / 9))
    c2_3 = broadcast(np.float32(2 / 3))
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
            s1 = fmuladd(c16_81, x4, fmuladd(c4_9, x2, x0))
            t1 = fmuladd(c8_27, x3, c2_3 * x1)
            s3 = fmuladd(c81_16, x4, fmuladd(c9_4, x2, x0))
            t3 = fmuladd(c27_8, x3, c3_2 * x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x4)


def g_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = d27_65 * x0
            t1 = d18_65 * x1
            s3 = c32_585 * x0
            t3 = c16_195 * x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x1)


def gt_5_2(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
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
            store(y, 0 * y_step + y_at, fmuladd(c32_585, s3, fmuladd(d27_65, s1, x0)))
            store(y, 1 * y_step + y_at, fmuladd(c16_195, t3, fmuladd(d18_65, t1, x5)))


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
    c1_2 = broadcast(np.float32(1 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            s1 = fmuladd(c1_2, x2, c1_2 * x0)
            t1 = c1_2 * x1
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
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
            store(y, 0 * y_step + y_at, fmuladd(c1_2, s1, broadcast(np.float32(0)) - x0))
            store(y, 1 * y_step + y_at, c1_2 * t1)
            store(y, 2 * y_step + y_at, fmuladd(c1_2, s1, x3))


def bt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_8 = broadcast(np.float32(-27 / 8))
    d97_36 = broadcast(np.float32(-97 / 36))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
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
            s1 = fmuladd(c3_2, x4, d27_8 * x2)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, broadcast(np.float32(0)) - x2)
            t3 = fmuladd(c27_8, x3, d3_2 * x1)
            store(y, 0 * y_step + y_at, fmuladd(d97_36, x2, x0 + x4))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, fmuladd(d97_36, x3, x1 + x5))


def at_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c8_27 = broadcast(np.float32(8 / 27))
    c4_9 = broadcast(np.float32(4 / 9))
    c2_3 = broadcast(np.float32(2 / 3))
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
            store(y, 0 * y_step + y_at, x0 + s1 + s3)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, c2_3 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c9_4, s3, c4_9 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c27_8, t3, fmuladd(c8_27, t1, x5)))


def a_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c8_27 = broadcast(np.float32(8 / 27))
    c4_9 = broadcast(np.float32(4 / 9))
    c2_3 = broadcast(np.float32(2 / 3))
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
            s1 = fmuladd(c4_9, x2, x0)
            t1 = fmuladd(c8_27, x3, c2_3 * x1)
            s3 = fmuladd(c9_4, x2, x0)
            t3 = fmuladd(c27_8, x3, c3_2 * x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x3)


def g_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    d12_65 = broadcast(np.float32(-12 / 65))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
    c8_65 = broadcast(np.float32(8 / 65))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            s1 = fmuladd(d12_65, x2, d27_65 * x0)
            t1 = d18_65 * x1
            s3 = fmuladd(c8_65, x2, c32_585 * x0)
            t3 = c16_195 * x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x2)


def gt_4_3(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    d12_65 = broadcast(np.float32(-12 / 65))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
    c8_65 = broadcast(np.float32(8 / 65))
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
            store(y, 0 * y_step + y_at, fmuladd(c32_585, s3, fmuladd(d27_65, s1, x0)))
            store(y, 1 * y_step + y_at, fmuladd(c16_195, t3, d18_65 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c8_65, s3, fmuladd(d12_65, s1, x5)))


def bt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_8 = broadcast(np.float32(-27 / 8))
    d97_36 = broadcast(np.float32(-97 / 36))
    d9_4 = broadcast(np.float32(-9 / 4))
    d3_2 = broadcast(np.float32(-3 / 2))
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
            s1 = fmuladd(c3_2, x4, d27_8 * x2)
            t1 = fmuladd(d9_4, x1, x3)
            s3 = fmuladd(c9_4, x4, broadcast(np.float32(0)) - x2)
            t3 = fmuladd(c27_8, x3, d3_2 * x1)
            store(y, 0 * y_step + y_at, fmuladd(d97_36, x2, x0 + x4))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, fmuladd(d97_36, x3, x1 + x5))


def at_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c2_3 = broadcast(np.float32(2 / 3))
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
            store(y, 0 * y_step + y_at, x0 + s1 + s3)
            store(y, 1 * y_step + y_at, fmuladd(c3_2, t3, fmuladd(c2_3, t1, x5)))


def a_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c2_3 = broadcast(np.float32(2 / 3))
    c3_2 = broadcast(np.float32(3 / 2))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            s1 = x0
            t1 = c2_3 * x1
            s3 = x0
            t3 = c3_2 * x1
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x1)


def g_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    d12_65 = broadcast(np.float32(-12 / 65))
    d8_65 = broadcast(np.float32(-8 / 65))
    d16_195 = broadcast(np.float32(-16 / 195))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
    c8_65 = broadcast(np.float32(8 / 65))
    c12_65 = broadcast(np.float32(12 / 65))
    c18_65 = broadcast(np.float32(18 / 65))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            s1 = fmuladd(d16_195, x4, fmuladd(d12_65, x2, d27_65 * x0))
            t1 = fmuladd(d8_65, x3, d18_65 * x1)
            s3 = fmuladd(c18_65, x4, fmuladd(c8_65, x2, c32_585 * x0))
            t3 = fmuladd(c12_65, x3, c16_195 * x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, x4)


def gt_2_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d27_65 = broadcast(np.float32(-27 / 65))
    d18_65 = broadcast(np.float32(-18 / 65))
    d12_65 = broadcast(np.float32(-12 / 65))
    d8_65 = broadcast(np.float32(-8 / 65))
    d16_195 = broadcast(np.float32(-16 / 195))
    c32_585 = broadcast(np.float32(32 / 585))
    c16_195 = broadcast(np.float32(16 / 195))
    c8_65 = broadcast(np.float32(8 / 65))
    c12_65 = broadcast(np.float32(12 / 65))
    c18_65 = broadcast(np.float32(18 / 65))
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
            store(y, 0 * y_step + y_at, fmuladd(c32_585, s3, fmuladd(d27_65, s1, x0)))
            store(y, 1 * y_step + y_at, fmuladd(c16_195, t3, d18_65 * t1))
            store(y, 2 * y_step + y_at, fmuladd(c8_65, s3, d12_65 * s1))
            store(y, 3 * y_step + y_at, fmuladd(c12_65, t3, d8_65 * t1))
            store(y, 4 * y_step + y_at, fmuladd(c18_65, s3, fmuladd(d16_195, s1, x5)))


def bt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d10 = broadcast(np.float32(-10))
    d21_4 = broadcast(np.float32(-21 / 4))
    d5 = broadcast(np.float32(-5))
    d17_4 = broadcast(np.float32(-17 / 4))
    c2 = broadcast(np.float32(2))
    c4 = broadcast(np.float32(4))
    c21_4 = broadcast(np.float32(21 / 4))
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
            s1 = fmuladd(d17_4, x4, x2 + x6)
            t1 = fmuladd(d17_4, x3, x1 + x5)
            s3 = fmuladd(c4, x6, fmuladd(d5, x4, x2))
            t3 = fmuladd(c8, x5, fmuladd(d10, x3, c2 * x1))
            s5 = fmuladd(c2, x6, fmuladd(d10, x4, c8 * x2))
            t5 = fmuladd(d5, x3, fmuladd(c4, x1, x5))
            store(y, 0 * y_step + y_at, fmuladd(d21_4, x4, fmuladd(c21_4, x2, x6 - x0)))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
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
            s1 = x0 + x2
            t1 = x1 + x3
            s3 = fmuladd(c4, x2, x0)
            t3 = fmuladd(c8, x3, c2 * x1)
            s5 = fmuladd(c1_4, x2, x0)
            t5 = fmuladd(c1_8, x3, c1_2 * x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, x3)


def g_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2_9 = broadcast(np.float32(-2 / 9))
    c1_360 = broadcast(np.float32(1 / 360))
    c1_180 = broadcast(np.float32(1 / 180))
    c1_90 = broadcast(np.float32(1 / 90))
    c1_45 = broadcast(np.float32(1 / 45))
    c2_45 = broadcast(np.float32(2 / 45))
    c4_45 = broadcast(np.float32(4 / 45))
    c8_45 = broadcast(np.float32(8 / 45))
    c16_45 = broadcast(np.float32(16 / 45))
    for line in range(lines):
        for j in range(0, vectors * W, W):
            x_at, y_at = line * x_line + j, line * y_line + j
            x0 = load(x, 0 * x_step + x_at)
            x1 = load(x, 1 * x_step + x_at)
            x2 = load(x, 2 * x_step + x_at)
            x3 = load(x, 3 * x_step + x_at)
            x4 = load(x, 4 * x_step + x_at)
            s1 = fmuladd(d2_9, x4, fmuladd(d2_9, x2, d2_9 * x0))
            t1 = fmuladd(d2_9, x3, d2_9 * x1)
            s3 = fmuladd(c2_45, x4, fmuladd(c1_90, x2, c1_360 * x0))
            t3 = fmuladd(c1_45, x3, c1_180 * x1)
            s5 = fmuladd(c1_45, x4, fmuladd(c4_45, x2, c16_45 * x0))
            t5 = fmuladd(c2_45, x3, c8_45 * x1)
            store(y, 0 * y_step + y_at, broadcast(np.float32(0)) - x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, x4)


def gt_4_5(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d2_9 = broadcast(np.float32(-2 / 9))
    c1_360 = broadcast(np.float32(1 / 360))
    c1_180 = broadcast(np.float32(1 / 180))
    c1_90 = broadcast(np.float32(1 / 90))
    c1_45 = broadcast(np.float32(1 / 45))
    c2_45 = broadcast(np.float32(2 / 45))
    c4_45 = broadcast(np.float32(4 / 45))
    c8_45 = broadcast(np.float32(8 / 45))
    c16_45 = broadcast(np.float32(16 / 45))
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
            store(y, 0 * y_step + y_at, fmuladd(c16_45, s5, fmuladd(c1_360, s3, fmuladd(d2_9, s1, broadcast(np.float32(0)) - x0))))
            store(y, 1 * y_step + y_at, fmuladd(c8_45, t5, fmuladd(c1_180, t3, d2_9 * t1)))
            store(y, 2 * y_step + y_at, fmuladd(c4_45, s5, fmuladd(c1_90, s3, d2_9 * s1)))
            store(y, 3 * y_step + y_at, fmuladd(c2_45, t5, fmuladd(c1_45, t3, d2_9 * t1)))
            store(y, 4 * y_step + y_at, fmuladd(c1_45, s5, fmuladd(c2_45, s3, fmuladd(d2_9, s1, x7))))


def bt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d4725_128 = broadcast(np.float32(-4725 / 128))
    d3381_160 = broadcast(np.float32(-3381 / 160))
    d125_8 = broadcast(np.float32(-125 / 8))
    d945_64 = broadcast(np.float32(-945 / 64))
    d3525_256 = broadcast(np.float32(-3525 / 256))
    d705_64 = broadcast(np.float32(-705 / 64))
    d3189_320 = broadcast(np.float32(-3189 / 320))
    d689_80 = broadcast(np.float32(-689 / 80))
    d3381_400 = broadcast(np.float32(-3381 / 400))
    d3189_400 = broadcast(np.float32(-3189 / 400))
    d25_4 = broadcast(np.float32(-25 / 4))
    d5_2 = broadcast(np.float32(-5 / 2))
    d125_64 = broadcast(np.float32(-125 / 64))
    d25_16 = broadcast(np.float32(-25 / 16))
    d5_4 = broadcast(np.float32(-5 / 4))
    c5_4 = broadcast(np.float32(5 / 4))
    c25_16 = broadcast(np.float32(25 / 16))
    c125_64 = broadcast(np.float32(125 / 64))
    c5_2 = broadcast(np.float32(5 / 2))
    c25_4 = broadcast(np.float32(25 / 4))
    c3189_400 = broadcast(np.float32(3189 / 400))
    c3381_400 = broadcast(np.float32(3381 / 400))
    c3189_320 = broadcast(np.float32(3189 / 320))
    c705_64 = broadcast(np.float32(705 / 64))
    c3525_256 = broadcast(np.float32(3525 / 256))
    c945_64 = broadcast(np.float32(945 / 64))
    c125_8 = broadcast(np.float32(125 / 8))
    c644721_40000 = broadcast(np.float32(644721 / 40000))
    c3381_160 = broadcast(np.float32(3381 / 160))
    c4725_128 = broadcast(np.float32(4725 / 128))
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
            s1 = fmuladd(c5_2, x8, fmuladd(d3381_160, x6, fmuladd(c4725_128, x4, d125_8 * x2)))
            t1 = fmuladd(d3381_400, x5, fmuladd(c945_64, x3, fmuladd(d25_4, x1, x7)))
            s3 = fmuladd(c5_4, x8, fmuladd(d3189_320, x6, fmuladd(c3525_256, x4, d125_64 * x2)))
            t3 = fmuladd(d3189_400, x5, fmuladd(c705_64, x3, fmuladd(d25_16, x1, x7)))
            s5 = fmuladd(c25_16, x8, fmuladd(d705_64, x6, fmuladd(c3189_400, x4, broadcast(np.float32(0)) - x2)))
            t5 = fmuladd(c125_64, x7, fmuladd(d3525_256, x5, fmuladd(c3189_320, x3, d5_4 * x1)))
            s7 = fmuladd(c25_4, x8, fmuladd(d945_64, x6, fmuladd(c3381_400, x4, broadcast(np.float32(0)) - x2)))
            t7 = fmuladd(c125_8, x7, fmuladd(d4725_128, x5, fmuladd(c3381_160, x3, d5_2 * x1)))
            store(y, 0 * y_step + y_at, fmuladd(d689_80, x6, fmuladd(c644721_40000, x4, fmuladd(d689_80, x2, x0 + x8))))
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, s7 + t7)
            store(y, 8 * y_step + y_at, s7 - t7)
            store(y, 9 * y_step + y_at, fmuladd(d689_80, x7, fmuladd(c644721_40000, x5, fmuladd(d689_80, x3, x1 + x9))))


def at_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c8_125 = broadcast(np.float32(8 / 125))
    c4_25 = broadcast(np.float32(4 / 25))
    c2_5 = broadcast(np.float32(2 / 5))
    c64_125 = broadcast(np.float32(64 / 125))
    c16_25 = broadcast(np.float32(16 / 25))
    c4_5 = broadcast(np.float32(4 / 5))
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
            store(y, 0 * y_step + y_at, x0 + s1 + s3 + s5 + s7)
            store(y, 1 * y_step + y_at, fmuladd(c5_2, t7, fmuladd(c5_4, t5, fmuladd(c4_5, t3, c2_5 * t1))))
            store(y, 2 * y_step + y_at, fmuladd(c25_4, s7, fmuladd(c25_16, s5, fmuladd(c16_25, s3, c4_25 * s1))))
            store(y, 3 * y_step + y_at, fmuladd(c125_8, t7, fmuladd(c125_64, t5, fmuladd(c64_125, t3, fmuladd(c8_125, t1, x9)))))


def a_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    c8_125 = broadcast(np.float32(8 / 125))
    c4_25 = broadcast(np.float32(4 / 25))
    c2_5 = broadcast(np.float32(2 / 5))
    c64_125 = broadcast(np.float32(64 / 125))
    c16_25 = broadcast(np.float32(16 / 25))
    c4_5 = broadcast(np.float32(4 / 5))
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
            s1 = fmuladd(c4_25, x2, x0)
            t1 = fmuladd(c8_125, x3, c2_5 * x1)
            s3 = fmuladd(c16_25, x2, x0)
            t3 = fmuladd(c64_125, x3, c4_5 * x1)
            s5 = fmuladd(c25_16, x2, x0)
            t5 = fmuladd(c125_64, x3, c5_4 * x1)
            s7 = fmuladd(c25_4, x2, x0)
            t7 = fmuladd(c125_8, x3, c5_2 * x1)
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, s7 + t7)
            store(y, 8 * y_step + y_at, s7 - t7)
            store(y, 9 * y_step + y_at, x3)


def g_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d312500_1024947 = broadcast(np.float32(-312500 / 1024947))
    d80000_621027 = broadcast(np.float32(-80000 / 621027))
    d125000_1024947 = broadcast(np.float32(-125000 / 1024947))
    d64000_621027 = broadcast(np.float32(-64000 / 621027))
    d51200_621027 = broadcast(np.float32(-51200 / 621027))
    d40960_621027 = broadcast(np.float32(-40960 / 621027))
    d32768_621027 = broadcast(np.float32(-32768 / 621027))
    d50000_1024947 = broadcast(np.float32(-50000 / 1024947))
    d131072_3105135 = broadcast(np.float32(-131072 / 3105135))
    d524288_15525675 = broadcast(np.float32(-524288 / 15525675))
    d20000_1024947 = broadcast(np.float32(-20000 / 1024947))
    d8000_1024947 = broadcast(np.float32(-8000 / 1024947))
    d3200_1024947 = broadcast(np.float32(-3200 / 1024947))
    d1280_1024947 = broadcast(np.float32(-1280 / 1024947))
    c2048_25623675 = broadcast(np.float32(2048 / 25623675))
    c1024_5124735 = broadcast(np.float32(1024 / 5124735))
    c512_1024947 = broadcast(np.float32(512 / 1024947))
    c1280_1024947 = broadcast(np.float32(1280 / 1024947))
    c3200_1024947 = broadcast(np.float32(3200 / 1024947))
    c8000_1024947 = broadcast(np.float32(8000 / 1024947))
    c20000_1024947 = broadcast(np.float32(20000 / 1024947))
    c40960_621027 = broadcast(np.float32(40960 / 621027))
    c51200_621027 = broadcast(np.float32(51200 / 621027))
    c64000_621027 = broadcast(np.float32(64000 / 621027))
    c80000_621027 = broadcast(np.float32(80000 / 621027))
    c100000_621027 = broadcast(np.float32(100000 / 621027))
    c125000_621027 = broadcast(np.float32(125000 / 621027))
    c156250_621027 = broadcast(np.float32(156250 / 621027))
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
            s1 = fmuladd(d1280_1024947, x6, fmuladd(d8000_1024947, x4, fmuladd(d50000_1024947, x2, d312500_1024947 * x0)))
            t1 = fmuladd(d3200_1024947, x5, fmuladd(d20000_1024947, x3, d125000_1024947 * x1))
            s3 = fmuladd(c40960_621027, x6, fmuladd(c64000_621027, x4, fmuladd(c100000_621027, x2, c156250_621027 * x0)))
            t3 = fmuladd(c51200_621027, x5, fmuladd(c80000_621027, x3, c125000_621027 * x1))
            s5 = fmuladd(d80000_621027, x6, fmuladd(d51200_621027, x4, fmuladd(d32768_621027, x2, d524288_15525675 * x0)))
            t5 = fmuladd(d64000_621027, x5, fmuladd(d40960_621027, x3, d131072_3105135 * x1))
            s7 = fmuladd(c20000_1024947, x6, fmuladd(c3200_1024947, x4, fmuladd(c512_1024947, x2, c2048_25623675 * x0)))
            t7 = fmuladd(c8000_1024947, x5, fmuladd(c1280_1024947, x3, c1024_5124735 * x1))
            store(y, 0 * y_step + y_at, x0)
            store(y, 1 * y_step + y_at, s1 + t1)
            store(y, 2 * y_step + y_at, s1 - t1)
            store(y, 3 * y_step + y_at, s3 + t3)
            store(y, 4 * y_step + y_at, s3 - t3)
            store(y, 5 * y_step + y_at, s5 + t5)
            store(y, 6 * y_step + y_at, s5 - t5)
            store(y, 7 * y_step + y_at, s7 + t7)
            store(y, 8 * y_step + y_at, s7 - t7)
            store(y, 9 * y_step + y_at, x6)


def gt_4_7(x, x_line, x_step, y, y_line, y_step, lines, vectors):
    d312500_1024947 = broadcast(np.float32(-312500 / 1024947))
    d80000_621027 = broadcast(np.float32(-80000 / 621027))
    d125000_1024947 = broadcast(np.float32(-125000 / 1024947))
    d64000_621027 = broadcast(np.float32(-64000 / 621027))
    d51200_621027 = broadcast(np.float32(-51200 / 621027))
    d40960_621027 = broadcast(np.float32(-40960 / 621027))
    d32768_621027 = broadcast(np.float32(-32768 / 621027))
    d50000_1024947 = broadcast(np.float32(-50000 / 1024947))
    d131072_3105135 = broadcast(np.float32(-131072 / 3105135))
    d524288_15525675 = broadcast(np.float32(-524288 / 15525675))
    d20000_1024947 = broadcast(np.float32(-20000 / 1024947))
    d8000_1024947 = broadcast(np.float32(-8000 / 1024947))
    d3200_1024947 = broadcast(np.float32(-3200 / 1024947))
    d1280_1024947 = broadcast(np.float32(-1280 / 1024947))
    c2048_25623675 = broadcast(np.float32(2048 / 25623675))
    c1024_5124735 = broadcast(np.float32(1024 / 5124735))
    c512_1024947 = broadcast(np.float32(512 / 1024947))
    c1280_1024947 = broadcast(np.float32(1280 / 1024947))
    c3200_1024947 = broadcast(np.float32(3200 / 1024947))
    c8000_1024947 = broadcast(np.float32(8000 / 1024947))
    c20000_1024947 = broadcast(np.float32(20000 / 1024947))
    c40960_621027 = broadcast(np.float32(40960 / 621027))
    c51200_621027 = broadcast(np.float32(51200 / 621027))
    c64000_621027 = broadcast(np.float32(64000 / 621027))
    c80000_621027 = broadcast(np.float32(80000 / 621027))
    c100000_621027 = broadcast(np.float32(100000 / 621027))
    c125000_621027 = broadcast(np.float32(125000 / 621027))
    c156250_621027 = broadcast(np.float32(156250 / 621027))
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
            store(y, 0 * y_step + y_at, fmuladd(c2048_25623675, s7, fmuladd(d524288_15525675, s5, fmuladd(c156250_621027, s3, fmuladd(d312500_1024947, s1, x0)))))
            store(y, 1 * y_step + y_at, fmuladd(c1024_5124735, t7, fmuladd(d131072_3105135, t5, fmuladd(c125000_621027, t3, d125000_1024947 * t1))))
            store(y, 2 * y_step + y_at, fmuladd(c512_1024947, s7, fmuladd(d32768_621027, s5, fmuladd(c100000_621027, s3, d50000_1024947 * s1))))
            store(y, 3 * y_step + y_at, fmuladd(c1280_1024947, t7, fmuladd(d40960_621027, t5, fmuladd(c80000_621027, t3, d20000_1024947 * t1))))
            store(y, 4 * y_step + y_at, fmuladd(c3200_1024947, s7, fmuladd(d51200_621027, s5, fmuladd(c64000_621027, s3, d8000_1024947 * s1))))
            store(y, 5 * y_step + y_at, fmuladd(c8000_1024947, t7, fmuladd(d64000_621027, t5, fmuladd(c51200_621027, t3, d3200_1024947 * t1))))
            store(y, 6 * y_step + y_at, fmuladd(c20000_1024947, s7, fmuladd(d80000_621027, s5, fmuladd(c40960_621027, s3, fmuladd(d1280_1024947, s1, x9)))))
