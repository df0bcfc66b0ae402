"""Writes the parts of kernels that only differ in numbers: ``python -m tinygen_ops.generate``.

Numba keeps compiled code on disk for functions that stand in a file, not for those made while a program runs. So
these stand in files, and a test writes them again and compares.
"""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from tinygen_ops.winograd import POINTS, matrices

HERE = Path(__file__).parent
LONGEST = 8  # rows of the largest tile: what the 32 registers of AVX-512 hold at two vectors a row, and then some

TILES = '''"""Tiles of a matrix product, each compiled by itself. Written by generate.py; do not edit.

A tile is a few rows i and one or two vectors j of c; addresses, and steps in floats.

tile: c_ij = sum over m, k of a_imk b_mkj, or with `add` c_ij += that sum.
run: the same for `count` tiles one below the other, where rows of a and the whole of b are contiguous. Each sum over k
is made in registers and then added to c: a long sum is one of partial sums, and rounds less.
"""

from tinygen_ops.simd import W, tile_functions
'''

TILE = """

_zeros_{v}_{r}, _add_outer_{v}_{r}, _store_{v}_{r}, _add_to_{v}_{r} = tile_functions({r}, {v})


def tile_{v}_{r}(a, a_row, a_m, a_k, b, b_m, b_k, c, c_row, outer, depth, add):
    tile = _zeros_{v}_{r}()
    for m in range(outer):
        left, right = a + 4 * m * a_m, b + 4 * m * b_m
        for k in range(depth):
            tile = _add_outer_{v}_{r}(tile, left + 4 * k * a_k, a_row, right + 4 * k * b_k, W)
    if add:
        _add_to_{v}_{r}(tile, c, c_row, W)
    else:
        _store_{v}_{r}(tile, c, c_row, W)


def run_{v}_{r}(a, a_row, b, c, c_row, outer, depth, add, count):
    for i in range(count):
        left, right, to, more = a + 4 * i * {r} * a_row, b, c + 4 * i * {r} * c_row, add
        for _part in range(outer):
            tile = _zeros_{v}_{r}()
            for _pair in range(depth // 2):
                tile = _add_outer_{v}_{r}(tile, left, a_row, right, W)
                tile = _add_outer_{v}_{r}(tile, left + 4, a_row, right + 4 * {v} * W, W)
                left, right = left + 8, right + 8 * {v} * W
            if depth % 2:
                tile = _add_outer_{v}_{r}(tile, left, a_row, right, W)
                left, right = left + 4, right + 4 * {v} * W
            if more:
                _add_to_{v}_{r}(tile, to, c_row, W)
            else:
                _store_{v}_{r}(tile, to, c_row, W)
            more = 1
"""


def tiles() -> str:
    """Return the source of tiles_generated.py."""
    return TILES + "".join(TILE.format(v=v, r=r) for v in (1, 2) for r in range(1, LONGEST + 1))


MAPS = '''"""Winograd's matrices as straight code on vectors. Written by generate.py; do not edit.

Each function multiplies one matrix into columns of vectors, line by line: y_i = sum over k of M_ik x_k, with x_k at
x + 4 (line x_line + k x_step + j), y_i at y + 4 (line y_line + i y_step + j), j from 0 to `vectors` W. Their names say
which matrix of which F(m, r), see winograd.py.
"""

import numpy as np

from tinygen_ops.simd import W, broadcast, fmuladd, load, store
'''


def maps() -> str:
    """Return the source of winograd_generated.py."""
    parts = [MAPS]
    for m, r in POINTS:
        at, g, bt = matrices(m, r)
        for name, matrix in (("bt", bt), ("at", at), ("a", transposed(at)), ("g", g), ("gt", transposed(g))):
            parts.append("\n".join(_map(f"{name}_{m}_{r}", matrix)))
    return "\n".join(parts) + "\n"


def transposed(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Rows and columns exchanged."""
    return [list(column) for column in zip(*matrix, strict=True)]


def _map(name: str, matrix: list[list[Fraction]]) -> Iterator[str]:
    """Yield the lines of one function; +1 and -1 take no multiplication, equal factors one broadcast.

    Points of opposite sign make pairs of rows that agree but for the signs of some entries: then the sums over equal
    and over opposite entries are made once, and added and subtracted. Or pairs of columns: then the inputs are. Where
    one of the two sums has no entry that is 1, a factor is left to that last addition, which multiplies for nothing.

    Entries that float32 lacks come in rows (of G^T in columns) of multiples of one number: what is multiplied by that
    is multiplied by its rounded value and by what was rounded away.
    """
    by_column = name.startswith("gt")
    factors, matrix = _factored(transposed(matrix) if by_column else matrix)
    matrix = transposed(matrix) if by_column else matrix
    inputs, lines = [f"x{k}" for k in range(len(matrix[0]))], []
    if by_column:
        for k, factor in enumerate(factors):
            if factor != 1:
                inputs[k] = f"u{k}"
                lines.append(f"u{k} = {_times(factor, f'x{k}')}")
    rows = _pairs(matrix)
    columns = {} if rows else _pairs(transposed(matrix))
    matrix = [list(row) for row in matrix]
    for i, j in columns.items():
        lines += [f"s{i} = {inputs[i]} + {inputs[j]}", f"t{i} = {inputs[i]} - {inputs[j]}"]
        inputs[i], inputs[j] = f"s{i}", f"t{i}"
        for row in matrix:
            row[i], row[j] = (row[i], Fraction(0)) if row[i] == row[j] else (Fraction(0), row[i])
    sums, used = [_sum(row, inputs) for row in matrix], set(itertools.chain(*matrix))
    for i, j in rows.items():
        same = [a if a == b else Fraction(0) for a, b in zip(matrix[i], matrix[j], strict=True)]
        opposite = [a - b for a, b in zip(matrix[i], same, strict=True)]
        if (c := _divisor(opposite)) != 1:
            opposite = [b / c for b in opposite]
            sums[i], sums[j] = f"fmuladd({_name(c)}, t{i}, s{i})", f"fmuladd({_name(-c)}, t{i}, s{i})"
        elif (c := _divisor(same)) != 1:
            same = [a / c for a in same]
            sums[i], sums[j] = f"fmuladd({_name(c)}, s{i}, t{i})", f"fmuladd({_name(c)}, s{i}, -t{i})"
        else:
            sums[i], sums[j] = f"s{i} + t{i}", f"s{i} - t{i}"
        used |= {c, -c}
        lines += [f"s{i} = {_sum(same, inputs)}", f"t{i} = {_sum(opposite, inputs)}"]
        used |= {*same, *opposite}
    for i, factor in enumerate(factors):
        if factor != 1 and not by_column:
            if not sums[i].isidentifier():
                lines.append(f"u{i} = {sums[i]}")
                sums[i] = f"u{i}"
            sums[i] = _times(factor, sums[i])
    lines += [f"store(y, {i} * y_step + y_at, {text})" for i, text in enumerate(sums)]
    body = "\n".join(lines)
    yield f"\n\ndef {name}(x, x_line, x_step, y, y_line, y_step, lines, vectors):"
    for c in sorted(used):
        if f"{_name(c)} *" in body or f"({_name(c)}," in body:
            yield f"    {_name(c)} = broadcast(np.float32({_exact(c)}))"
    for c in sorted(set(factors) - {Fraction(1)}):
        yield f"    h{_name(c)} = broadcast(np.float32({_exact(c)}))"
        yield f"    l{_name(c)} = broadcast(np.float32({_exact(c)} - np.float64(np.float32({_exact(c)}))))"
    yield "    for line in range(lines):"
    yield "        for j in range(0, vectors * W, W):"
    yield "            x_at, y_at = line * x_line + j, line * y_line + j"
    for k in range(len(matrix[0])):
        yield f"            x{k} = load(x, {k} * x_step + x_at)"
    for line in lines:
        yield f"            {line}"


def _factored(rows: list[list[Fraction]]) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Write each row as a number times a row that float32 can hold: (the numbers, the rows)."""
    factors = [Fraction(1) if all(map(is_exact, row)) else _common(row) for row in rows]
    return factors, [[c / factor for c in row] for factor, row in zip(factors, rows, strict=True)]


def _common(row: list[Fraction]) -> Fraction:
    """The largest number of which all in the row are whole multiples."""
    bottom = math.lcm(*(c.denominator for c in row))
    return Fraction(math.gcd(*(int(c * bottom) for c in row)), bottom)


def is_exact(c: Fraction) -> bool:
    """Whether float32 holds a number without rounding it."""
    return Fraction(float(np.float32(float(c)))) == c


def _times(c: Fraction, x: str) -> str:
    """A product with a number that float32 lacks, in two parts: rounded and what was rounded away."""
    return f"fmuladd(h{_name(c)}, {x}, l{_name(c)} * {x})"


def _pairs(rows: list[list[Fraction]]) -> dict[int, int]:
    """Find rows that agree but for the signs of some of their entries, and not of all: first -> second."""
    found: dict[int, int] = {}
    for i, j in itertools.combinations(range(len(rows)), 2):
        both = [(a, b) for a, b in zip(rows[i], rows[j], strict=True) if a or b]
        if i in found or j in found.values() or any(abs(a) != abs(b) for a, b in both):
            continue
        if len({a == b for a, b in both}) == 2:
            found[i] = j
    return found


def _divisor(row: list[Fraction]) -> Fraction:
    """By what to divide a row so that an entry becomes 1 and all others are exact; 1 where one is already, or none."""
    entries = [c for c in row if c]
    if any(abs(c) == 1 for c in entries):
        return Fraction(1)
    return next((c for c in reversed(entries) if all(is_exact(other / c) for other in entries)), Fraction(1))


def _sum(row: list[Fraction], inputs: list[str]) -> str:
    """A sum of products as an expression: the terms with factor 1 first."""
    terms = sorted(((c, k) for k, c in enumerate(row) if c), key=lambda term: (term[0] != 1, term[0] != -1, term[1]))
    text = ""
    for c, k in terms:
        x = inputs[k]
        if not text:
            text = x if c == 1 else f"{_name(c)} * {x}" if c != -1 else f"-{x}"
        elif abs(c) == 1:
            text = f"{text} {'+' if c > 0 else '-'} {x}"
        else:
            text = f"fmuladd({_name(c)}, {x}, {text})"
    return text or "broadcast(np.float32(0))"


def _name(c: Fraction) -> str:
    """A name for a number, such as c3_2 for 3/2 and d3_2 for -3/2."""
    return f"{'c' if c > 0 else 'd'}{abs(c.numerator)}" + (f"_{c.denominator}" if c.denominator > 1 else "")


def _exact(c: Fraction) -> str:
    return str(c.numerator) if c.denominator == 1 else f"{c.numerator} / {c.denominator}"


FILES = {"tiles_generated.py": tiles, "winograd_generated.py": maps}

if __name__ == "__main__":
    for name, make in FILES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
