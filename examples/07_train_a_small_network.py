"""Train the network that tinygen carries for dreams and style transfer without a download: this made its weights.

What: eight convolutions learn to tell ten kinds of photographs apart (CIFAR-10's first 10,000, of which 1,000 are held
    out). Batch normalisation helps while it learns, and is merged into the convolutions at the end.
When: after 03; to see how a network of ``tg.models`` is trained and kept, or to train another one to dream with.
How long: a quarter of an hour on one CPU core (fetches 170 MB if CIFAR-10 is not there); with --quick, offline, 10 s.
"""

import argparse
import hashlib
import math
import time
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen.nn import functional as F

SHIFT = 4  # pixels, at most
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def photographs(quick: bool) -> tuple[np.ndarray, np.ndarray, str]:
    """Return pictures, uint8 (N, 3, 32, 32), their classes, int64 (N,), and what they are."""
    if quick:
        shapes = tg.data.load_images("shapes", split="test").subset(slice(600))
        return shapes.images, shapes.labels[:, :4].argmax(1), "shapes: circles, squares, triangles, stars"
    path = tg.data.cache_dir() / "cifar-10-batches-bin" / "data_batch_1.bin"
    if not path.is_file():
        tg.data.find("cifar10", report=print)
    data = path.read_bytes()
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    told = f"CIFAR-10 (A. Krizhevsky, 2009), data_batch_1.bin, SHA-256 {hashlib.sha256(data).hexdigest()}"
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64), told


def varied(images: np.ndarray, generator: tg.Generator) -> np.ndarray:
    """Return pictures from -1 to 1 (N, 3, 32, 32): each mirrored or not, shifted, and of another contrast."""
    n, _, height, width = images.shape
    wide = np.pad(images, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="reflect")
    down, right = generator.integers(0, 2 * SHIFT + 1, (2, n), device="cpu")
    mirrored = generator.uniform((n,), device="cpu") < 0.5
    contrast = generator.uniform((n,), device="cpu") + np.float32(0.5)
    x = np.empty(images.shape, np.float32)
    for i in range(n):
        part = wide[i, :, down[i] : down[i] + height, right[i] : right[i] + width]
        x[i] = (part[:, :, ::-1] if mirrored[i] else part) * (contrast[i] / np.float32(127.5)) - contrast[i]
    return x


def scores(model: tg.models.Network, x: np.ndarray) -> tg.Tensor:
    """Return the scores of the classes (N, 10), whose softmax the network's last layer is."""
    features = model(x, layers=["avg_pool"])["avg_pool"]
    return F.linear(features, model.predictions.weight, model.predictions.bias)


def accuracy(model: tg.models.Network, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures whose likeliest class is the right one."""
    with tg.no_grad():
        found = [model(model.preprocess(images[i : i + 250])).numpy().argmax(1) for i in range(0, len(images), 250)]
    return float((np.concatenate(found) == labels).mean())


def main(out: str, epochs: int, seed: int, quick: bool, batch: int = 64, lr: float = 0.002) -> float:
    """Train, merge the normalisations, write the file; return the accuracy of what it holds on held-out pictures."""
    initial, choice, order, changes = (tg.Generator((seed << 8) + i) for i in range(4))
    images, labels, told = photographs(quick)
    chosen = choice.permutation(len(images))
    held_out, train = np.split(chosen, [len(images) // 10])
    model = tg.models.small(include_top=True, generator=initial)
    convolutions = [node.module for node in model.nodes if isinstance(node.module, tg.nn.Conv2d)]
    for convolution in convolutions:
        tg.nn.init.kaiming_normal_(convolution.weight, generator=initial)
        convolution.norm = tg.nn.BatchNorm2d(convolution.out_channels)
    optimizer = tg.optim.AdamW(model.parameters(), lr, weight_decay=0.02)
    epochs = 3 if quick else epochs
    rate = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * math.ceil(len(train) / batch))
    print(f"{told}: {len(train):,} to learn from, {len(held_out):,} held out")
    for epoch in range(1, epochs + 1):
        begun, total = time.monotonic(), 0.0
        model.train()
        shuffled = train[order.permutation(len(train))]
        for start in range(0, len(shuffled), batch):
            part = shuffled[start : start + batch]
            loss = F.cross_entropy(scores(model, varied(images[part], changes)), tg.tensor(labels[part]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total += loss.item() * len(part) / len(train)
        right = accuracy(model.eval(), images[held_out], labels[held_out])
        print(f"epoch {epoch}: loss {total:.3f}, held out {right:.3f}, {time.monotonic() - begun:.0f} s", flush=True)
    for convolution in convolutions:
        convolution.fold()
    state = {name: array.astype(np.float16) for name, array in model.state_dict().items()}
    about = {"data": told, "classes": " ".join(CLASSES), "seed": str(seed), "tinygen": tg.__version__,
             "command": f"examples/07_train_a_small_network.py --epochs {epochs} --seed {seed}"}
    tg.save(out, state, about)
    right = accuracy(tg.models.small(out, include_top=True), images[held_out], labels[held_out])
    tg.save(out, state, about | {"accuracy": f"{right:.3f} on {len(held_out):,} held-out pictures"})
    size = Path(out).stat().st_size
    print(f"{out}: {size:,} bytes in float16, accuracy {right:.3f} on {len(held_out):,} held-out pictures")
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="train the small network")
    parser.add_argument("--out", default="small.safetensors", help="the file of weights")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="three epochs on 600 drawn shapes, to see that it works")
    main(**vars(parser.parse_args()))
