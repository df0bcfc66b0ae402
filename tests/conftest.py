"""Options and fixtures of all tests."""

import importlib.util
import os
from pathlib import Path

import pytest

from tinygen.backend import check_device, cuda_problem, register_device


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where the tests of the ops run: cpu (default) or cuda")


@pytest.fixture(autouse=True, scope="session")
def _quiet():
    """The line about compiled kernels comes from a timer: it would land in whatever test runs then."""
    os.environ["TINYGEN_QUIET"] = "1"


@pytest.fixture(scope="session")
def device(request):
    """The device that ``--device`` names; the test is skipped where there is none."""
    name = request.config.getoption("--device")
    if name.startswith("cuda") and (problem := cuda_problem()):
        pytest.skip(problem)
    return check_device(name)


@pytest.fixture(scope="session")
def fake():
    """The stand-in for a GPU, known to the engine as device ``fake``; returns its module."""
    path = Path(__file__).with_name("fakecupy.py")
    spec = importlib.util.spec_from_file_location("fakecupy", path)
    fakecupy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakecupy)
    register_device("fake", fakecupy.module, fakecupy.ndarray)
    return fakecupy


@pytest.fixture(scope="session")
def torch():
    """PyTorch, for comparison only."""
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def pytest_collection_modifyitems(items):
    """Tests marked ``torch`` are skipped early where it is missing, with the reason."""
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
