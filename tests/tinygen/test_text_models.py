"""The networks of text: what they see, what they carry, and that writing token by token is running the window again."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.generators import text
from tinygen.generators.text_loss import Candidates, held_out_losses
from tinygen.generators.text_models import ConvModel, GatedBlock, GRUModel, LSTMModel
from tinygen.generators.text_sampling import draw, next_distribution
from tinygen.generators.text_settings import dilations
from tinygen.modes import no_grad
from tinygen.nn import functional as F

V = 9
MODELS = {
    "lstm": lambda: LSTMModel(V, 16, 2, generator=tg.Generator(3)),
    "lstm, embedding": lambda: LSTMModel(V, 16, 2, generator=tg.Generator(3), embedding=5),
    "gru": lambda: GRUModel(V, 16, 2, generator=tg.Generator(3)),
    "gru, embedding": lambda: GRUModel(V, 16, 1, generator=tg.Generator(3), embedding=5),
    "conv": lambda: ConvModel(V, 16, 4, generator=tg.Generator(3), cycle=3),
    "conv, wide": lambda: ConvModel(V, 8, 3, kernel=3, generator=tg.Generator(3)),
}
PROMPT = np.array([1, 2, 3, 4, 0, 8], np.int32)


@pytest.fixture(params=MODELS)
def model(request):
    """Each network, with weights that make its choices clear."""
    model = MODELS[request.param]().eval()
    for name, parameter in model.named_parameters():
        if "dense" in name:
            parameter.data = parameter.data * (30 if isinstance(model, ConvModel) else 6)
        elif "embedding" in name or "weight_ih" in name:
            parameter.data = parameter.data * 3
    return model


def tokens(length, rows=1, seed=0):
    return np.random.default_rng(seed).integers(0, V, (length, rows), np.int32)


def window_scores(model, read):
    """The scores after the last of ``read``, from running the whole window."""
    with no_grad():
        return model(tg.tensor(np.array(read, np.int32)[:, None])).numpy()[0]


def test_writing_token_by_token_equals_running_the_window_again(model):
    found = set()
    for prompt in tokens(7, 5).T:
        greedy = model.sample(prompt, 12, tg.Generator(0), greedy=True).tolist()
        written = prompt.tolist()
        for _ in range(12):
            written.append(int(window_scores(model, written).argmax()))
        assert written[7:] == greedy
        found |= set(greedy)
    assert len(found) > 1


@pytest.mark.parametrize("name", [name for name in MODELS if "lstm" not in name])
def test_a_steppers_scores_are_the_windows_to_the_rounding(name):
    model = MODELS[name]().eval()
    read = tokens(50)[:, 0]
    with no_grad():
        whole = model(tg.tensor(read[:, None]), every=True).numpy()[:, 0]  # (T, V)
        step = model.stepper()
    np.testing.assert_allclose([step(int(token)) for token in read], whole, atol=3e-6)


def test_carrying_the_state_equals_reading_in_one_go(model):
    read = tg.tensor(tokens(23, 3))
    with no_grad():
        whole, end = model.features(read)
        parts, state = [], None
        for start, stop in ((0, 1), (1, 4), (4, 20), (20, 23)):
            part, state = model.features(read[start:stop], state)
            parts.append(part.numpy())
    np.testing.assert_allclose(np.concatenate(parts), whole.numpy(), atol=2e-6)
    for a, b in zip(state, end, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-6)


def test_no_place_sees_what_follows_it(model):
    read = tokens(20)
    with no_grad():
        before = model(tg.tensor(read), every=True).numpy()
        read[12] = (read[12] + 1) % V
        after = model(tg.tensor(read), every=True).numpy()
    np.testing.assert_array_equal(before[:12], after[:12])
    assert abs(before[12] - after[12]).max() > 1e-4


@pytest.mark.parametrize("name", ["conv", "conv, wide"])
def test_the_receptive_field_is_what_it_says(name):
    model = MODELS[name]().eval()
    field = model.receptive_field
    assert field == {"conv": 1 + 1 + 2 + 4 + 1, "conv, wide": 1 + 2 * (1 + 2 + 4)}[name]
    read = tokens(field + 6)
    base = window_scores(model, read[:, 0])
    for back, seen in ((field - 1, True), (field, False)):  # the last place is 0 back
        changed = read.copy()
        changed[-1 - back] = (changed[-1 - back] + 1) % V
        moved = abs(window_scores(model, changed[:, 0]) - base).max()
        assert (moved > 1e-7) == seen, (back, moved)


def test_dilations_begin_again():
    assert dilations(7, 3) == [1, 2, 4, 1, 2, 4, 1]
    assert text.Settings(model="conv", layers=7, cycle=3, kernel=3, window=60).receptive_field == 1 + 2 * 15


def test_a_block_by_hand():
    block = GatedBlock(2, 2, 3, generator=tg.Generator(1)).eval()
    x = np.random.default_rng(0).standard_normal((8, 1, 2), np.float32)
    found = block(tg.tensor(x))[0].detach().numpy()[:, 0]
    z = (x - x.mean(2, keepdims=True)) / np.sqrt(x.var(2, keepdims=True) + 1e-5)
    w, b = block.conv.weight.detach().numpy(), block.conv.bias.detach().numpy()
    for t in range(8):
        past = z[t - 3, 0] if t >= 3 else np.zeros(2)
        a, gate = (w[:, :, 0] @ past + w[:, :, 1] @ z[t, 0] + b).reshape(2, 2)
        np.testing.assert_allclose(found[t], x[t, 0] + a / (1 + np.exp(-gate)), rtol=1e-4, atol=1e-5)


def test_dropout_before_the_scores_is_in_training_only():
    for make in (
        lambda p: LSTMModel(V, 16, generator=tg.Generator(0), output_dropout=p),
        lambda p: GRUModel(V, 16, generator=tg.Generator(0), output_dropout=p),
        lambda p: ConvModel(V, 16, 2, generator=tg.Generator(0), output_dropout=p),
    ):
        read = tg.tensor(tokens(5, 2))
        model, plain = make(0.5), make(0.0)
        a, b = (model(read, every=True).detach().numpy() for _ in range(2))
        assert abs(a - b).max() > 1e-3
        np.testing.assert_array_equal(model.eval()(read).detach().numpy(), plain(read).detach().numpy())


def test_what_is_silent_is_never_written(model):
    allowed = {2, 5}
    silent = tuple(sorted(set(range(V)) - allowed))
    for options in ({"temperature": 5.0}, {"greedy": True}, {"top_k": 4, "temperature": 2.0}, {"top_p": 0.5}):
        written = model.sample(PROMPT, 60, tg.Generator(1), silent=silent, **options)
        assert set(written.tolist()) <= allowed
    assert len(set(model.sample(PROMPT, 200, tg.Generator(1), 5.0).tolist())) > 4


def test_samples_follow_the_distribution(model):
    p = next_distribution(model, PROMPT[:2])
    generator = tg.Generator(1)
    draws = [int(model.sample(PROMPT[:2], 1, generator)[0]) for _ in range(600)]
    found = np.bincount(draws, minlength=V)
    chi_square = ((found - 600 * p) ** 2 / (600 * p)).sum()
    assert chi_square < 26.1  # 0.1 % of right samplers exceed it with 8 degrees of freedom


def test_draws_by_hand():
    scores = np.log(np.array([0.1, 0.4, 0.3, 0.2]))
    assert [draw(scores, u) for u in (0.0, 0.09, 0.11, 0.49, 0.51, 0.79, 0.81, 0.999)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {draw(scores, u, top_k=2) for u in np.linspace(0, 0.999, 50)} == {1, 2}
    assert {draw(scores, u, top_p=0.65) for u in np.linspace(0, 0.999, 50)} == {1, 2}
    assert {draw(scores, u, top_p=0.75) for u in np.linspace(0, 0.999, 50)} == {1, 2, 3}
    assert {draw(scores, u, temperature=0.01) for u in np.linspace(0.001, 0.999, 50)} == {1}
    assert draw(np.array([-np.inf, 0.0, -np.inf]), 0.0) == 1


# ------------------------------------------------------------------------------------------------------- losses


def test_held_out_losses_by_hand(model):
    read = tokens(30)[:, 0]
    model.train()
    found = held_out_losses(model, read, stretch=7)
    assert model.training
    model.eval()
    np.testing.assert_array_equal(held_out_losses(model, read, stretch=7), found)
    assert not model.training
    for t in (1, 6, 7, 8, 29):
        scores = window_scores(model, read[:t]).astype(np.float64)
        assert found[t - 1] == pytest.approx(np.log(np.exp(scores).sum()) - scores[read[t]], abs=1e-5)
    assert len(found) == 29


def full_softmax(model, hidden, targets):
    return F.cross_entropy(model.score(hidden), targets)


def test_sampled_softmax_tends_to_the_full_one():
    """Value and gradients, with so many candidates that chance hardly shows."""
    rng = np.random.default_rng(0)
    model = LSTMModel(V, 8, generator=tg.Generator(0))
    hidden = tg.tensor(rng.standard_normal((6, 8), np.float32), requires_grad=True)
    targets = tg.tensor(rng.integers(0, V, 6, np.int32))
    corpus = rng.integers(0, V, 500, np.int32) // 2  # uneven
    candidates = Candidates(corpus, V, 200_000, tg.Generator(5))
    over = [hidden, model.dense.weight, model.dense.bias]
    exact, estimate = full_softmax(model, hidden, targets), candidates.loss(model, hidden, targets)
    assert estimate.item() == pytest.approx(exact.item(), rel=0.01)
    for a, b in zip(tg.autograd.grad(exact, over), tg.autograd.grad(estimate, over), strict=True):
        assert abs(a.numpy() - b.numpy()).max() < 0.06 * abs(a.numpy()).max()


def test_candidates_are_drawn_as_often_as_the_tokens_occur():
    corpus = np.repeat(np.arange(4, dtype=np.int32), [49, 29, 9, 9])
    candidates = Candidates(corpus, 4, 8, tg.Generator(0))
    np.testing.assert_allclose(np.exp(candidates.correction), 8 * np.array([0.5, 0.3, 0.1, 0.1]), rtol=1e-6)


def test_a_candidate_that_is_the_target_does_not_count():
    model = LSTMModel(2, 8, generator=tg.Generator(0))
    candidates = Candidates(np.array([1], np.int32), 2, 1000, tg.Generator(0))
    hidden = tg.tensor(np.random.default_rng(0).standard_normal((5, 8), np.float32))
    targets = tg.tensor(np.array([0, 1, 0, 1, 1], np.int32))
    # were the two thirds of the candidates that are token 1 counted, it would cost ln 2 more
    assert candidates.loss(model, hidden, targets).item() == pytest.approx(
        full_softmax(model, hidden, targets).item(), rel=0.05
    )
