"""The examples run, and what they find is right."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
pytestmark = pytest.mark.skipif(not NAMES, reason="the examples are not installed with the package")


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_header_and_imports(name):
    source = (FOLDER / f"{name}.py").read_text()
    for word in ("What:", "When:", "How long:"):
        assert word in source.split('"""')[1]
    for line in re.findall(r"^\s*(?:import|from) (tinygen\S*)", source, re.M):
        assert line in ("tinygen", "tinygen.data", "tinygen.nn"), f"{line} is no public name"


def test_01_autograd(capsys):
    example = load("01_autograd")
    for x in (-1.0, 0.0, 0.3, 2.0):
        assert example.slope_of(x) == pytest.approx(example.slope_by_hand(x), abs=1e-6)
    assert example.fit_line() == pytest.approx((2, -1), abs=0.05)
    example.main()
    assert "grad_fn=<Sum>" in capsys.readouterr().out


def test_02_write_your_own_op(capsys):
    example = load("02_write_your_own_op")
    example.main()
    out = capsys.readouterr().out
    assert "gradcheck: True" in out
    assert "gradgradcheck: True" in out
    assert "the wrong one: Wrong: gradient of input 0" in out
    x = example.points()
    np.testing.assert_allclose(example.Softsign.apply(x).detach().numpy(), x.detach().numpy() / (1 + abs(x.detach().numpy())))


def test_03_char_lstm(capsys):
    example = load("03_char_lstm")
    p = np.array([0.5, 0.25, 0.25, 0.0])
    np.testing.assert_allclose(example.reweight(p, 1.0), p, atol=1e-15)
    np.testing.assert_allclose(example.reweight(p, 0.5), [2 / 3, 1 / 6, 1 / 6, 0], atol=1e-15)
    first, second = example.main(quick=True)
    assert second < first < np.log(62) + 0.1
    assert capsys.readouterr().out.count("--- temperature") == 8
    assert len((FOLDER / "03_char_lstm.py").read_text().splitlines()) <= 80


def test_04_second_order(capsys):
    example = load("04_second_order")
    np.testing.assert_allclose(example.newton([-1.2, 1.0]), [1, 1], atol=1e-6)
    w = tg.nn.Linear(3, 1, bias=False)
    x = tg.randn(5, 3)
    direction = np.array([[1.0, -2.0, 0.5]], np.float32)
    # of sum((x w)^2): H = 2 x^T x
    expected = 2 * float(((x.numpy() @ direction[0]) ** 2).sum())
    assert example.curvature(w, (w(x) ** 2).sum(), [direction]) == pytest.approx(expected, rel=1e-5)
    example.main()
    assert "gradient penalty" in capsys.readouterr().out
