"""What a trained GAN is good for: walks through its space, and a look whether it copies its training pictures.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.5. Spherical interpolation: T. White, "Sampling
Generative Networks" (2016), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygen.generators.gan import GAN

PATHS = ("linear", "spherical")
BLOCK = 4096  # training pictures at a time: 50 MB of 32 x 32 x 3


def between(a: np.ndarray, b: np.ndarray, t: np.ndarray, path: str) -> np.ndarray:
    """Return points on the way from a to b.

    linear: (1 - t) a + t b. spherical: sin((1 - t) w) / sin w a + sin(t w) / sin w b, w the angle between them: for
    normal points, which all lie at about the same distance from 0, this keeps to that distance.

    Args:
        a: (N, L).
        b: (N, L).
        t: (T,) from 0 to 1.
        path: one of ``PATHS``.

    Returns:
        (T, N, L) float32.

    Raises:
        ValueError: if ``path`` is neither.
    """
    if path not in PATHS:
        raise ValueError(f"`path` is {path!r}; valid are {', '.join(PATHS)}")
    a, b, t = a.astype(np.float64), b.astype(np.float64), np.asarray(t, np.float64)[:, None, None]
    share_a, share_b = 1 - t, t
    if path == "spherical":
        cosine = (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
        w = np.arccos(np.clip(cosine, -1, 1))[:, None]  # (N, 1)
        bent = np.sin(w) > 1e-6  # else they lie on one line, and the straight way is meant
        sine = np.where(bent, np.sin(w), 1)
        share_a = np.where(bent, np.sin((1 - t) * w) / sine, share_a)
        share_b = np.where(bent, np.sin(t * w) / sine, share_b)
    return (share_a * a + share_b * b).astype(np.float32)


def walk(model: GAN, stops: np.ndarray, frames: int = 16, path: str = "spherical") -> np.ndarray:
    """Walk from stop to stop and back to the first.

    Args:
        model: the networks.
        stops: points (S, N, L), S at least 2: N walkers, each through its S points.
        frames: pictures from one stop to the next, at least 1.
        path: one of ``PATHS``.

    Returns:
        uint8 (S frames, N, C, H, W), to be shown in a circle.
    """
    if frames < 1:
        raise ValueError(f"`frames` is {frames}; it must be at least 1")
    if len(stops) < 2:
        raise ValueError(f"`stops` has {len(stops)} points; a walk needs at least 2")
    t = np.arange(frames) / frames
    ways = [between(a, b, t, path) for a, b in zip(stops, np.roll(stops, -1, 0), strict=True)]
    z = np.concatenate(ways)  # (S frames, N, L)
    made = model.pictures(z.reshape(-1, z.shape[2]))
    return made.reshape(*z.shape[:2], *made.shape[1:])


@dataclass(frozen=True)
class Neighbours:
    """The nearest picture of each.

    Attributes:
        index: which one it is (N,).
        mirrored: whether its mirror image is the nearest (N,) bool.
        distance: root mean square difference of the pixels' values, 0 to 255 (N,).
    """

    index: np.ndarray
    mirrored: np.ndarray
    distance: np.ndarray

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return the nearest pictures themselves, mirrored where they were met so."""
        found = images[self.index]
        found[self.mirrored] = found[self.mirrored, :, :, ::-1]
        return found


def nearest(pictures: np.ndarray, images: np.ndarray, own: np.ndarray | None = None) -> Neighbours:
    """Find the nearest of ``images``, or of their mirror images, to each of ``pictures``, pixel by pixel.

    Args:
        pictures: uint8 (N, C, H, W).
        images: uint8 (M, C, H, W).
        own: (N,): the number that each picture itself has among the images, which is passed over; None: they are not
            among them.
    """
    n, size = len(pictures), pictures[0].size
    both = np.stack([pictures, pictures[:, :, :, ::-1]]).reshape(2, n, size).astype(np.float32)
    squares = (both[0] ** 2).sum(1)
    best, found = np.full(n, np.inf), np.zeros((n, 2), np.int64)  # which image, whether mirrored
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK].reshape(-1, size).astype(np.float32)
        lengths = (block**2).sum(1)
        for mirrored in (0, 1):  # to mirror the picture is as good as to mirror the image
            distance = squares[:, None] + lengths - 2 * (both[mirrored] @ block.T)  # |a|^2 + |b|^2 - 2 a.b, (N, block)
            if own is not None:
                mine = np.flatnonzero((own >= start) & (own < start + len(block)))
                distance[mine, own[mine] - start] = np.inf
            k = distance.argmin(1)
            value = distance[np.arange(n), k]
            better = value < best
            best[better] = value[better]
            found[better] = np.stack([start + k, np.full(n, mirrored)], 1)[better]
    result = Neighbours(found[:, 0], found[:, 1].astype(bool), np.empty(0))
    # the sum above loses its small digits where two pictures are nearly alike: once more, directly
    gap = pictures.astype(np.float64) - result.of(images)
    return Neighbours(result.index, result.mirrored, np.sqrt((gap**2).reshape(n, -1).mean(1)))


def says(distances: np.ndarray, usual: np.ndarray) -> str:
    """Say in words how near samples are to the training pictures.

    Args:
        distances: of each sample to its nearest training picture (N,).
        usual: of real pictures to their nearest other one (M,).
    """
    low, middle = np.quantile(usual, [0.01, 0.5])
    close = int((distances < low).sum())
    judged = f"{close} of {len(distances)} samples are nearer than that: look whether they are copies" if close else (
        "no sample is nearer than that: none is a copy of one picture"
    )
    return (f"real pictures: half have another one within {middle:.1f}, one in a hundred within {low:.1f}; {judged} "
            f"(samples: median {np.median(distances):.1f})")
