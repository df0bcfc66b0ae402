"""Distances between two sets of points: how far apart are the distributions that they were drawn from?

Points are rows, (N, D). For pictures they are features (:mod:`tinygen.quality.features`). All sums are in float64.
"""

from __future__ import annotations

import numpy as np

from tinygen.random import Generator

BLOCK = 1024  # rows at a time: a block of a kernel matrix takes 8 MB


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the squared Fréchet distance of two normal distributions with the means and covariances of the sets.

        d = |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    With A the points less their mean, over the root of N - 1, S_a = A'A, and likewise B. The trace of the root is the
    sum of the singular values of A B', and that of a set's own S the sum of A's squared numbers. So S is never formed,
    and no root is taken of numbers that rounding has made negative: singular covariances (N <= D) need no care.

    Too large for few points, by an amount that falls about as 1/N: compare values of the same N only.

    Args:
        a: (N, D) floating, N at least 2.
        b: (M, D) floating, M at least 2.

    Returns:
        The distance, at least 0, in squared units of the points.

    Raises:
        ValueError: if the sets do not fit each other, are too small, or hold NaN or infinities.

    Source: M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"
    (2017), equation 6. D. C. Dowson and B. V. Landau (1982).
    """
    a, b = _checked(a, b, least=2)
    mean_a, mean_b = a.mean(0, dtype=np.float64), b.mean(0, dtype=np.float64)
    root_a, root_b = _root(a, mean_a), _root(b, mean_b)
    # |m|^2 + |A|^2 + |B|^2 - 2 tr(root); with equal sets a difference of equal numbers
    cross = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + (root_a**2).sum() + (root_b**2).sum() - 2 * cross
    return max(float(distance), 0.0)


def _root(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """R with R'R = the covariance of x, (at most D, D): that of a QR decomposition, block by block."""
    root = np.empty((0, x.shape[1]))
    for start in range(0, len(x), BLOCK):
        root = np.linalg.qr(np.concatenate([root, x[start : start + BLOCK] - mean]), mode="r")
    return root / np.sqrt(len(x) - 1)


def squared_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy with the kernel k(x, y) = (x.y / D + 1)^3.

        mean over i != j of k(a_i, a_j)  +  mean over i != j of k(b_i, b_j)  -  2 mean over i, j of k(a_i, b_j)

    Its mean over all draws is 0 if and only if the two distributions agree in their moments up to the third; a single
    value may be negative.

    Args:
        a: (N, D) floating, N at least 2.
        b: (M, D) floating, M at least 2.

    Raises:
        ValueError: as :func:`frechet_distance`.

    Source: A. Gretton et al., "A Kernel Two-Sample Test" (2012), equation 3. M. Bińkowski et al., "Demystifying MMD
    GANs" (2018), section 4.2 (the kernel).
    """
    a, b = _checked(a, b, least=2)
    within = sum((_kernel_sum(x, x) - _kernel_diagonal(x)) / (len(x) * (len(x) - 1)) for x in (a, b))
    return float(within - 2 * _kernel_sum(a, b) / (len(a) * len(b)))


def kernel_distance(
    a: np.ndarray, b: np.ndarray, subsets: int = 10, generator: Generator | None = None
) -> tuple[float, float]:
    """Return the mean of :func:`squared_mmd` over random subsets, and its standard error.

    Both sets are shuffled and dealt out into ``subsets`` parts, so that no point is in two. Each part gives an estimate
    of its own; they are independent, so the error counts the chance in the draw of all these points. (Subsets that
    overlap, as the source has them, agree with one another because they share points, and their spread says less.)

    Args:
        a: (N, D) floating, N at least 2 ``subsets``.
        b: (M, D) floating, M at least 2 ``subsets``.
        subsets: k, at least 2; parts have N // k and M // k points.
        generator: what shuffles; None: ``Generator(0)``.

    Returns:
        (mean, standard error): the estimates' standard deviation over the root of k.

    Raises:
        ValueError: as :func:`frechet_distance`, or if ``subsets`` is too small.

    Source: M. Bińkowski et al., "Demystifying MMD GANs" (2018), section 4.3: KID.
    """
    if subsets < 2:
        raise ValueError(f"`subsets` is {subsets}; it must be at least 2")
    a, b = _checked(a, b, least=2 * subsets)
    generator = generator or Generator(0)
    parts = [generator.permutation(len(x))[: len(x) // subsets * subsets].reshape(subsets, -1) for x in (a, b)]
    found = np.array([squared_mmd(a[i], b[j]) for i, j in zip(*parts, strict=True)])
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(subsets))


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of k(x_i, y_j) over all i and j, a block of the matrix at a time."""
    total, columns = 0.0, [y[j : j + BLOCK].astype(np.float64) for j in range(0, len(y), BLOCK)]
    for i in range(0, len(x), BLOCK):
        rows = x[i : i + BLOCK].astype(np.float64) / x.shape[1]
        total += sum(_cubed(rows @ part.T).sum() for part in columns)
    return total


def _kernel_diagonal(x: np.ndarray) -> float:
    """The sum of k(x_i, x_i)."""
    return _cubed(np.einsum("id,id->i", x, x, dtype=np.float64) / x.shape[1]).sum()


def _cubed(products: np.ndarray) -> np.ndarray:
    products += 1
    return products * products * products  # p**3 takes 6 times as long


def _checked(a: np.ndarray, b: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a), np.asarray(b)
    for name, x in (("a", a), ("b", b)):
        if x.ndim != 2 or x.dtype.kind != "f" or len(x) < least or not x.shape[1]:
            wanted = f"floating (N, D), N at least {least}"
            raise ValueError(f"`{name}` is {x.dtype} of shape {x.shape}; it must be {wanted}")
        if not np.isfinite(x).all():
            raise ValueError(f"`{name}` holds NaN or infinities")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"`a` has {a.shape[1]} features and `b` {b.shape[1]}; they must have the same")
    return a, b
