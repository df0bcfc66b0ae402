"""The examples run, and what they find is right."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
PUBLIC = {"tinygen", "tinygen.autograd", "tinygen.data", "tinygen.nn", "tinygen.optim", "tinygen.testing"}


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_all_here():
    assert NAMES == ["01_autograd", "02_write_your_own_op", "03_char_lstm", "04_second_order"]


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_header_and_imports_public_names_only(name):
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    for word in ("What:", "When:", "How long:"):
        assert word in source.split('"""')[1]
    imported = set(re.findall(r"^\s*(?:import|from) (tinygen\S*)", source, re.M))
    assert "tinygen" in imported
    assert imported <= PUBLIC
    assert not re.search(r"\b(tg|tinygen)\._|\._data\b|tinygen_ops", source)


def test_01_autograd(capsys):
    example = load("01_autograd")
    assert example.by_hand_and_by_engine() < 1e-6
    assert "grad_fn=<Tanh>" in capsys.readouterr().out
    before, after = example.learn_a_sine()
    assert after < 0.003 < 0.3 < before


def test_02_write_your_own_op():
    example = load("02_write_your_own_op")
    assert example.check(example.LogCosh) == "both orders are right"
    assert "gradient of input 0 of shape (3, 4) is wrong" in example.check(example.WrongLogCosh)
    x = np.array([-1000.0, -1.0, 0.0, 3.0])
    expected = np.logaddexp(x, -x) - np.log(2)
    np.testing.assert_allclose(example.log_cosh(tg.tensor(x)).numpy(), expected, atol=1e-15)
    assert abs(example.slope(example.log_cosh) - 2) < 0.1
    assert abs(example.slope(tg.square) - 2) > 0.5  # which is what the op is good for


def test_03_char_lstm(capsys):
    example = load("03_char_lstm")
    p = np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(example.reweight(p, 1.0), p, atol=1e-15)
    np.testing.assert_allclose(example.reweight(p, 0.5), [2 / 3, 1 / 6, 1 / 6], atol=1e-15)
    first, second = example.main(quick=True)
    assert second < first < 4
    assert capsys.readouterr().out.count("--- temperature") == 8


def test_04_second_order(capsys):
    example = load("04_second_order")
    t = np.tanh(0.5)
    values = example.derivatives_of_tanh()
    assert len(values) == 6
    np.testing.assert_allclose(values[:4], [t, 1 - t**2, -2 * t * (1 - t**2), (6 * t**2 - 2) * (1 - t**2)])
    np.testing.assert_allclose(example.newton(), [1, 1], atol=1e-7)
    engine, differences = example.hessian_of_an_lstm_times_a_vector()
    assert engine == pytest.approx(differences, rel=1e-6)
    before, after = example.gradient_penalty()
    assert abs(after - 1) < 0.2 < abs(before - 1)
    assert "step 6" in capsys.readouterr().out
