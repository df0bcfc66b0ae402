"""The cache of compiled kernels, what is said while compiling, threads, and other CPUs; each in its own process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygen_ops
from tinygen_ops import machine, numba_problem

pytestmark = pytest.mark.skipif(bool(numba_problem()), reason=numba_problem() or "Numba works")

ONE_KERNEL = """
import numpy as np, tinygen_ops as ops
y = ops.softmax(np.zeros((2, 64), np.float32))
assert abs(y - 1 / 64).max() < 1e-8
from tinygen_ops import softmax_numba
stats = softmax_numba._softmax.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), ops.machine().cache_folder)
"""


def run(code, **env):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "TINYGEN_"))}
    env = {name: str(value) for name, value in env.items()}
    folder = env.get("PYTHONPATH")  # -c puts the current folder first in the search path
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env={**kept, **env}, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that a test may edit, and the settings to run it with."""
    shutil.copytree(Path(tinygen_ops.__file__).parent, tmp_path / "tinygen_ops", ignore=lambda *_: ["__pycache__"])
    return tmp_path / "tinygen_ops", {"PYTHONPATH": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache"}


def test_the_second_process_loads_from_the_cache_silently_and_an_edit_compiles_anew(copy):
    package, env = copy
    first = run(ONE_KERNEL, **env)
    assert first.stdout.startswith("0 1")
    assert first.stderr.count("compiling CPU kernels for this machine (first run only)") == 1
    assert first.stderr.count("tinygen: compiled CPU kernels in") == 1
    second = run(ONE_KERNEL, **env)
    assert second.stdout.startswith("1 0")
    assert second.stderr == ""
    # Numba's own stamp covers softmax_numba.py only; an edit of what it calls into must count too.
    simd = package / "simd.py"
    simd.write_text(simd.read_text().replace("constant(1.4426950408", "constant(1.4426950409"))
    third = run(ONE_KERNEL, **env, TINYGEN_QUIET="1")
    assert third.stdout.startswith("0 1")
    assert third.stderr == ""


def test_a_damaged_cache_is_compiled_over(copy):
    _, env = copy
    run(ONE_KERNEL, **env)
    files = list(Path(env["NUMBA_CACHE_DIR"]).rglob("*_softmax*.nbc"))
    assert files
    for file in files:
        file.write_bytes(b"")
    assert run(ONE_KERNEL, **env).stdout.startswith("0 1")
    assert run(ONE_KERNEL, **env).stdout.startswith("1 0")


def test_without_any_writable_place_kernels_compile_uncached(copy):
    package, env = copy
    if os.geteuid() == 0:  # root writes anywhere: put files where the folders would have to be
        (package / "__pycache__").write_text("")
        home = package.parent / "home"
        home.write_text("")
    else:
        home = package.parent / "home"
        home.mkdir(mode=0o500)
        package.chmod(0o500)
    unwritable = {"PYTHONPATH": env["PYTHONPATH"], "HOME": home, "XDG_CACHE_HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        out = run(ONE_KERNEL, **unwritable).stdout
    finally:
        package.chmod(0o700)
    assert out.startswith("0 1") or out.startswith("0 0")  # without a cache Numba does not count
    assert "(cannot cache function" in out


def test_the_threading_layer_is_omp_unless_the_user_chose():
    code = "import tinygen_ops as ops; ops.machine(); import numba; print(numba.config.THREADING_LAYER_PRIORITY)"
    assert run(code).stdout.startswith("['omp'")
    assert run(code, NUMBA_THREADING_LAYER_PRIORITY="workqueue omp tbb").stdout.startswith("['workqueue'")
    layer = run(ONE_KERNEL + "print(ops.machine().threading_layer)", NUMBA_THREADING_LAYER="workqueue").stdout
    assert layer.split()[-1] == "workqueue"
    assert machine().threads >= 1


EVERY_KERNEL = """
import hashlib, numpy as np, tinygen_ops as ops
rng = np.random.default_rng(5)
f = lambda *shape, scale=0.5: (rng.standard_normal(shape) * scale).astype(np.float32)
T, N, H, V = 3, 37, 48, 19
table, index, w, h0, c0 = f(V, 4 * H), rng.integers(0, V, (T, N)), f(4 * H, H, scale=0.2), f(N, H), f(N, H)
results = []
def check(kernel, *args, tolerance=2e-5, **kwargs):
    got = kernel(*args, **kwargs)
    wide = [a.astype(np.float64) if getattr(a, "dtype", None) == np.float32 else a for a in args]
    exact = kernel.reference(*wide, **kwargs)
    for g, e in zip(*((x,) if isinstance(x, np.ndarray) else x for x in (got, exact))):
        assert np.isfinite(g).all() and abs(g - e).max() <= tolerance * max(1, abs(e).max()), (kernel, abs(g - e).max())
        results.append(g)
    return got
h, c, gates = check(ops.lstm_forward, table, index, h0, c0, w)
check(ops.lstm_backward, w, index, V, gates, c, h, f(T, N, H), f(N, H), f(N, H))
check(ops.lstm_backward, w, None, T * N, gates, c, h, f(T, N, H))
table, w = f(V, 3 * H), f(3 * H, H, scale=0.2)
h, gates = check(ops.gru_forward, table, index, h0, w, f(3 * H))
check(ops.gru_backward, w, index, V, gates, h, f(T, N, H), f(N, H))
check(ops.gru_backward, w, None, T * N, gates, h, f(T, N, H))
table, w = f(V, 4 * H), f(4 * H, H, scale=0.2)
logits = check(ops.matmul, f(150, 131), f(131, 57))
check(ops.matmul, f(300, 64).T, f(57, 300).T)
check(ops.cross_entropy_forward, logits, rng.integers(0, 57, 150))
check(ops.softmax, logits)
check(ops.log_softmax, logits)
one = (f(1, H), f(1, H), 3, rng.random(30))
tokens = ops.lstm_sample([(table, w)], f(V, H), f(V), *one, top_k=9, top_p=0.9)
results += tokens
for update, states, settings in ((ops.sgd, 1, {"momentum": 0.9}), (ops.rmsprop, 1, {}), (ops.adam, 2, {"step": 3})):
    arrays = [[abs(f(8211))] for _ in range(2 + states)]
    wide = [[a[0].astype(np.float64)] for a in arrays]
    update(*arrays, lr=0.01, **settings)
    update.reference(*wide, lr=0.01, **settings)
    for a, e in zip(arrays, wide):
        assert abs(a[0] - e[0]).max() < 1e-5, update
        results.append(a[0])
digest = hashlib.sha256(b"".join(np.ascontiguousarray(r).tobytes() for r in results)).hexdigest()
print(ops.machine().width, ops.machine().threads, digest)
"""
NARROW = (
    "-avx512f,-avx512dq,-avx512cd,-avx512bw,-avx512vl,-avx512vbmi,-avx512vbmi2,-avx512ifma,-avx512vnni,-avx512bitalg,"
)
NARROW += "-avx512vpopcntdq,-avx512bf16,-avx512fp16,-avx512vp2intersect"


def test_any_number_of_threads_gives_the_same_bits():
    outs = [run(EVERY_KERNEL, NUMBA_NUM_THREADS=threads).stdout.split() for threads in (1, 2, 5)]
    assert [out[1] for out in outs] == ["1", "2", "5"]
    assert len({out[2] for out in outs}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features", "width"),
    [("haswell", "+avx,+avx2,+fma," + NARROW, "8"), ("generic", "", "4")],
    ids=["avx2", "sse2"],
)
@pytest.mark.skipif(os.uname().machine != "x86_64" if hasattr(os, "uname") else True, reason="x86-64 CPU names")
def test_narrower_cpus_give_the_same_values(tmp_path, name, features, width):
    out = run(EVERY_KERNEL, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=tmp_path)
    assert out.stdout.split()[0] == width
