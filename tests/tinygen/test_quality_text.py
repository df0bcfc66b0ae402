"""What counting says of text: baselines, words, copies."""

import math
from collections import defaultdict

import numpy as np
import pytest

from tinygen.quality import text as quality
from tinygen.quality.text import Copies, NGram, baselines, discounts, known_words


def reference(train, vocabulary, order):
    """The definition, with dictionaries: p(w | context)."""
    occurrences = [defaultdict(int) for _ in range(order + 1)]
    before = [defaultdict(set) for _ in range(order + 1)]
    for k in range(1, order + 1):
        for i in range(len(train) - k + 1):
            run = tuple(train[i : i + k])
            occurrences[k][run] += 1
            if i:
                before[k][run].add(train[i - 1])
    counts = [dict(occurrences[k]) if k == order else {run: len(s) for run, s in before[k].items()}
              for k in range(order + 1)]
    for k in range(1, order):  # the run at the very start may have nothing before it
        counts[k] = {run: n for run, n in counts[k].items() if n}
    d = [None] + [discounts(np.array(list(counts[k].values()))) for k in range(1, order + 1)]

    def p(w, context):
        value = 1 / vocabulary
        for k in range(1, order + 1):
            if len(context) < k - 1:
                break
            h = tuple(context[len(context) - k + 1 :])
            total = sum(counts[k].get((*h, v), 0) for v in range(vocabulary))
            if not total:
                continue
            taken = sum(d[k][min(counts[k].get((*h, v), 0), 3)] for v in range(vocabulary))
            c = counts[k].get((*h, w), 0)
            value = (c - d[k][min(c, 3)] + taken * value) / total
        return value

    return p


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_ngram_is_the_definition(order):
    rng = np.random.default_rng(order)
    train, held_out = rng.choice(7, 300, p=[0.4, 0.2, 0.15, 0.1, 0.08, 0.07, 0]), rng.integers(0, 7, 40)
    p = reference(train.tolist(), 7, order)
    expected = [-math.log(p(int(w), held_out[max(i - order + 1, 0) : i].tolist())) for i, w in enumerate(held_out)]
    np.testing.assert_allclose(NGram(train, 7, order).costs(held_out), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_probabilities_add_up(order):
    rng = np.random.default_rng(0)
    model = NGram(rng.integers(0, 9, 200) ** 2 // 8, 12, order)
    for context in (rng.integers(0, 12, 6) for _ in range(5)):
        total = sum(math.exp(-model.costs(np.append(context, w))[-1]) for w in range(12))
        assert total == pytest.approx(1, abs=1e-12)


def test_discounts():
    # n_1 = 4, n_2 = 3, n_3 = 2, n_4 = 1: Y = 0.4
    counts = np.array([1] * 4 + [2] * 3 + [3] * 2 + [4])
    np.testing.assert_allclose(discounts(counts), [0, 1 - 0.8 * 3 / 4, 2 - 1.2 * 2 / 3, 3 - 1.6 * 1 / 2])
    np.testing.assert_allclose(discounts(np.array([1, 1, 2])), [0, 0.5, 0.5, 0.5])  # Y = 2 / 4
    np.testing.assert_allclose(discounts(np.array([5, 7])), [0, 0.5, 0.5, 0.5])
    assert discounts(np.ones(9, int))[1] < 1  # something is always left of a count


def test_a_longer_memory_pays_where_there_is_something_to_remember():
    words = np.tile(np.array([0, 1, 2, 0, 1, 3, 4, 0, 2, 2]), 50)
    losses = baselines(words[:400], words[400:], 5, 100)
    assert losses[1] > losses[2] > losses[5]
    assert losses[5] < 0.1
    noise = np.random.default_rng(0).integers(0, 8, 20_000)
    losses = baselines(noise[:15_000], noise[15_000:], 8, 5_000)
    for loss in losses.values():
        assert math.log(8) - 0.01 < loss < math.log(8) + 0.15


def test_per_character_and_spelling():
    tokens = np.random.default_rng(0).integers(0, 5, 500)
    (plain,) = baselines(tokens, tokens[:100], 5, 400, orders=[2]).values()
    (spelt,) = baselines(tokens, tokens[:100], 5, 400, spelling=40.0, orders=[2]).values()
    assert spelt - plain == pytest.approx(0.1)
    assert plain * 400 == pytest.approx(NGram(tokens, 5, 2).costs(tokens[:100]).sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NGram(np.zeros(9, int), 3, 0), "`order` is 0"),
        (lambda: NGram(np.zeros(3, int), 3, 5), "`tokens` has 3 tokens; an order of 5"),
        (lambda: NGram(np.array([0, 3]), 3, 1), "has the token 3; it must be from 0 to 2"),
        (lambda: NGram(np.array([0, 1]), 3, 1).costs(np.array([-1])), "has the token -1"),
        (lambda: baselines(np.zeros(9, int), np.zeros(0, int), 2, 0), "`held_out` has 0 tokens"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_known_words():
    assert known_words("The cat's rog, THE dog.", "the dog and the cat's mat") == (4, 5)
    assert known_words("...", "the") == (0, 0)


def longest(text, corpus):
    """By trying."""
    for length in range(len(text), 0, -1):
        for start in range(len(text) - length + 1):
            if text[start : start + length] in corpus:
                return text[start : start + length]
    return ""


def test_copies_against_trying():
    rng = np.random.default_rng(0)
    for _ in range(30):
        corpus, text = ("".join(rng.choice(list("abcé€"), n)) for n in (200, 40))
        found = Copies(corpus).longest(text)
        assert found == longest(text, corpus)


@pytest.mark.parametrize(
    ("text", "corpus", "expected"),
    [
        ("", "abc", ""), ("abc", "", ""), ("xyz", "abc", ""), ("abc", "abc", "abc"), ("xabcabcx", "abc", "abc"),
        ("aaaa", "aaa", "aaa"), ("𝄞b", "a𝄞b", "𝄞b"), ("\0\0a", "\0\0\0", "\0\0"),
    ],
)
def test_copies_at_the_edges(text, corpus, expected):
    assert Copies(corpus).longest(text) == expected


def test_equal_hashes_are_no_proof(monkeypatch):
    """With a hash that says that all windows are equal, the letters still decide."""
    monkeypatch.setattr(quality._Windows, "hashes", lambda self, n: np.zeros(max(len(self.sums) - n, 0), np.uint64))
    assert Copies("hello world").longest("say hello!") == "hello"
