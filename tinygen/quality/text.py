"""How good is a model of text? What counting gives already, how much of its words are words, how much it has copied."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

WORD = re.compile(r"\w+(?:['’]\w+)*")
ORDERS = (1, 2, 5)  # of the models that a network is held against: a token alone, pairs, five in a row


class NGram:
    """A model that only counts: how likely a token is after the few before it.

    Interpolated modified Kneser-Ney smoothing. With h the k - 1 tokens before w, and h' without the first of them:

        p_k(w | h) = (c(hw) - D(c(hw)) + p_{k-1}(w | h') sum over w' of D(c(hw'))) / sum over w' of c(hw')

    down to p_0 = 1 / V. c counts occurrences at the highest order; below, c(hw) is how many different tokens stand
    before hw. D(0) = 0; the discounts D(1), D(2), D(3 and more) of each order come from how many counts are 1, 2, 3,
    4 in the training text, and from nothing else.

    Args:
        tokens: the training text (length,) int.
        vocabulary: V, how many tokens there are.
        order: k at its highest: tokens in a row that are counted, at least 1.

    Raises:
        ValueError: if ``order`` is below 1, ``tokens`` is shorter than it, or a token is not below ``vocabulary``.

    Source: S. Chen, J. Goodman (1998), *An Empirical Study of Smoothing Techniques for Language Modeling*, section 3.
    """

    def __init__(self, tokens: np.ndarray, vocabulary: int, order: int) -> None:
        if order < 1:
            raise ValueError(f"`order` is {order}; it must be at least 1")
        if len(tokens) < order:
            raise ValueError(f"`tokens` has {len(tokens)} tokens; an order of {order} needs at least as many")
        self.vocabulary, self.order = vocabulary, order
        tokens = self._checked(tokens)
        # A run of k tokens is known by its place among the distinct ones, in the order of (its first k - 1, its last).
        keys: list[np.ndarray] = []  # k -> those pairs as numbers, sorted
        places: list[np.ndarray] = [np.zeros(len(tokens) + 1, np.int64)]  # k -> the runs that end at each token
        counts: list[np.ndarray] = []
        for k in range(1, order + 1):
            # (runs,) of k - 1 tokens that end before token i, for i = k - 1, k, ...
            pairs = places[-1][: len(tokens) - k + 1] * vocabulary + tokens[k - 1 :]
            distinct, first, place, count = np.unique(
                pairs, return_index=True, return_inverse=True, return_counts=True
            )
            if k > 1:  # how many different tokens stand before each run of k - 1: its distinct extensions to the left
                shorter = places[-1][1:][first]
                counts[-1] = np.bincount(shorter, minlength=len(keys[-1]))
            keys.append(distinct)
            places.append(place)
            counts.append(count)
        self._levels = [_Level(*pair, vocabulary) for pair in zip(keys, counts, strict=True)]

    def _checked(self, tokens: np.ndarray) -> np.ndarray:
        tokens = np.asarray(tokens, np.int64)
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < self.vocabulary:
            wrong = tokens.max() if tokens.max() >= self.vocabulary else tokens.min()
            raise ValueError(f"`tokens` has the token {wrong}; it must be from 0 to {self.vocabulary - 1}")
        return tokens

    def costs(self, tokens: np.ndarray) -> np.ndarray:
        """Return -ln p of each token after those before it, in nats: (length,) float64.

        The first tokens have fewer before them than the order asks for, and are judged by those.

        Args:
            tokens: any text (length,) int.
        """
        tokens = self._checked(tokens)
        p = np.full(len(tokens), 1 / self.vocabulary)
        context = np.zeros(len(tokens), np.int64)  # the run of k - 1 tokens before each; -1: never seen in training
        for k, level in enumerate(self._levels):
            p = level.interpolate(context, tokens, p)
            found = level.find(context, tokens)  # the run of k that ends at each token
            context = np.concatenate([np.full(1, -1), found[:-1]]) if len(found) else found
            context[:k + 1] = -1  # there are not so many tokens before the first ones
        return -np.log(p)


class _Level:
    """The runs of one length: their numbers ``keys`` (context * V + token, sorted), how often, and the discounts."""

    def __init__(self, keys: np.ndarray, counts: np.ndarray, vocabulary: int) -> None:
        self.keys, self.counts, self.vocabulary = keys, counts, vocabulary
        discount = discounts(counts)[np.minimum(counts, 3)]
        contexts = keys // vocabulary
        self.totals = np.bincount(contexts, counts)
        self.left_over = np.bincount(contexts, discount)  # what the discounts take from each context
        self.kept = counts - discount

    def find(self, context: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The place of each run among the distinct ones, -1 for one that never occurred."""
        wanted = np.where(context < 0, -1, context * self.vocabulary + tokens)
        place = np.searchsorted(self.keys, wanted)
        place[place == len(self.keys)] = 0
        return np.where(self.keys[place] == wanted, place, -1)

    def interpolate(self, context: np.ndarray, tokens: np.ndarray, shorter: np.ndarray) -> np.ndarray:
        """p_k from p_{k-1}; after a context that was never seen they are the same."""
        place = self.find(context, tokens)
        kept = np.where(place < 0, 0.0, self.kept[place])
        known = (context >= 0) & (context < len(self.totals))
        which = np.where(known, context, 0)
        known &= self.totals[which] > 0
        total = np.where(known, self.totals[which], 1.0)
        return np.where(known, (kept + self.left_over[which] * shorter) / total, shorter)


def discounts(counts: np.ndarray) -> np.ndarray:
    """Return what is taken from a count of 0, 1, 2, 3 or more: (4,) float64.

    Y = n_1 / (n_1 + 2 n_2);  D(c) = c - (c + 1) Y n_{c+1} / n_c for c = 1, 2, 3, where n_c is how many counts are c.
    Where one of these is 0 or a D would leave (0, c], as with a handful of tokens, all three are Y; where no count is
    1, they are a half.

    Args:
        counts: of distinct runs, each at least 1.

    Source: Chen, Goodman (1998), equation 26; Y alone: Ney, Essen, Kneser (1994).
    """
    n = [int(np.count_nonzero(counts == c)) for c in range(5)]
    if not n[1]:
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n[1] / (n[1] + 2 * n[2])
    if all(n[1:]):
        found = [c - (c + 1) * y * n[c + 1] / n[c] for c in (1, 2, 3)]
        if all(0 < d <= c for c, d in enumerate(found, 1)):
            return np.array([0.0, *found])
    return np.array([0.0, min(y, 0.99), min(y, 0.99), min(y, 0.99)])


def baselines(
    train: np.ndarray, held_out: np.ndarray, vocabulary: int, characters: int, spelling: float = 0.0,
    orders: Iterable[int] = ORDERS,
) -> dict[int, float]:
    """Return what counting costs on held-out text, in nats per character, for each order.

    loss = (sum over held-out tokens of -ln p + spelling) / characters

    Args:
        train: the tokens to count (length,) int.
        held_out: the tokens to judge by (length,) int.
        vocabulary: how many tokens there are.
        characters: of the held-out text.
        spelling: nats that are needed beside the tokens' own, for what stands behind tokens such as "unknown word".
        orders: of :class:`NGram`.

    Raises:
        ValueError: if a part is too short.
    """
    if characters < 1 or not len(held_out):
        raise ValueError(f"`held_out` has {len(held_out)} tokens, {characters} characters; it must have some")
    return {
        order: float(NGram(train, vocabulary, order).costs(held_out).sum() + spelling) / characters for order in orders
    }


def known_words(text: str, corpus: str) -> tuple[int, int]:
    """Return how many words of a text occur in a corpus, and how many words it has; capitals make no difference.

    Args:
        text: what was written.
        corpus: what was read.
    """
    words, known = WORD.findall(text.lower()), set(WORD.findall(corpus.lower()))
    return sum(word in known for word in words), len(words)


class Copies:
    """Finds what a text has copied from a corpus, exactly and quickly.

    The length of the longest passage is found by bisection: every part of a copied passage is copied too. Whether a
    passage of some length is copied, a hash of every window of that length tells,

        hash(i) = sum over j < length of c_{i+j} B**j  modulo 2**64,

    from sums that are made once; what the hashes say is then checked letter by letter.

    Args:
        corpus: what was read.
    """

    def __init__(self, corpus: str) -> None:
        self.corpus = corpus
        self._windows = _Windows(corpus)

    def longest(self, text: str) -> str:
        """Return the longest passage of ``text`` that stands in the corpus too; the first, if there are several."""
        windows, low, high, passage = _Windows(text), 0, len(text), ""
        while low < high:
            middle = (low + high + 1) // 2
            found = self._copied(text, windows, middle)
            if found is None:
                high = middle - 1
            else:
                low, passage = middle, found
        return passage

    def _copied(self, text: str, windows: _Windows, length: int) -> str | None:
        """The first passage of so many characters that the corpus has too."""
        theirs, ours = windows.hashes(length), self._windows.hashes(length)
        if not len(theirs) or not len(ours):
            return None
        ordered = np.sort(theirs)
        hit = ours[ordered[np.minimum(np.searchsorted(ordered, ours), len(ordered) - 1)] == ours]
        for start in np.flatnonzero(np.isin(theirs, hit)):
            passage = text[start : start + length]
            if passage in self.corpus:
                return passage
        return None


class _Windows:
    """Hashes of all windows of a text, of any length."""

    BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers can be divided by
    INVERSE = np.uint64(pow(int(BASE), -1, 2**64))

    def __init__(self, text: str) -> None:
        # an odd number for every character, so that none of them counts as nothing
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64) * 2 + 1
        power = np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(len(codes), self.BASE)]), dtype=np.uint64)
        self.sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * power[:-1], dtype=np.uint64)])
        back = np.concatenate([np.ones(1, np.uint64), np.full(len(codes), self.INVERSE)])
        self.back = np.cumprod(back, dtype=np.uint64)  # B**-i

    def hashes(self, length: int) -> np.ndarray:
        """The hash of the window that begins at each place: (windows,) uint64."""
        if length >= len(self.sums):
            return np.zeros(0, np.uint64)
        windows = len(self.sums) - length
        return (self.sums[length:] - self.sums[:windows]) * self.back[:windows]
