"""README and docs stay true: their commands and flags exist, the files and figures they name are there.

That their links lead somewhere, and that the Python of README and learning path runs, is in ``test_docs.py``.
"""

import importlib.util
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen_ops import array_module

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
CORPUS = "the quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs.\n" * 12
SMALL = "--units 16 --window 12 --batch-size 16 --epochs 1 --val-fraction 0.1 --quiet".split()


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def commands(page):
    """Every ``tinygen ...`` in the page's shell blocks and inline code, as words."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"(?<!`)`(?:[A-Z_]+=\w+ )*(tinygen [^`\n]+)`(?!`)", text)
    found = []
    for line in lines:
        for part in line.split("&&"):
            words = shlex.split(part, comments=True)
            if words[:1] == ["tinygen"]:
                found.append(words[1:])
    return found


def test_python_of_the_quirks_runs():
    names = {"__name__": "page"}
    for block in blocks(ROOT / "docs" / "quirks.md", "python"):
        exec(compile(block, "quirks.md", "exec"), names)
    assert names["carried"].shape == (20,)


def test_the_op_that_the_architecture_page_shows_is_right():
    (block,) = blocks(ROOT / "docs" / "architecture.md", "python")
    names = {"Function": tg.autograd.Function, "array_module": array_module}
    exec(compile(block, "architecture.md", "exec"), names)
    x = tg.tensor(np.array([0.5, -1.0]), requires_grad=True)
    assert tg.testing.gradcheck(names["Tanh"].apply, x)
    assert tg.testing.gradgradcheck(names["Tanh"].apply, x)


def all_commands():
    return sorted({tuple(words) for page in PAGES for words in commands(page)})


def test_there_are_commands_to_check():
    assert ("demo",) in all_commands()
    assert {words[0] for words in all_commands()} >= {"demo", "text", "info", "bench"}


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_commands_and_flags_exist(words, capsys):
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z]+(-[a-z]+)?", word) or len(names) == 2:
            break
        names.append(word)
    for depth in range(len(names), 0, -1):  # the last word may be an argument, not a command
        with pytest.raises(SystemExit) as stop:
            main([*names[:depth], "--help"])
        text = capsys.readouterr().out
        if stop.value.code == 0 and f"usage: tinygen {' '.join(names[:depth])} " in text:
            break
    else:
        pytest.fail(f"no such command: {' '.join(words)}")
    for flag in (word for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text), f"{flag} of {' '.join(words)}"


def test_the_readmes_session_works_on_a_small_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(CORPUS)
    # what a model of this text writes is no music: `test_cli_text.py` has one that writes some
    session = [words for words in commands(ROOT / "README.md") if words[:1] == ["text"] and "--midi" not in words]
    kinds = [words[1] for words in session]
    assert kinds[:3] == ["train", "sample", "temperature"]
    assert any("--resume" in words for words in session)
    for words in session:
        small = ["--data", "corpus.txt", *SMALL] if words[1] == "train" and "--resume" not in words else []
        assert main([*words, *small]) == 0, words
    assert Path("runs/nietzsche/last.safetensors").exists()
    assert Path("temperature.png").exists()
    assert "the philosopher " in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tinygen|tinygen_ops|tests|examples|docs|benchmarks)/[\w/]+\.\w+)`", text):
        assert (ROOT / name).exists() or "/X" in name, name  # X stands for any


def figures():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figures_in_the_readme_are_those_of_the_results():
    module, readme = figures(), (ROOT / "README.md").read_text(encoding="utf-8")
    assert module.filled(readme, module.figures()) == readme, "run: python docs/figures.py"


def test_figures_are_made_of_results(tmp_path):
    module = figures()
    assert module.figures(tmp_path) == ""
    row = {"name": "text sample", "tinygen_ms": 1.5, "torch_ms": 7.5, "ratio": 0.2, "peak_mb": None}
    other = {"name": "text train memory", "tinygen_ms": None, "torch_ms": None, "ratio": None, "peak_mb": 233.04}
    noisy = row | {"name": "import", "rounds": 9, "disturbed": 9}
    machine = {"cpu": "Some CPU", "threads": 2, "torch": "2.13.0", "date": "2026-01-01"}
    (tmp_path / "text-a.json").write_text(json.dumps({"machine": machine, "rows": [row, noisy, other]}))
    text = module.filled(f"x\n{module.BEGIN}old\n{module.END}y\n", module.figures(tmp_path))
    assert "| text: writing 400 characters | 1.5 ms | 7.5 ms | 0.20 |" in text
    assert "| 233 MB | | |" in text
    assert "importing" not in text  # other processes disturbed all of its rounds
    assert "Some CPU, 2 threads, PyTorch 2.13.0, 2026-01-01." in text
    assert "old" not in text
    assert text.startswith("x\n")
    assert text.endswith("y\n")
    assert [module.milliseconds(v) for v in (1007.3, 29.9, 0.014067)] == ["1.01 s", "29.9 ms", "14.1 µs"]
    with pytest.raises(ValueError, match="needs the lines"):
        module.filled("nothing", "x")


@pytest.mark.skipif(os.name != "posix", reason="a bash script")
def test_the_ci_script_is_executable_bash_with_the_readmes_commands():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in ('pip install . && tinygen demo', 'pip install ".[test]" && pytest'):
        assert words in readme
        assert words.replace("pip install", "pip install -q") in script.read_text() or words in script.read_text()
