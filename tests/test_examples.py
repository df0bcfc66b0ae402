"""The examples: each runs as it stands, finds what it says it finds, and uses what users may use."""

import ast
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg

ROOT = Path(__file__).parents[1]
EXAMPLES = {path.name: path for path in sorted((ROOT / "examples").glob("*.py"))}
PUBLIC = {"tinygen"} | {
    f"tinygen.{name}" for name in "autograd nn optim io data testing models generators run random backend".split()
}
NUMBER = r"(-?\d+\.?\d*(?:e[+-]\d+)?)"


def output(name, *arguments):
    """What an example prints; in a process of its own, as users run it, with warnings as errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLES[name]), *arguments]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(pattern, text):
    """The numbers where ``pattern`` says #; it must fit."""
    found = re.search(re.escape(pattern).replace(r"\#", NUMBER), text)
    assert found, f"{pattern!r} is not in {text!r}"
    return [float(number) for number in found.groups()]


def test_every_example_is_tested():
    source = Path(__file__).read_text(encoding="utf-8")
    assert EXAMPLES
    assert [name for name in EXAMPLES if f'output("{name}"' not in source] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_header_and_imports(name):
    tree = ast.parse(EXAMPLES[name].read_text(encoding="utf-8"))
    header = ast.get_docstring(tree)
    assert [line for line in ("What: ", "When: ", "How long: ") if f"\n{line}" not in header] == []
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
        elif isinstance(node, ast.Attribute):  # tg._name, tensor._data
            assert not node.attr.startswith("_") or node.attr.startswith("__"), node.attr
    assert modules <= PUBLIC | {"numpy"} | set(sys.stdlib_module_names)


def test_autograd():
    text = output("01_autograd.py")
    assert "grad_fn=<Tanh>" in text
    assert numbers("largest difference from the gradient by hand: #", text)[0] < 1e-6
    assert numbers("step   0: loss #", text)[0] > 0.1
    assert numbers("step 400: loss #", text)[0] < 0.01


def test_write_your_own_op():
    text = output("02_write_your_own_op.py")
    first, at_0, at_1 = numbers("log cosh of -1000, 0, 1: tensor([#, #, #])", text)
    assert (first, at_0) == (pytest.approx(1000 - math.log(2)), 0)
    assert at_1 == pytest.approx(math.log(math.cosh(1)))
    assert re.search("^LogCosh: +both orders are right$", text, re.M)
    assert re.search("^WrongLogCosh: .*gradient of input 0 .*is wrong", text, re.M)
    squares, robust = numbers("squared error #, log cosh #", text)
    assert squares < 1.5  # drawn away by the wrong points
    assert abs(robust - 2) < 0.1


def test_char_lstm_in_fewer_than_80_lines():
    text = output("03_char_lstm.py", "--quick")
    characters, guess = numbers("a guess has a loss of ln # = #", text)
    assert guess == pytest.approx(math.log(characters), abs=0.006)
    first, second = numbers("epoch 1: loss #", text)[0], numbers("epoch 2: loss #", text)[0]
    assert second < first < guess
    assert len(re.findall("^--- (0.2|0.5|1.0|1.2): '", text.replace('"', "'"), re.M)) == 8
    assert len(EXAMPLES["03_char_lstm.py"].read_text(encoding="utf-8").splitlines()) < 80


def test_second_order():
    text = output("04_second_order.py")
    t = math.tanh(0.5)
    s = 1 - t * t  # tanh', of which all others are polynomials in t
    expected = [t, s, -2 * t * s, s * (6 * t * t - 2), s * t * (16 - 24 * t * t), s * (120 * t**4 - 120 * t**2 + 16)]
    assert numbers("derivatives of tanh at 0.5: # # # # # #", text) == pytest.approx(expected, abs=6e-5)
    assert "Newton's method ends at [1. 1.]" in text
    engine, differences = numbers("u.H u of an LSTM: # by the engine, # by differences", text)
    assert engine == pytest.approx(differences, rel=1e-6)
    assert abs(engine) > 1e-2
    before, after = numbers("slope of a network: # before, # after", text)
    assert before < 0.5
    assert abs(after - 1) < 0.15


def test_memory_for_time():
    text = output("05_memory_for_time.py")
    usual = numbers("no checkpoint: # MB", re.sub(" +", " ", text))[0]
    parts = re.findall(r"(\d+) checkpoints: +([\d.]+) MB, gradients the same", text)
    assert [n for n, _ in parts] == ["2", "8", "32"]
    two, eight, many = (float(size) for _, size in parts)
    assert eight < two < usual
    assert eight < many  # too many inputs are kept
    assert eight < 0.4 * usual


def test_hooks_and_profile():
    text = output("06_hooks_and_profile.py")
    small = numbers("gain 0.5: activations # # # # # #", text)
    usual = numbers("gain 1.0: activations # # # # # #", text)
    assert small[5] < 0.3 * small[0]
    assert usual[5] > 0.3 * usual[0]
    gradients = [[float(g) for g in line.split()] for line in re.findall("gradients +(.*)", text)]
    assert gradients[0][0] < 0.3 * gradients[0][5]
    before, after = numbers("largest gradient of a weight: #, with a hook that clips it #", text)
    assert before > 0.1
    assert after == 0.1
    assert re.search(r"^MatMul +forward +6 ", text, re.M)
    assert re.search(r"^Tanh +backward +6 ", text, re.M)
    assert re.search(r"^wall ", text, re.M)


def test_a_small_network(tmp_path):
    file = tmp_path / "small.safetensors"
    text = output("07_train_a_small_network.py", "--quick", "--out", str(file))
    losses = [float(loss) for loss in re.findall(r"epoch \d: loss ([\d.]+)", text)]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 3
    assert losses[-1] < 0.8 * losses[0]
    (right,) = numbers("bytes in float16, accuracy # on 60 held-out pictures", text)
    weights, about = tg.io.load_with_metadata(file)
    assert about["accuracy"] == f"{right:.3f} on 60 held-out pictures"
    assert about["command"] == "examples/07_train_a_small_network.py --epochs 3 --seed 0"
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float16)}
    network = tg.models.small(file)
    assert network.missing == ()
    assert network.block1_conv1.weight.dtype == np.float32
