"""Vectors of W floats as values in Numba code: the only file that speaks LLVM.

Numba compiles scalar Python and hopes that LLVM finds the vectors. The kernels here say what they want
instead: a `vector` is one register of W float32 (16 with AVX-512, 8 with AVX, else 4), and the functions
below work on whole vectors. Inside a function decorated with `tinygen_ops.compile.jit` they read like NumPy
on W elements:

    v = load(x, 3 * W)                                          # x[3 * W : 4 * W]
    store(x, 3 * W, fmuladd(v, v, broadcast(np.float32(1))))    # v * v + 1, written back

`x` is an address, an integer (`compile.address` of an array); offsets count floats. So one compiled kernel
serves arrays of any strides, writable or not. Nothing checks bounds: a kernel that computes a wrong offset
destroys what lies there. How such a function comes about: `@intrinsic` gets the Numba types and returns the
result's type together with a function that emits LLVM instructions through a builder `b`.

`a * b + c` is always `llvm.fmuladd`: fused where the CPU can, two instructions where it cannot. (`llvm.fma`
would be a library call for each element there: 20 times slower, measured on SSE2.)
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from tinygen_ops.compile import cpu_target

W = cpu_target().width  # floats in a vector

F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR, INTEGERS = ir.VectorType(F32, W), ir.VectorType(I32, W)
FLOAT_SIZE = 4


class VectorType(types.Type):
    """The Numba type of one vector of W float32."""

    def __init__(self) -> None:
        super().__init__(name=f"vector{W}")


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, VECTOR)


# Emitting LLVM instructions: `b` is the builder, x y z are LLVM values.


def constant(x: float) -> ir.Constant:
    """A vector with x, rounded to float32, in every place."""
    return ir.Constant(VECTOR, [float(np.float32(x))] * W)


def splat(b, x):
    """A vector with the scalar x in every place."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    one = b.insert_element(undefined, x, ir.Constant(I32, 0))
    return b.shuffle_vector(one, undefined, ir.Constant(INTEGERS, [0] * W))


def call(b, name: str, *args):
    """Call LLVM's own function `name` on vectors."""
    signature = ir.FunctionType(VECTOR, [VECTOR] * len(args))
    return b.call(cgutils.get_or_insert_function(b.module, signature, f"llvm.{name}.v{W}f32"), args)


def muladd(b, x, y, z):
    """Emit x * y + z."""
    return call(b, "fmuladd", x, y, z)


def pointer(b, address, offset, kind=F32):
    """A pointer to `kind`, `offset` floats behind the integer `address`."""
    return b.bitcast(b.gep(b.inttoptr(address, F32.as_pointer()), [offset]), kind.as_pointer())


def load_unaligned(b, where):
    """Load a vector from a pointer that is a multiple of 4 bytes only."""
    value = b.load(where)
    value.align = FLOAT_SIZE
    return value


def store_unaligned(b, value, where) -> None:
    """Store a vector to a pointer that is a multiple of 4 bytes only."""
    b.store(value, where).align = FLOAT_SIZE


def smaller(b, x, y):
    """min(x, y) in each place; y where one of them is not a number."""
    return b.select(b.fcmp_ordered("<", x, y), x, y)


def larger(b, x, y):
    """max(x, y) in each place; y where one of them is not a number."""
    return b.select(b.fcmp_ordered(">", x, y), x, y)


def horner(b, x, coefficients):
    """Polynomial in x, the highest coefficient first."""
    value = constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = muladd(b, value, x, constant(coefficient))
    return value


def emit_exp(b, x):
    """exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2; exp(r) by a polynomial of degree 7.

    Relative error at most 1.2e-7 (measured) for -87.3 <= x <= 88.3; below it gives 0, above 2.2e38, and not a
    number stays so. n is rounded by adding and taking away 1.5 * 2^23, which pushes the fraction out of the
    mantissa; 2^n is n put into the exponent's bits. Source of the coefficients: Moshier, Cephes library, expf.
    """
    number = b.fcmp_unordered("uno", x, x)
    clamped = larger(b, smaller(b, x, constant(88.3)), constant(-87.3))
    shift = constant(1.5 * 2**23)
    n = b.fsub(muladd(b, clamped, constant(1.44269504088896341), shift), shift)
    r = muladd(b, n, constant(-0.693359375), clamped)  # ln 2 in two parts, so that n * ln 2 is exact enough
    r = muladd(b, n, constant(2.12194440e-4), r)
    tail = (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
    p = muladd(b, horner(b, r, tail), b.fmul(r, r), b.fadd(r, constant(1.0)))
    exponent = b.shl(b.add(b.fptosi(n, INTEGERS), ir.Constant(INTEGERS, [127] * W)), ir.Constant(INTEGERS, [23] * W))
    value = b.select(b.fcmp_ordered("<", x, constant(-87.3)), constant(0.0), b.fmul(p, b.bitcast(exponent, VECTOR)))
    return b.select(number, x, value)


def emit_sigmoid(b, x):
    """1 / (1 + exp(-x)); relative error at most 2.0e-7 (measured) for x >= -87."""
    one = constant(1.0)
    return b.fdiv(one, b.fadd(one, emit_exp(b, b.fsub(constant(-0.0), x))))


def emit_tanh(b, x):
    """tanh(x) as an odd rational function of degree 13 over 6, one division; x clamped to +-7.905.

    Relative error at most 2.9e-7 (measured); the value stays 1.2e-7 or more below 1.
    Source of the coefficients: the float32 tanh of the Eigen library.
    """
    limit = 7.90531110763549805
    number = b.fcmp_unordered("uno", x, x)
    clamped = larger(b, smaller(b, x, constant(limit)), constant(-limit))
    square = b.fmul(clamped, clamped)
    top = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08)
    top += (1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)
    bottom = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
    value = b.fdiv(b.fmul(clamped, horner(b, square, top)), horner(b, square, bottom))
    return b.select(number, x, value)


def emit_erf(b, x):
    """erf(x) as an odd rational function of degree 13 over 8, one division; x clamped to +-4.

    Relative error at most 3.4e-7 (measured); the value stays at or below 1.
    Source of the coefficients: the float32 erf of the Eigen library.
    """
    number = b.fcmp_unordered("uno", x, x)
    clamped = larger(b, smaller(b, x, constant(4.0)), constant(-4.0))
    square = b.fmul(clamped, clamped)
    top = (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05)
    top += (-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)
    bottom = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03)
    bottom += (-1.42647390514189e-02,)
    value = b.fdiv(b.fmul(clamped, horner(b, square, top)), horner(b, square, bottom))
    bounded = larger(b, smaller(b, value, constant(1.0)), constant(-1.0))
    return b.select(number, x, bounded)


# Functions for kernels.


@intrinsic
def load(typingctx, base, offset):
    """The W floats that begin `offset` floats behind address `base`."""

    def codegen(context, b, signature, args):
        return load_unaligned(b, pointer(b, *args, kind=VECTOR))

    return vector(types.int64, types.int64), codegen


@intrinsic
def store(typingctx, base, offset, value):
    """Write a vector `offset` floats behind address `base`."""

    def codegen(context, b, signature, args):
        store_unaligned(b, args[2], pointer(b, *args[:2], kind=VECTOR))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, vector), codegen


@intrinsic
def stream(typingctx, base, offset, value):
    """Write a vector to an address that is a multiple of its size, past the caches; see `settle`."""

    def codegen(context, b, signature, args):
        instruction = b.store(args[2], pointer(b, *args[:2], kind=VECTOR))
        instruction.align = FLOAT_SIZE * W
        instruction.set_metadata("nontemporal", b.module.add_metadata([ir.Constant(I32, 1)]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, vector), codegen


@intrinsic
def settle(typingctx):
    """Wait until other threads can read what was written, also what was streamed."""

    def codegen(context, b, signature, args):
        b.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def take(typingctx, counter):
    """Return the first number of an array of int64 and add 1 to it; no other thread comes between the two."""

    def codegen(context, b, signature, args):
        first = context.make_array(signature.args[0])(context, b, args[0]).data
        return b.atomic_rmw("add", first, ir.Constant(I64, 1), "monotonic")

    return types.int64(counter), codegen


@intrinsic
def load_float(typingctx, base, offset):
    """The one float `offset` floats behind address `base`."""

    def codegen(context, b, signature, args):
        return b.load(pointer(b, *args))

    return types.float32(types.int64, types.int64), codegen


@intrinsic
def load_int(typingctx, base, offset):
    """The int64 that stands `offset` places of 8 bytes behind address `base`."""

    def codegen(context, b, signature, args):
        return b.load(b.gep(b.inttoptr(args[0], I64.as_pointer()), [args[1]]))

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def store_float(typingctx, base, offset, value):
    """Write one float `offset` floats behind address `base`."""

    def codegen(context, b, signature, args):
        b.store(args[2], pointer(b, *args[:2]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), codegen


@intrinsic
def transpose(typingctx, base, step, to, to_step):
    """Write the transpose of the W x W floats at address `base`, whose rows are `step` floats apart, to address `to`.

    In halves: of each pair of blocks of a row the second changes places with the first one of as many rows below; then
    the same in blocks half as large. W loads, W log2(W) shuffles, W stores.
    """

    def codegen(context, b, signature, args):
        base, step, to, to_step = args
        at = [ir.Constant(I64, i) for i in range(W)]
        rows = [load_unaligned(b, pointer(b, base, b.mul(step, i), VECTOR)) for i in at]
        half = W // 2
        while half:
            # places of the upper row are numbered from 0, those of the lower one from W
            above = ir.Constant(INTEGERS, [j if not j & half else W + j - half for j in range(W)])
            below = ir.Constant(INTEGERS, [j + half if not j & half else W + j for j in range(W)])
            for i in range(W):
                if not i & half:
                    pair = rows[i], rows[i + half]
                    rows[i], rows[i + half] = b.shuffle_vector(*pair, above), b.shuffle_vector(*pair, below)
            half //= 2
        for i, row in zip(at, rows, strict=True):
            store_unaligned(b, row, pointer(b, to, b.mul(to_step, i), VECTOR))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def prefetch(typingctx, base, offset):
    """Ask for the line of the cache with the float `offset` floats behind address `base`; any address will do."""

    def codegen(context, b, signature, args):
        bytes_ = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [bytes_, I32, I32, I32])
        function = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0i8")
        # to be read (0), into the first-level cache (3), as data (1)
        b.call(function, [b.bitcast(pointer(b, *args), bytes_), *(ir.Constant(I32, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def call_address(typingctx, function, arguments):
    """Call the compiled function at the address `function` with a tuple of int64, for its effects.

    LLVM cannot look behind an address, so what is called so is compiled once, by itself, and not once more in every
    kernel that uses it (`tiles.py`).
    """

    def codegen(context, b, signature, args):
        count = len(signature.args[1])
        kind = ir.FunctionType(ir.VoidType(), [I64] * count)
        b.call(b.inttoptr(args[0], kind.as_pointer()), cgutils.unpack_tuple(b, args[1], count))
        return context.get_dummy_value()

    return types.void(types.int64, arguments), codegen


@intrinsic
def broadcast(typingctx, x):
    """A vector with the float32 x in every place."""

    def codegen(context, b, signature, args):
        return splat(b, args[0])

    return vector(types.float32), codegen


@intrinsic
def fmuladd(typingctx, x, y, z):
    """Compute x * y + z, rounded once where the CPU can fuse it."""

    def codegen(context, b, signature, args):
        return muladd(b, *args)

    return vector(vector, vector, vector), codegen


@intrinsic
def select_less(typingctx, x, y, if_less, otherwise):
    """In each place `if_less` where x < y, else `otherwise`."""

    def codegen(context, b, signature, args):
        return b.select(b.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return vector(vector, vector, vector, vector), codegen


def _horizontal(name: str, emit, doc: str):
    """A function from one vector to one float."""

    @intrinsic
    def function(typingctx, x):
        def codegen(context, b, signature, args):
            value = args[0]
            width = W
            while width > 1:  # fold the upper half onto the lower: a fixed order, the same on every machine of width W
                width //= 2
                lower = ir.Constant(ir.VectorType(I32, width), list(range(width)))
                upper = ir.Constant(ir.VectorType(I32, width), list(range(width, 2 * width)))
                undefined = ir.Constant(value.type, ir.Undefined)
                low, high = (
                    b.shuffle_vector(value, undefined, lower),
                    b.shuffle_vector(value, undefined, upper),
                )
                value = emit(b, low, high)
            return b.extract_element(value, ir.Constant(I32, 0))

        return types.float32(vector), codegen

    function.__doc__ = doc
    return function


def _unary(emit, doc: str):
    """A function from vector to vector."""

    @intrinsic
    def function(typingctx, x):
        def codegen(context, b, signature, args):
            return emit(b, args[0])

        return vector(vector), codegen

    function.__doc__ = doc
    return function


def _binary(emit, doc: str):
    """A function from two vectors to one."""

    @intrinsic
    def function(typingctx, x, y):
        def codegen(context, b, signature, args):
            return emit(b, args[0], args[1])

        return vector(vector, vector), codegen

    function.__doc__ = doc
    return function


exp = _unary(emit_exp, emit_exp.__doc__)
sigmoid = _unary(emit_sigmoid, emit_sigmoid.__doc__)
tanh = _unary(emit_tanh, emit_tanh.__doc__)
erf = _unary(emit_erf, emit_erf.__doc__)
sqrt = _unary(lambda b, x: call(b, "sqrt", x), "Square root, correctly rounded.")
maximum = _binary(larger, larger.__doc__)
minimum = _binary(smaller, smaller.__doc__)
total = _horizontal("total", lambda b, x, y: b.fadd(x, y), "Sum of the W elements.")
largest = _horizontal("largest", larger, "Largest of the W elements.")


def _operator(symbol, instruction: str) -> None:
    """Give vectors one of Python's operators."""
    function = _binary(lambda b, x, y: getattr(b, instruction)(x, y), f"Element by element {instruction}.")

    @overload(symbol)
    def typed(x, y):
        if isinstance(x, VectorType) and isinstance(y, VectorType):
            return lambda x, y: function(x, y)
        return None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)

_negative = _unary(lambda b, x: b.fneg(x), "-x.")


@overload(operator.neg)
def _negated(x):
    return (lambda x: _negative(x)) if isinstance(x, VectorType) else None


def tile_functions(rows: int, vectors: int):
    """Make functions on a tile: `rows` x `vectors` * W floats held in registers, as a tuple of vectors.

    It is the heart of a matrix product: `tile_add_outer` adds a column of `rows` numbers times a row of
    `vectors` vectors, so each number loaded is used `vectors` times and each vector `rows` times. rows *
    vectors + vectors + 1 registers are needed: 32 are there with AVX-512, 16 otherwise.

    Returns:
        tile_zeros(): the tile of zeros.
        tile_add_outer(tile, a, a_step, b, b_step): tile + a[i * a_step] * b[v * b_step + (0 to W - 1)].
        tile_store(tile, base, row_step, vector_step): write it to memory, steps in floats.
        tile_add_to(tile, base, row_step, vector_step): add it to what stands there.
    """
    tile_type = types.UniTuple(vector, rows * vectors)

    def at(b, base, i, row_step, v, vector_step):
        offset = b.add(b.mul(row_step, ir.Constant(I64, i)), b.mul(vector_step, ir.Constant(I64, v)))
        return pointer(b, base, offset, VECTOR)

    @intrinsic
    def tile_zeros(typingctx):
        def codegen(context, b, signature, args):
            return context.make_tuple(b, tile_type, [constant(0.0)] * len(tile_type))

        return tile_type(), codegen

    @intrinsic
    def tile_add_outer(typingctx, tile, a, a_step, b_base, b_step):
        def codegen(context, b, signature, args):
            tile, a, a_step, b_base, b_step = args
            values, zero = cgutils.unpack_tuple(b, tile, len(tile_type)), ir.Constant(I64, 0)
            row = [load_unaligned(b, at(b, b_base, 0, zero, v, b_step)) for v in range(vectors)]
            for i in range(rows):
                x = splat(b, b.load(pointer(b, a, b.mul(a_step, ir.Constant(I64, i)))))
                for v in range(vectors):
                    values[i * vectors + v] = muladd(b, x, row[v], values[i * vectors + v])
            return context.make_tuple(b, tile_type, values)

        return tile_type(tile_type, types.int64, types.int64, types.int64, types.int64), codegen

    def writer(add):
        @intrinsic
        def write(typingctx, tile, base, row_step, vector_step):
            def codegen(context, b, signature, args):
                tile, base, row_step, vector_step = args
                for k in range(rows * vectors):
                    to = at(b, base, k // vectors, row_step, k % vectors, vector_step)
                    value = b.extract_value(tile, k)
                    store_unaligned(b, b.fadd(load_unaligned(b, to), value) if add else value, to)
                return context.get_dummy_value()

            return types.void(tile_type, types.int64, types.int64, types.int64), codegen

        return write

    return tile_zeros, tile_add_outer, writer(add=False), writer(add=True)
