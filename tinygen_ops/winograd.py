"""The matrices of Winograd's convolution, in exact fractions: the kernels' generated code comes from here.

F(m, r) computes m neighbouring outputs of a convolution with r kernel places from n = m + r - 1 inputs by n
multiplications, where the sum itself takes m r:

    y = A^T ((G w) * (B^T x))                x (n), w (r), y (m); * is element by element

It is polynomial multiplication read backwards (Cook, Toom): two polynomials of m and r coefficients are known by
their values at n points, and the product of these values is the product's value. Its transpose is the convolution
above. In two dimensions each matrix is applied along both axes.

Any points do, in exact numbers; in float32 they decide how much is rounded. Good ones are small numbers and their
inverses, in pairs of opposite sign (which also saves additions, see generate.py); the last one is infinity. Those here
are the best found among fractions of numbers up to 7, by the error of 64 channels of random numbers: F(4, 3) on 0,
+-2/3, +-3/2 has a root mean square error of 5.3e-7, on the usual 0, +-1, +-2 it has 1.1e-6
(`benchmarks/winograd_points.py`).

Sources: Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, Fast algorithms for convolutional
neural networks, CVPR 2016 (with the points 0, +-1, +-2 for F(4, 3)); Barabasz, Anderson, Soodhalter and Gregg, Error
analysis and improving the accuracy of Winograd convolution for deep neural networks, ACM TOMS 2020 (points by search).
"""

import math
from fractions import Fraction

__all__ = ["POINTS", "matrices"]

Matrix = list[list[Fraction]]


def _pairs(*points: str) -> list[Fraction]:
    """Zero, and each point with both signs."""
    return [Fraction(0), *(sign * Fraction(p) for p in points for sign in (1, -1))]


POINTS: dict[tuple[int, int], list[Fraction]] = {
    (2, 2): [Fraction(0), Fraction(1)],
    (3, 2): _pairs("1"),
    (4, 2): [*map(Fraction, ("0", "1", "-2", "-1/2"))],
    (5, 2): _pairs("2/3", "3/2"),
    (2, 3): _pairs("1"),
    (4, 3): _pairs("2/3", "3/2"),
    (2, 5): _pairs("2/3", "3/2"),
    (4, 5): _pairs("1", "2", "1/2"),
    (4, 7): _pairs("2/5", "4/5", "5/4", "5/2"),
}


def matrices(m: int, r: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return A^T (m, n), G (n, r) and B^T (n, n) of F(m, r).

    With points a_i, and L_i(t) the product of (t - a_q) over all other points q:
    A^T_ji = a_i^j;  G_ik = a_i^k / L_i(a_i);  row i of B^T holds the coefficients of L_i. For the point at infinity:
    the last unit vectors, and the coefficients of the product over all points.

    Column i of A^T and row i of B^T are then multiplied by numbers that make all their entries exact in float32, and
    row i of G divided by both. An entry that is rounded, as 2/3 is, is wrong in the same direction for every patch:
    what F(4, 3) computed was too large by 4.7e-8, and the loss of eight layers by 9e-7. Only G, which meets nothing but
    weights, has entries that float32 lacks; generate.py multiplies by those in two parts.
    """
    points = POINTS[m, r]
    n = m + r - 1
    columns, g, bt = [], [], []
    for i, p in enumerate(points):
        row = [*_product(points[:i] + points[i + 1 :]), Fraction(0)]
        value = sum(c * p**k for k, c in enumerate(row))
        column = [p**j for j in range(m)]
        a, b = exact_scale(column), exact_scale(row)
        columns.append([a * c for c in column])
        bt.append([b * c for c in row])
        g.append([p**k / value / (a * b) for k in range(r)])
    row = _product(points)
    b = exact_scale(row)
    columns.append([Fraction(int(j == m - 1)) for j in range(m)])
    bt.append([b * c for c in row])
    g.append([Fraction(int(k == r - 1)) / b for k in range(r)])
    assert len(bt) == n
    return [list(row) for row in zip(*columns, strict=True)], g, bt


def exact_scale(numbers: list[Fraction]) -> Fraction:
    """Return by what to multiply numbers so that their denominators are powers of two, and many of them 1 or -1.

    For 1, -97/36, 1 it is 9/8: their odd denominators go away, and a power of two keeps them near 1.
    """
    numbers = [abs(c) for c in numbers if c]
    scale = Fraction(_odd(math.lcm(*(c.denominator for c in numbers))), _odd(math.gcd(*(c.numerator for c in numbers))))
    powers = sorted((Fraction(2) ** k for k in range(-16, 17)), key=lambda power: abs(math.log(power * scale)))
    return max((power * scale for power in powers), key=lambda each: sum(each * c == 1 for c in numbers))


def _odd(n: int) -> int:
    """The largest odd divisor."""
    return n // (n & -n)


def _product(roots: list[Fraction]) -> list[Fraction]:
    """The coefficients of the product of (t - root), the constant one first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(-root * c for c in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients
