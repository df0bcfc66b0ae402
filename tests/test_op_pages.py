"""docs/ops says what docstrings, code and records say now; and the test that it does can fail."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

import op_pages

from tinygen.testing.records import RECORDS


@pytest.fixture(scope="module")
def made():
    return op_pages.Book().pages(measured=False)


def test_pages_are_up_to_date(made):
    assert not op_pages.out_of_date(made), "run `python docs/op_pages.py`"


def test_every_op_has_a_page_and_a_line_in_the_index(made):
    for record in RECORDS.values():
        page = made[f"{record.name}.md"]
        assert "## Plain reference" in page
        assert ("## Example" in page) or record.name in page
        assert f"({record.name}.md)" in made["README.md"]


def test_links_lead_somewhere(made):
    for name, text in made.items():
        if name.endswith(".md"):
            for target in op_pages.re.findall(r"\]\(([^)]+)\)", text):
                assert target in made, f"{name}: {target}"


def test_what_counts_as_stale():
    assert not op_pages.stale("error 1.2e-12 |", "error 3.4e-13 |", False)
    assert op_pages.stale("error 1.2e-12 | x", "error 1.2e-12 | y", False)
    assert not op_pages.stale('x="1.0"', 'x="1.1"', True)
    assert op_pages.stale('x="1.0"', 'x="1.4"', True)
    assert op_pages.stale('x="1.0"', 'y="1.0"', True)


def test_docstrings_become_markdown():
    doc = """Return x.

        y_i = x_i

    Args:
        input: of ``(N,)``,
            which goes on.
        dim: as :func:`sum`.

    Raises:
        ValueError: if.
    """
    parts = op_pages.parsed(doc)
    assert op_pages.markdown(parts["Summary"]) == "Return x.\n\n```text\n\ny_i = x_i\n```".replace("text\n\n", "text\n")
    assert op_pages.items(parts["Args"], "Args") == "* `input`: of `(N,)`, which goes on.\n* `dim`: as `sum`."
    assert op_pages.items(parts["Raises"], "Raises") == "* `ValueError`: if."
