"""Who may import whom: read from the source of every file, without running it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Lower layers first; one line is one layer, whose members may import one another as long as no cycle arises.
LAYERS = [
    "tinygen_ops",
    "tinygen.version tinygen.pictures",
    "tinygen.backend",
    "tinygen.random",
    "tinygen.modes tinygen.writes",
    "tinygen.tensor",
    "tinygen.graph",
    "tinygen.autograd",
    "tinygen.fusion",
    "tinygen.ops",
    "tinygen.autograd.functional",
    "tinygen.notebook tinygen.operators",
    "tinygen.creation",
    "tinygen",
    "tinygen.nn tinygen.optim tinygen.io tinygen.data tinygen.testing tinygen.charts tinygen.music",
    "tinygen.models",
    "tinygen.checkpoint tinygen.progress tinygen.metrics tinygen.run tinygen.run_config tinygen.run_lock",
    "tinygen.quality",
    "tinygen.generators tinygen.demo tinygen.explorer tinygen.report",
    "tinygen.bench",
    "tinygen.cli",
    "tinygen.__main__",
]
RANK = {name: rank for rank, line in enumerate(LAYERS) for name in line.split()}
HEAVY = {"numba", "cupy", "PIL", "h5py", "safetensors", "pooch", "tqdm"}  # loaded when first used
FRAMEWORKS = {
    "torch", "torchvision", "tensorflow", "keras", "jax", "jaxlib", "flax", "haiku", "optax", "equinox", "chainer",
    "mxnet", "paddle", "theano", "pytensor", "lasagne", "tinygrad", "autograd", "dezero", "mlx", "onnxruntime", "cntk",
    "caffe", "sklearn",
}  # fmt: skip
PEER = "tinygen.bench.torch_peer"  # what `tinygen bench --against torch` times; nothing else may know PyTorch
# Imports made by importlib on first use, beside those in a __getattr__; "?" is a name that is computed.
LAZY = {
    ("tinygen_ops.registry", "?"),  # the Numba and CUDA forms of a kernel
    ("tinygen_ops.elementwise", "cupyx.scipy.special"),  # CuPy's erf
    ("tinygen_ops.registry", "tinygen_ops.compile"),  # loads Numba
    ("tinygen_ops.ways", "tinygen_ops.convolution_numba"),  # likewise
    ("tinygen.bench.workloads", "tinygen.bench.peak"),  # loads Numba
    ("tinygen.bench.worker", "?"),  # the module that it serves: our workloads, or the peer's
    ("tinygen.data.text", "pydoc_data.topics"),  # 700 KB of text
}
PUBLIC = {"tinygen"} | {
    f"tinygen.{name}"
    for name in "autograd nn optim io data testing models generators run random backend".split()
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*folders):
    """Module name -> its source."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {module_name(path): path.read_text(encoding="utf-8") for path in paths}


PACKAGES = sources("tinygen", "tinygen_ops")


def imports(module, source, modules):
    """Yield (what is imported, line, name of the function it stands in or None) for every import of a source."""

    def visit(node, function):
        for child in ast.iter_child_nodes(node):
            inside = function
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inside = child.name
            elif isinstance(child, ast.Lambda):
                inside = "lambda"
            if isinstance(child, ast.Import):
                yield from ((alias.name, child.lineno, function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:  # from . import x
                    package = (
                        module.split(".")
                        if module in modules and is_package(module)
                        else module.split(".")[:-1]
                    )
                    package = package[: len(package) - child.level + 1]
                    base = ".".join([*package, *([child.module] if child.module else [])])
                for alias in child.names:
                    whole = f"{base}.{alias.name}"
                    yield (whole if whole in modules else base), child.lineno, function
            elif isinstance(child, ast.Call) and is_import_call(child) and child.args:
                first = child.args[0]
                # what is computed (importlib.import_module(f"tinygen.{name}")) counts as the module "?"
                yield (first.value if isinstance(first, ast.Constant) else "?"), child.lineno, inside
            yield from visit(child, inside)

    yield from visit(ast.parse(source), None)


def is_package(module):
    return (ROOT.joinpath(*module.split(".")) / "__init__.py").exists()


def is_import_call(node):
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("import_module", "__import__")


def layer(module):
    """The rank of a module's layer."""
    name = module
    while name not in RANK:
        if "." not in name:
            raise AssertionError(f"{module} stands in no layer; add it to LAYERS")
        name = name.rpartition(".")[0]
        if name == "tinygen":
            raise AssertionError(f"{module} stands in no layer; add it to LAYERS")
    return RANK[name]


def problems(modules, known=PACKAGES):
    """What is wrong with the imports of ``modules`` (name -> source) among the modules ``known``, as lines."""
    found, graph = [], {}
    for module, source in modules.items():
        graph[module] = set()
        for target, line, function in imports(module, source, {**known, **modules}):
            top = target.partition(".")[0]
            where = f"{module}, line {line}: import of {target}"
            if top in FRAMEWORKS and module != PEER:
                found.append(f"{where}: a deep-learning framework")
            if function == "__getattr__":
                continue  # names that are loaded when first touched
            lazy = (module, target) in LAZY
            if target == "?" and not lazy:
                found.append(f"{where}: computed, outside of __getattr__")
            elif (
                not lazy
                and function is not None
                and top not in HEAVY
                and not (module == PEER and top == "torch")
            ):
                found.append(f"{where}: inside {function}()")
            if top in ("tinygen", "tinygen_ops"):
                if layer(target) > layer(module):
                    found.append(f"{where}: upward")
                graph[module].add(target)
    return found + [f"cycle: {' -> '.join(cycle)}" for cycle in cycles(graph)]


def cycles(graph):
    """One cycle for each place where the search runs into its own path."""
    state, found = {}, []

    def visit(module, path):
        state[module] = "open"
        for target in sorted(graph.get(module, ())):
            if state.get(target) == "open":
                found.append([*path[path.index(target) :], target])
            elif target not in state:
                visit(target, [*path, target])
        state[module] = "done"

    for module in sorted(graph):
        if module not in state:
            visit(module, [module])
    return found


def test_imports():
    assert len(PACKAGES) > 50
    assert not problems(PACKAGES), "\n" + "\n".join(problems(PACKAGES))


def test_every_layer_is_known():
    for module in PACKAGES:
        layer(module)
    assert {module for module, _ in LAZY} <= PACKAGES.keys()


def example_problems(name, source):
    """Examples show what users write: tinygen's public face, NumPy, Pillow, the standard library."""
    found = []
    for target, line, _ in imports(name, source, PACKAGES):
        top = target.partition(".")[0]
        hidden = any(part.startswith("_") and part != "__future__" for part in target.split("."))
        known = top in sys.stdlib_module_names or top in {"numpy", "PIL"} or target in PUBLIC
        if hidden or not known:
            public_child = any(target.startswith(f"{p}.") for p in PUBLIC - {"tinygen"})
            if hidden or not public_child:
                found.append(f"{name}, line {line}: import of {target}")
    return found


def test_examples():
    for name, source in sources("examples").items():
        assert not example_problems(name, source)


def test_benchmarks():
    """Benchmarks may use the kernels and PyTorch, but nothing uses benchmarks or tests."""
    for module, source in PACKAGES.items():
        assert not [
            t
            for t, _, _ in imports(module, source, PACKAGES)
            if t.partition(".")[0] in ("benchmarks", "tests")
        ]


# The checker finds what it should ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("tinygen.ops.x", "from tinygen.nn import Linear", "upward"),
        ("tinygen.ops.x", "import tinygen", "upward"),
        ("tinygen.ops.x", "from tinygen import nn", "upward"),
        ("tinygen.ops.x", "from ..nn import layers", "upward"),
        ("tinygen_ops.x", "from tinygen.tensor import Tensor", "upward"),
        ("tinygen.tensor", "if True:\n    from tinygen.autograd import Function", "upward"),
        ("tinygen.nn.x", "def f():\n    from tinygen.tensor import Tensor", "inside f()"),
        ("tinygen.nn.x", "class A:\n    def f(self):\n        import json", "inside f()"),
        ("tinygen.nn.x", "def f():\n    import importlib\n    importlib.import_module(name)", "computed"),
        ("tinygen.nn.x", "import importlib\nimportlib.import_module('tinygen.cli')", "upward"),
        ("tinygen.nn.x", "import torch", "framework"),
        ("tinygen.nn.x", "def f():\n    import torch.nn", "framework"),
        ("tinygen.nn.x", "from tensorflow.keras import layers", "framework"),
        ("tinygen.bench.y", "import jax", "framework"),
        ("tinygen.new.x", "from tinygen.tensor import Tensor", "no layer"),
    ],
)
def test_violations_are_found(module, source, message):
    try:
        found = problems({module: source})
    except AssertionError as error:
        found = [str(error)]
    assert any(message in line and line.startswith(module) for line in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tinygen.nn.x", "from tinygen.ops.shape import cat\nfrom tinygen import io\nimport tinygen as tg"),
        ("tinygen.nn.x", "def f():\n    import numba\n    from PIL import Image"),
        (PEER, "import torch\ndef f():\n    import torch"),
        (
            "tinygen.nn.x",
            "import importlib\ndef __getattr__(name):\n    return importlib.import_module(name)",
        ),
    ],
)
def test_what_is_allowed(module, source):
    assert not problems({module: source})


def test_cycles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"e"}}
    assert cycles(graph) == [["a", "b", "c", "a"], ["e", "e"]]
    assert not cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    pair = {"tinygen.nn.p": "from tinygen.nn.q import x", "tinygen.nn.q": "from tinygen.nn import p"}
    assert problems(pair) == ["cycle: tinygen.nn.p -> tinygen.nn.q -> tinygen.nn.p"]


def test_example_violations_are_found():
    good = ["import json", "import numpy as np", "import tinygen as tg", "from tinygen import nn"]
    good.append("from tinygen.nn import functional as F")
    assert not example_problems("good", "\n".join(good))
    for bad in (
        "import tinygen_ops",
        "from tinygen.tensor import Tensor",
        "from tinygen.ops._inputs import pair",
        "import torch",
    ):
        assert example_problems("bad", bad), bad


# What an import loads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "package", ["tinygen", "tinygen_ops", "tinygen.nn", "tinygen.optim", "tinygen.testing", "tinygen.io"]
)
def test_import_is_light(package):
    code = f"import {package}, sys; print(*sorted({HEAVY!r} & set(sys.modules)))"
    if package == "tinygen":
        code += "\nassert 'tinygen.testing' not in sys.modules  # loaded when first touched"
        code += "\ntinygen.testing.gradcheck, tinygen.nn.functional, tinygen.optim.SGD, tinygen.autograd.grad"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert run.stdout.split() == []
    assert run.stderr == ""
