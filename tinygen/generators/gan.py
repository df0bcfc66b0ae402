"""Pictures out of a contest: a generative adversarial network, convolutional (DCGAN).

What: one network, the generator, turns random points z into pictures; the other, the discriminator, is shown generated
and real pictures and learns to tell them apart. The generator learns from the discriminator's gradient alone what
would have made its pictures pass. It never sees a real one.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.5. I. Goodfellow et al., "Generative Adversarial
Nets" (2014). A. Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks" (2016). Averaged generator: Y. Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training" (2019).
Augmentation, losses and health: see ``augment.py``, ``gan_model.py`` and ``gan_health.py``.

Presets: ``book`` is the chapter: its networks, RMSprop, labels to which 0.5 u is added, u uniform in [0, 1), pictures
from 0 to 1 although the generator ends in a tanh. ``book-python`` is the Python edition, where it is 0.05 u. ``tuned``
has pictures from -1 to 1; networks that grow a picture from 4 x 4 pixels, so that a step of 64 pictures takes a
twentieth of the arithmetic of the chapter's of 20; Adam; pictures that are changed at random before the discriminator
sees them; and it draws samples with an average of the generator's weights.

Expect: the figures of ``PUBLISHED`` under ``book-python`` on CIFAR-10's frogs.

Read ``gan_model.py`` first, the networks and losses; then here: one step (``Trainer``), and the run around it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import to_device
from tinygen.data import DataLoader
from tinygen.data.images import ImageData, ImageDataset, load_images
from tinygen.generators import training
from tinygen.generators.augment import augment, policies
from tinygen.generators.gan_health import ADVICE, COLLAPSE, NOT_FINITE, Monitor, spread
from tinygen.generators.gan_model import (
    CHANCE,
    GAN,
    MAY_CHANGE,
    PRESETS,
    Settings,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    make_optimizer,
    settings_for,
)
from tinygen.generators.settings import image_shape, origin, stored_settings
from tinygen.generators.training import Diverged, Pace
from tinygen.generators.weights import with_weights_of
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import cat, stack
from tinygen.pictures import grid, read_image, save_gif, save_png
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

__all__ = ["CHANCE", "GAN", "PRESETS", "Settings", "Trainer", "generate", "load_data", "load_model", "settings_for",
           "train"]

COMMAND = "gan train"
PUBLISHED = {"d_loss": 0.6925, "g_loss": 0.76}  # medians over 10,000 steps; the latter from 0.51 to 1.14


def load_data(settings: Settings, report: Callable[[str], None] | None = None) -> ImageData:
    """Return the pictures to train on.

    Raises:
        ValueError: if they cannot be read, there are fewer than a step takes, or they are all the same.
    """
    data = load_images(
        settings.data, size=settings.size or None, channels=settings.channels or None, report=report
    )
    needed = max(settings.batch_size * settings.critic_steps, 2)
    if len(data) < needed:
        raise ValueError(f"`batch_size` {settings.batch_size} times `critic_steps` {settings.critic_steps}: a step "
                         f"takes {needed} pictures, but there are only {len(data)}")
    if (data.images == data.images[0]).all():
        raise ValueError(f"`data` is {settings.data!r}, whose pictures are all the same: there is nothing to learn")
    return data


# ---------------------------------------------------------------------------------------------------------- loop


class Trainer:
    """A training run: networks, optimisers, data and generators, and where it stands.

    Args:
        settings: what to do.
        data: the pictures.
        device: where to compute.
    """

    PARTS = ("d_loss", "g_loss", "d_real", "d_fake")

    def __init__(self, settings: Settings, data: ImageData, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        # One stream for each purpose, so that a change in one leaves the others as they were.
        purposes = ("init", "order", "latent", "labels", "dropout", "augment", "flip", "penalty")
        self.generators = {name: Generator((settings.seed << 8) + i) for i, name in enumerate(purposes)}
        init, order, _, _, dropout, _, flip, _ = self.generators.values()
        self.model = self.gan = GAN(settings, data.images.shape[1:], init, dropout).to(device)
        self.d_optimizer = make_optimizer(settings, self.gan.discriminator, settings.d_lr)
        self.g_optimizer = make_optimizer(settings, self.gan.generator, settings.g_lr)
        dataset = ImageDataset(data, settings.black, 1.0, flip=flip if settings.flip else None)
        # A batch that would be shorter is left out, as the chapter does: at the end of the pictures it begins anew.
        self.loader = DataLoader(
            dataset, settings.batch_size * settings.critic_steps, settings.shuffle, drop_last=True, generator=order
        )
        self.batches = iter(self.loader)
        self.policies = policies(settings.augment)
        self.fixed = self.gan.latents(64, Generator((settings.seed << 8) + 100))  # the same in every sample
        self.real = data.images[np.linspace(0, len(data) - 1, 8).astype(int)]  # beside them
        self.real_spread = spread(data.images[np.linspace(0, len(data) - 1, min(len(data), 512)).astype(int)])
        self.monitor = Monitor(CHANCE[settings.loss])
        self.last_step = min(settings.steps, settings.max_steps or settings.steps)
        self.step = self.count = self.rollbacks = 0
        self.sums = Tensor(to_device(np.zeros(len(self.PARTS)), device))  # of the ``count`` steps since the last row
        self.keep()

    @property
    def epoch(self) -> int:
        """Which pass over the pictures it is, from 1."""
        return max(self.step - 1, 0) // len(self.loader) + 1

    # -- saving and going back

    def progress(self) -> dict[str, Any]:
        """All that training changes, beside the weights and the number of rollbacks."""
        return {
            "d_optimizer": self.d_optimizer.state_dict(), "g_optimizer": self.g_optimizer.state_dict(),
            "generators": {name: generator.state() for name, generator in self.generators.items()},
            "loader": self.loader.state_dict(), "monitor": self.monitor.state(),
            "step": self.step, "count": self.count, "sums": self.sums.to("cpu").tolist(),
        }

    def keep(self) -> None:
        """Remember this moment as the good one to go back to; the weights on the host."""
        weights = {name: to_device(array, "cpu") for name, array in self.gan.state_dict().items()}
        self.good = copy.deepcopy({"weights": weights, "progress": self.progress()})

    def go_to(self, moment: dict[str, Any]) -> None:
        """Be as at a moment that :meth:`keep` remembered."""
        self.gan.load_state_dict(moment["weights"])
        progress = moment["progress"]
        for optimizer, name in ((self.d_optimizer, "d_optimizer"), (self.g_optimizer, "g_optimizer")):
            optimizer.load_state_dict(progress[name])
        for name, value in progress["generators"].items():
            self.generators[name].set_state(value)
        self.loader.load_state_dict(progress["loader"])
        self.batches = iter(self.loader)
        self.monitor.load_state(copy.deepcopy(progress["monitor"]))
        self.step, self.count = progress["step"], progress["count"]
        self.sums = Tensor(to_device(np.asarray(progress["sums"], np.float64), self.device))

    def roll_back(self) -> None:
        """Go back to the good moment, with half the learning rate for the discriminator."""
        self.rollbacks += 1
        self.go_to(self.good)
        for group in self.d_optimizer.param_groups:
            group["lr"] = self.settings.d_lr * 0.5**self.rollbacks
        self.keep()

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs; the good moment too, unless it is this one."""
        good = None if self.good["progress"]["step"] == self.step else self.good
        return {"progress": self.progress(), "rollbacks": self.rollbacks, "good": good}

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.go_to({"weights": weights, "progress": state["progress"]})
        self.rollbacks = state["rollbacks"]
        if state["good"] is None:
            self.keep()
        else:
            self.good = state["good"]

    # -- learning

    def latents(self, n: int) -> Tensor:
        """Draw points (n, L)."""
        return Tensor(to_device(self.gan.latents(n, self.generators["latent"]), self.device))

    def advance(self) -> None:
        """Run one step: draw what it needs, train both networks, count."""
        real = next(self.batches, None)
        if real is None:
            self.batches = iter(self.loader)
            real = next(self.batches)
        n, settings = self.loader.batch_size, self.settings
        noise = None
        if settings.label_noise:
            draw = self.generators["labels"].uniform((2 * n,), device="cpu")
            noise = Tensor(to_device(settings.label_noise * draw, self.device))
        z_d, z_g = self.latents(n), self.latents(settings.batch_size)
        self.sums = self.sums + self.train_step(real[0].to(self.device), z_d, z_g, noise).double()
        self.step += 1
        self.count += 1
        if self.gan.average is not None:  # it follows closely at first
            self.gan.follow(min(settings.ema, (1 + self.step) / (10 + self.step)))

    def train_step(self, real: Tensor, z_d: Tensor, z_g: Tensor, noise: Tensor | None = None) -> Tensor:
        """Train the discriminator, ``critic_steps`` times, and the generator once.

        Args:
            real: pictures (K N, C, H, W), K being ``critic_steps``.
            z_d: points for the discriminator's steps (K N, L).
            z_g: points for the generator's step (N, L).
            noise: what is added to the discriminator's labels (2 K N,): in each of its steps first those of the
                generated pictures, then of the real ones; None for none.

        Returns:
            (4,), still on the device: the losses of the discriminator (mean over its steps) and the generator, and what
            the discriminator says, on average, of real and of generated pictures: the probability that they were
            generated (for least-squares and wgan-gp its score).
        """
        n, told = len(z_g), []
        for start in range(0, len(real), n):
            part = slice(start, start + n)
            labels = None if noise is None else noise[2 * start : 2 * (start + n)]
            told.append(self._train_discriminator(real[part], z_d[part], labels))
        d_loss, d_real, d_fake = stack(told).mean(0)
        return stack([d_loss, self._train_generator(z_g), d_real, d_fake])

    def _train_discriminator(self, real: Tensor, z: Tensor, noise: Tensor | None) -> Tensor:
        settings, n = self.settings, len(real)
        with no_grad():
            generated = self.gan.generator(z)
            both = augment(cat([generated, real]), self.policies, self.generators["augment"], settings.black)
        scores = self.gan.discriminator(both).reshape(-1)
        targets = Tensor(to_device(np.repeat(np.float32([1, 0]), n), self.device))
        loss = discriminator_loss(scores, targets if noise is None else targets + noise, settings.loss)
        if settings.loss == "wgan-gp":
            t = Tensor(to_device(self.generators["penalty"].uniform((n, 1, 1, 1), device="cpu"), self.device))
            loss = loss + settings.penalty * gradient_penalty(self.gan.discriminator, both[:n], both[n:], t)
        self._update(self.d_optimizer, loss)
        with no_grad():
            says = F.sigmoid(scores) if settings.loss in ("bce", "hinge") else scores
            return stack([loss.detach(), says[n:].mean(), says[:n].mean()])

    def _train_generator(self, z: Tensor) -> Tensor:
        discriminator = self.gan.discriminator.requires_grad_(False)  # frozen: gradients flow through, not into it
        generated = augment(self.gan.generator(z), self.policies, self.generators["augment"], self.settings.black)
        loss = generator_loss(discriminator(generated).reshape(-1), self.settings.loss)
        self._update(self.g_optimizer, loss)
        discriminator.requires_grad_(True)
        return loss.detach()

    def _update(self, optimizer: optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        if self.settings.clip_value and self.settings.optimizer == "adam":
            nn.utils.clip_grad_value_(optimizer.param_groups[0]["params"], self.settings.clip_value)
        optimizer.step()

    # -- looking

    def measure(self, look: bool) -> tuple[dict[str, Any], str | None]:
        """Return a row for ``metrics.jsonl``, the means since the last one, and what is unhealthy.

        Args:
            look: also at the variety of the pictures.
        """
        row = dict(zip(self.PARTS, (self.sums.to("cpu").numpy() / self.count).tolist(), strict=True))
        if look:
            row["variety"] = spread(self.gan.pictures(self.fixed, averaged=False)) / self.real_spread
        finding = self.monitor.see(self.step, row["d_loss"], row["g_loss"], row.get("variety"))
        self.sums, self.count = self.sums * 0, 0
        return {"step": self.step, "epoch": self.epoch, **row}, finding

    def finite(self) -> bool:
        """Whether all weights, and the losses since the last row, are finite."""
        arrays = [a for a in (*self.gan.state_dict().values(), self.sums._data) if a.dtype.kind == "f"]
        return bool(sum(array_module(a).isfinite(a).all() for a in arrays) == len(arrays))


def train(settings: Settings, out: str | Path, **options: Any) -> int:
    """Train both networks into the run directory ``out``; ``options`` and result: :func:`.training.train`."""
    return training.train(begin, loop, settings, out, command=COMMAND, may_change=MAY_CHANGE, **options)


def begin(settings: Settings, device: str, say: Callable[[str], None]) -> tuple[Trainer, dict[str, Any]]:
    """Return a trainer at the start, and what its run keeps beside the settings."""
    data = load_data(settings, say)
    trainer = Trainer(settings, data, device)
    return trainer, {"image_shape": list(trainer.model.shape), "data_crc32": training.checksum(data.images)}


def loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    if trainer.step == 0:
        trainer.keep()  # the weights may have come from a file
        sizes = [sum(p.numel() for p in network.parameters()) for network in
                 (trainer.gan.generator, trainer.gan.discriminator)]
        say(f"{len(trainer.loader.dataset):,} pictures {'x'.join(map(str, trainer.gan.shape))}; generator {sizes[0]:,} "
            f"parameters, discriminator {sizes[1]:,}; {total:,} steps on {trainer.device}")
    per_step = settings.batch_size
    pace = Pace(trainer.step, per_step)
    with Interruption() as interruption, Progress(total, unit="pictures", per_step=per_step, quiet=quiet) as progress:
        stop = False
        while not stop:
            trainer.advance()
            step = trainer.step
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            progress.update(step, epoch=trainer.epoch)
            look, save = step % settings.health_every == 0, step % settings.save_every == 0
            finding = None
            if look or step % settings.log_every == 0:
                row, finding = trainer.measure(look)
                run.log(**row, **({"health": finding} if finding else {}))
            if (stop or save) and finding is None and not trainer.finite():
                if not save and step < settings.steps:  # the next row will tell, in the run that goes on with this one
                    progress.print(f"stopped at step {step}, where {ADVICE[NOT_FINITE]}. Nothing of it is saved; "
                                   "--resume goes on from the checkpoint before")
                    return EXIT_INTERRUPTED
                finding = NOT_FINITE
            if look:
                seconds, speed = pace.at(step)
                progress.print(f"step {step}: d_loss {row['d_loss']:.4f}, g_loss {row['g_loss']:.4f}, variety "
                               f"{row['variety']:.2f}; {seconds:.1f} s")
                run.log_timing(step=step, epoch=trainer.epoch, seconds=seconds, pictures_per_second=speed)
            if finding:
                progress.print(f"step {step}: {ADVICE[finding]}")
            if finding == NOT_FINITE or (finding == COLLAPSE and settings.rollbacks):
                progress.print(_go_back(trainer, run, finding))
                stop, save = interruption.requested, True
                pace.begin(trainer.step)
            elif settings.sample_every and step % settings.sample_every == 0:
                save_sample(trainer, run)
            if save and not trainer.monitor.doubtful:
                trainer.keep()
            finished = trainer.step == total
            if finished:
                animate(run, total)
            if stop or save:
                run.checkpoint(trainer.gan.state_dict(), trainer.state(), step=trainer.step, finished=finished)
    if trainer.step == total and (told := verdict(settings, run)):
        say(told.rstrip())
    return training.ended(trainer, run, say)


def _go_back(trainer: Trainer, run: Run, finding: str) -> str:
    """Return to the good moment, and say so; where that was done often enough, save that moment and raise."""
    step, back, limit = trainer.step, trainer.good["progress"]["step"], trainer.settings.rollbacks
    if trainer.rollbacks >= limit:
        trainer.go_to(trainer.good)
        run.checkpoint(trainer.gan.state_dict(), trainer.state(), step=back)
        raise Diverged(f"at step {step} {ADVICE[finding]}. The run stops here"
                       f"{f', having gone back {limit} times,' if limit else ''} and is saved as it was at step {back}")
    trainer.roll_back()
    run.log(step=step, epoch=trainer.epoch, rollback=trainer.rollbacks, to_step=back, reason=finding)
    rate = trainer.d_optimizer.param_groups[0]["lr"]
    return (f"going back to step {back}, the discriminator's learning rate halved to {rate:g} (rollback "
            f"{trainer.rollbacks} of {limit})")


def verdict(settings: Settings, run: Run) -> str:
    """Say where a run's median losses stand beside the published ones, "" where there are none."""
    chapter = {"preset": "book-python", "data": "cifar10-frogs", "width": 1.0, "loss": "bce", "label_noise": 0.05}
    if any(getattr(settings, name) != value for name, value in chapter.items()):
        return ""
    rows = [row for row in run.metrics() if row.get("d_loss") is not None]
    medians = {name: median(row[name] for row in rows) for name in PUBLISHED}
    beside = ", ".join(f"{name} {value:.4f} (published {PUBLISHED[name]})" for name, value in medians.items())
    return f"medians over {rows[-1]['step']:,} steps: {beside}\n"


# --------------------------------------------------------------------------------------------- a run that is there


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    image_shape(run)
    return stored_settings(run, Settings, **changes)


def load_model(
    path: str | Path, which: str = "auto", warn: Callable[[str], None] | None = None
) -> tuple[GAN, Settings]:
    """Return the networks of a run on the CPU, and its settings.

    Args:
        path: the run directory.
        which: ``"average"``: draw with the averaged generator; ``"last"``: with the generator itself, ``average`` of
            the model is then None; ``"auto"``: the average where there is one.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    if which not in ("auto", "average", "last"):
        raise ValueError(f"`which` is {which!r}; valid are 'auto', 'average' and 'last'")
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    model = with_weights_of(run, GAN(settings, image_shape(run), Generator(0)), "last", warn)
    if which == "average" and model.average is None:
        raise ValueError(f"`which` is 'average', but `{run.path}` was trained without one (--ema 0)")
    if which == "last":
        model.average = None
    return model, settings


# ------------------------------------------------------------------------------------------------------ pictures


def generate(model: GAN, n: int, generator: Generator, batch: int = 64) -> np.ndarray:
    """Draw n pictures: uint8 (n, C, H, W), by the averaged generator where there is one."""
    return model.pictures(model.latents(n, generator), batch)


def about(settings: Settings, **more: Any) -> dict[str, str]:
    """Return what a picture's file tells of where it comes from: text fields for :func:`save_png`."""
    return origin(settings, MAY_CHANGE, under="settings", **more)


def save_sample(trainer: Trainer, run: Run) -> None:
    """Write what the generator makes of the same 64 points every time, and 8 real pictures below."""
    made, real = grid(trainer.gan.pictures(trainer.fixed), 8), grid(trainer.real, 8)
    image = np.concatenate([made, np.full((3, 2, made.shape[2]), 255, np.uint8), real], axis=1)
    save_png(run.sample_path(trainer.step, ".png"), image, about(trainer.settings, step=trainer.step))


def animate(run: Run, last_step: int, frames: int = 60) -> None:
    """Write ``samples/training.gif``: the samples up to a step one after the other, at most ``frames`` of them."""
    paths = sorted((run.path / "samples").glob("step_*.png"))
    paths = [path for path in paths if int(path.stem[len("step_") :]) <= last_step]
    if len(paths) > 1:
        chosen = np.linspace(0, len(paths) - 1, min(frames, len(paths))).round().astype(int)
        images = [read_image(paths[i]) for i in chosen]
        save_gif(run.path / "samples" / "training.gif", [*images, *images[-1:] * 10], 0.1)
