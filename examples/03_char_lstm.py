"""Text, character by character: listings 8.1 to 8.7 of *Deep Learning with R* (Chollet and Allaire) in one file.

What: a network reads 60 characters and learns which one follows; drawing from that writes text.
When: after 01; before ``tinygen/generators/text.py``: this, with Keras' initial values, checkpoints and resuming.
How long: one to two minutes an epoch on two CPU cores (fetches 0.6 MB once); with --quick, offline, 5 s.
"""

import argparse

import numpy as np

import tinygen as tg
from tinygen.nn import functional as F


def reweight(p, temperature):
    """Listing 8.1: p**(1 / temperature), normalised; from logarithms, so that nothing underflows."""
    q = np.exp((np.log(p) - np.log(p.max())) / temperature)
    return q / q.sum()


class CharLSTM(tg.nn.Module):
    """Listing 8.4: one LSTM layer, and a dense one to a score for each of V characters."""

    def __init__(self, characters, units, generator):
        super().__init__()
        self.lstm = tg.nn.LSTM(characters, units, generator=generator)
        self.dense = tg.nn.Linear(units, characters, generator=generator)

    def forward(self, tokens, state=None):
        """Map (T, N) int to the scores (N, V) of what follows, and the state of the layer there."""
        _, (h, c) = self.lstm(tokens, state)  # both (1, N, H)
        return self.dense(h[-1]), (h, c)


def write(model, vocabulary, seed, length, temperature, generator):
    """Listings 8.6 and 8.7: continue ``seed``. The state is carried along: the window is read but once."""
    written, state, tokens = [], None, vocabulary.encode(seed)
    with tg.no_grad():
        for _ in range(length):
            scores, state = model(tg.tensor(tokens).reshape(-1, 1), state)
            p = reweight(F.softmax(scores.double(), dim=-1).numpy()[0], temperature)
            tokens = generator.numpy.choice(len(p), 1, p=p)
            written.append(tokens[0])
    return vocabulary.decode(written)


def main(data="nietzsche", epochs=60, quick=False, window=60, stride=3, units=128, batch=128):
    """Listings 8.2 (the text), 8.3 (windows), 8.5 (optimiser), 8.7 (the loop); return each epoch's mean loss."""
    text = tg.data.load_text("python-docs")[:12_000] if quick else tg.data.load_text(data, report=print)
    text, generator, length = text.lower(), tg.Generator(0), 60 if quick else 400
    vocabulary = tg.data.Vocabulary.of(text)
    windows = tg.data.Windows(vocabulary.encode(text), window, stride)  # numbers: one-hot vectors are never made
    batches = tg.data.DataLoader(windows, batch, shuffle=True, generator=generator)
    model = CharLSTM(len(vocabulary), units, generator)
    optimizer = tg.optim.RMSprop(model.parameters(), lr=0.01, alpha=0.9, eps=1e-7)
    print(f"{len(windows):,} windows; a guess has a loss of ln {len(vocabulary)} = {np.log(len(vocabulary)):.2f}")
    losses = [0.0] * (2 if quick else epochs)
    for epoch in range(len(losses)):
        for tokens, following in batches:  # (60, N), (N,)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(tokens)[0], following)
            loss.backward()
            optimizer.step()
            losses[epoch] += loss.item() * len(following) / len(windows)
        seed = text[(start := int(generator.integers(0, len(text) - window))) : start + window]
        print(f"epoch {epoch + 1}: loss {losses[epoch]:.3f}; after {seed!r}:")
        for temperature in (0.2, 0.5, 1.0, 1.2):
            print(f"--- {temperature}: {write(model, vocabulary, seed, length, temperature, generator)!r}")
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="character-level LSTM")
    parser.add_argument("--data", default="nietzsche", help="a name that tinygen data list knows, or a file")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="two epochs on a little text that comes with Python")
    main(**vars(parser.parse_args()))
