"""Logs larger than memory: chunks hold the log, and fitting them gives what fitting in memory gives."""

import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import chi2

import diml_envs
from diml_inverse import (
    LBFGS,
    Adam,
    Bounded,
    Fixed,
    LearningDynamics,
    LogError,
    Status,
    fit,
    load_log,
    open_log,
)
from diml_inverse.information import LEVEL
from diml_inverse.learners import LogitQ
from diml_inverse.mechanisms import Congestion, NeuralAnonymous, TabularAnonymous, TabularJoint
from diml_inverse.sample import Sample
from diml_inverse.stream_sample import StreamSample

SIZES = (3, 3, 3)
KNOWN = dict(inverse_temperature=Fixed(6.0), exploration=Fixed(0.06))
FIELDS = ("actions", "mask", "payoffs", "probabilities")


def rule():
    return LogitQ(SIZES, step_size=Fixed(0.3), **KNOWN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 episodes of 12 steps in shards of 100 rows, which end within episodes and within steps."""
    learner = diml_envs.LogitQ(step_size=0.3, inverse_temperature=6.0, exploration=0.06)
    log = diml_envs.simulate(diml_envs.Congestion(3, 3, seed=1), learner, episodes=40, horizon=12, seed=0)
    return log.save(tmp_path_factory.mktemp("stream") / "log", shard_rows=100)


def test_chunks_hold_the_log_once_and_no_more_rows_than_asked_for(folder):
    stream, whole = open_log(folder, rows=150), load_log(folder)
    assert (stream.num_episodes, stream.num_choices, stream.num_actions) == (40, 40 * 36, SIZES)
    assert stream.agents == whole.agents
    seen = []
    for chunk in stream.chunks():
        assert chunk.num_choices <= 150
        same = whole.select([whole.episode_ids.index(k) for k in chunk.episode_ids])
        for name in FIELDS:
            torch.testing.assert_close(
                getattr(chunk, name), getattr(same, name), rtol=0, atol=0, equal_nan=True
            )
        seen += chunk.episode_ids
    assert sorted(seen) == sorted(whole.episode_ids)
    shuffled = [e for chunk in stream.chunks(seed=1) for e in chunk.episode_ids]
    assert shuffled != seen and sorted(shuffled) == sorted(seen)
    train, test = stream.split(0.25, seed=0)
    assert (train.num_episodes, test.num_episodes) == (30, 10)
    assert not set(train.positions) & set(test.positions)


def test_a_full_pass_gives_the_gradient_in_memory(folder):
    mechanism = NeuralAnonymous(SIZES, width=8, ridge=0.1)
    one, two = (LearningDynamics(NeuralAnonymous(SIZES, width=8, ridge=0.1), rule()) for _ in range(2))
    whole, stream = Sample.of(load_log(folder), one), StreamSample(open_log(folder, rows=150), two)
    left, right = whole.descend(one, 1440), stream.descend(two, 1440)
    torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-12)
    for a, b in zip(one.mechanism.parameters(), two.mechanism.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        stream.log_likelihood(two), whole.log_likelihood(one).detach(), rtol=1e-10, atol=0
    )
    assert mechanism.num_actions == SIZES


@pytest.mark.slow
def test_lbfgs_finds_the_estimate_in_memory(folder):
    learner = LogitQ(SIZES, step_size=Bounded(0.5), **KNOWN)
    settings = LBFGS(max_steps=60)
    there = fit(open_log(folder, rows=400), Congestion(SIZES), learner, optimizer=settings)
    here = fit(load_log(folder), Congestion(SIZES), learner, optimizer=settings)
    np.testing.assert_allclose(there.log_likelihood, here.log_likelihood, rtol=1e-7)
    np.testing.assert_allclose(there.without_payoffs, here.without_payoffs, rtol=1e-7)
    np.testing.assert_allclose(there.uniform, here.uniform, rtol=1e-12)
    np.testing.assert_allclose(
        there.learner.step_size().detach(), here.learner.step_size().detach(), rtol=1e-2
    )
    assert there.num_choices == here.num_choices and there.status is here.status


@pytest.mark.slow
def test_adam_on_minibatches_comes_close_to_the_estimate_in_memory(folder):
    settings = Adam(max_steps=400, batch_size=8, learning_rate=1e-2, patience=200)
    mechanism = NeuralAnonymous(SIZES, width=16, ridge=0.03)
    there = fit(open_log(folder, rows=400), mechanism, rule(), optimizer=settings, seed=1)
    here = fit(load_log(folder), mechanism, rule(), optimizer=settings, seed=1)
    assert abs(there.log_likelihood_per_choice - here.log_likelihood_per_choice) < 0.02
    assert there.log_likelihood_per_choice > there.without_payoffs / there.num_choices + 0.01
    assert "NeuralAnonymous x LogitQ" in there.summary()


def test_minibatches_go_through_every_episode(folder):
    model = LearningDynamics(Congestion(SIZES), rule())
    batches = StreamSample(open_log(folder, rows=400), model).batches(Adam(batch_size=4), 0)
    sizes, seen = [], []
    while len(seen) < 40:
        part = next(batches)
        sizes.append(part.dataset.num_episodes)
        seen += part.dataset.episode_ids
    assert max(sizes) == 4 and len(set(seen)) == 40


def test_errors_name_the_row_of_the_file(folder, tmp_path):
    table = pq.read_table(sorted(folder.glob("*.parquet")))
    bad = table.column("action").to_numpy().copy()
    bad[1000] = 7
    table = table.set_column(table.column_names.index("action"), "action", pa.array(bad))
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=300)
    stream = open_log(tmp_path / "log.parquet", rows=150)
    with pytest.raises(LogError, match=r"log.parquet, data row 1001 \(.*column 'action': .* found 7"):
        list(stream.chunks())


def test_what_cannot_be_streamed_is_refused(folder, tmp_path):
    with pytest.raises(LogError, match="found nothing there"):
        open_log(tmp_path / "nothing")
    with pytest.raises(LogError, match="rows: expected at least 1, found 0"):
        open_log(folder, rows=0)
    with pytest.raises(ValueError, match=r"ridge: expected a number.*larger than memory"):
        fit(open_log(folder), TabularAnonymous(SIZES), rule())
    crowd = diml_envs.simulate_population(
        diml_envs.Congestion(9, 3), diml_envs.LogitQ(0.3, 3.0, 0.1), episodes=1, horizon=2, seed=0
    )
    with pytest.raises(LogError, match=r"found kind 'population'.*use load_log"):
        open_log(crowd.save(tmp_path / "crowd"))
    foreign = pq.read_table(sorted(folder.glob("*.parquet"))).replace_schema_metadata(None)
    pq.write_table(foreign, tmp_path / "foreign.parquet")
    with pytest.raises(LogError, match="Give num_actions="):
        open_log(tmp_path / "foreign.parquet")
    assert open_log(tmp_path / "foreign.parquet", num_actions=3).agents == ("agent_0", "agent_1", "agent_2")


@pytest.mark.slow
def test_memory_is_bounded_by_the_rows_in_memory(tmp_path):
    """A log of 1.2 million rows: the arrays of NumPy at the peak of one pass stay below a quarter of it."""
    learner = diml_envs.LogitQ(step_size=0.3, inverse_temperature=6.0, exploration=0.06)
    log = diml_envs.simulate(diml_envs.Congestion(3, 3), learner, episodes=4000, horizon=100, seed=0)
    folder = log.save(tmp_path / "log", shard_rows=100_000)

    def peak(read):
        tracemalloc.start()
        read()
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    whole = peak(lambda: load_log(folder))
    parts = peak(lambda: [chunk.num_choices for chunk in open_log(folder, rows=50_000).chunks()])
    assert parts < whole / 4


def one_after_another(path, *parts, rows):
    """Episodes of several arrays of actions in one log, opened with so many rows in memory."""
    tables = []
    for k, actions in enumerate(parts):
        episode, step, agent = np.indices(actions.shape)
        columns = {"episode": episode + 1000 * k, "step": step, "agent": agent, "action": actions}
        tables.append(pd.DataFrame({name: values.ravel() for name, values in columns.items()}))
    pd.concat(tables).to_parquet(path, index=False)
    return open_log(path, num_actions=3, rows=rows)


@pytest.mark.slow
def test_freedom_is_counted_over_the_whole_log_whatever_the_first_chunk_shows(tmp_path):
    """A first chunk of two steps shows at most 6 situations; random play may look informative beside 12."""
    random = np.random.default_rng(1)
    parts = (random.integers(0, 3, (episodes, horizon, 3)) for episodes, horizon in ((1, 2), (2, 240)))
    stream = one_after_another(tmp_path / "log.parquet", *parts, rows=720)
    mechanism = TabularJoint(SIZES, ridge=1e-4)
    sample = StreamSample(stream, LearningDynamics(mechanism, rule()))
    assert stream.first().num_choices == 6
    assert sample.num_situations(1000) == 27  # 3 agents times 9 joint actions of the others
    assert sample.num_situations(5) >= 5  # it need not read on
    result = fit(stream, mechanism, rule(), optimizer=LBFGS(max_steps=40), progress=False)
    gain = 2 * (result.log_likelihood - result.without_payoffs)
    assert gain > chi2.isf(LEVEL, 12)  # beyond chance, were these all the situations there are
    assert result.status is Status.NO_INFORMATION


@pytest.mark.slow
def test_a_first_chunk_in_which_nobody_has_been_paid_yet_does_not_silence_the_rest(tmp_path):
    game = diml_envs.Congestion(3, 3, seed=1)
    players = diml_envs.LogitQ(step_size=0.3, inverse_temperature=6.0, exploration=0.06)
    parts = (diml_envs.simulate(game, players, episodes=3, horizon=h, seed=0).actions for h in (1, 120))
    stream = one_after_another(tmp_path / "log.parquet", *parts, rows=360)
    assert stream.first().mask.shape == (3, 1)
    result = fit(stream, Congestion(SIZES), rule(), optimizer=LBFGS(max_steps=20), progress=False)
    assert result.status is not Status.NO_INFORMATION
