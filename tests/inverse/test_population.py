"""Population logs: counts per group, fitted at a cost that does not depend on how many agents there are."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

import diml_envs
from diml_envs.learners import FictitiousPlay as FictitiousPlayTwin
from diml_envs.learners import Hedge as HedgeTwin
from diml_envs.learners import LogitQ as LogitQTwin
from diml_envs.learners import PolicyGradient as PolicyGradientTwin
from diml_inverse import (
    Fixed,
    LearningDynamics,
    LogError,
    PopulationDataset,
    TrajectoryDataset,
    fit,
    load_log,
    load_result,
)
from diml_inverse.learners import BanditQ, Batched, FictitiousPlay, Hedge, LogitQ, MemoryK, PolicyGradient
from diml_inverse.mechanisms import Congestion, NeuralAnonymous, PublicGoods, TabularAnonymous, TabularJoint
from diml_inverse.metrics import interaction_share, payoff_difference_r2, realised_difference_r2

MILLION = 1_000_000
LINEAR, QUADRATIC = np.array([3.0, 1.0, 0.3, 2.0]), np.array([1.0, 4.0, 8.0, 2.0])
RULE = dict(step_size=Fixed(0.7), inverse_temperature=Fixed(6.0), exploration=Fixed(0.05))
TWIN = LogitQTwin(0.7, 6.0, 0.05)
PAIRS = {
    "logit-Q": (TWIN, lambda s: LogitQ(s, **RULE)),
    "Hedge": (HedgeTwin(0.4, 0.2, 0.02),
              lambda s: Hedge(s, step_size=Fixed(0.4), forgetting=Fixed(0.2), exploration=Fixed(0.02))),
    "fictitious play": (FictitiousPlayTwin(6.0, forgetting=0.3, exploration=0.02),
                        lambda s: FictitiousPlay(s, inverse_temperature=Fixed(6.0), forgetting=Fixed(0.3),
                                                 exploration=Fixed(0.02))),
    "policy gradient": (PolicyGradientTwin(2.0, exploration=0.02),
                        lambda s: PolicyGradient(s, step_size=Fixed(2.0), exploration=Fixed(0.02))),
}  # fmt: skip


def roads(n):
    """Costs of order 1 at shares of order 1, however many agents: linear * share + quadratic * share^2."""
    game = diml_envs.Congestion(n, 4, linear=n * LINEAR, quadratic=QUADRATIC, toll=np.zeros(4))
    return diml_envs.Scaled(game, 1 / n**2)


def simulated(n, rule=TWIN, *, episodes=6, horizon=25, seed=0, sizes=None):
    return diml_envs.simulate_population(
        roads(n), rule, episodes=episodes, horizon=horizon, seed=seed, group_sizes=sizes, progress=False
    )


def dataset_of(log):
    return PopulationDataset.from_arrays(
        log.counts, log.num_actions, groups=log.groups, payoffs=log.payoffs,
        probabilities=log.probabilities, context=log.context, lengths=log.lengths,
    )  # fmt: skip


def true_mechanism(data, n):
    mechanism = Congestion(data.num_actions, unit=n)
    mechanism.linear.data = torch.from_numpy(LINEAR.copy())
    mechanism.quadratic.data = torch.from_numpy(QUADRATIC.copy())
    return mechanism


# Reading


def test_a_saved_log_loads_as_it_was(tmp_path):
    log = simulated(1000, sizes=(700, 300))
    data, same = load_log(log.save(tmp_path / "log", shard_rows=101)), dataset_of(log)
    assert isinstance(data, PopulationDataset) and data.groups == ("group_0", "group_1")
    assert data.population == 1000 and data.num_choices == 1000 * 6 * 25
    for name in ("counts", "mask", "payoffs", "probabilities"):
        assert torch.equal(getattr(data, name).nan_to_num(-7), getattr(same, name).nan_to_num(-7)), name
    np.testing.assert_array_equal(data.counts.numpy(), log.counts)
    assert data.provenance["made_by"] == "diml_envs.simulate_population"


def test_foreign_tables_csv_and_shuffled_rows_lead_to_the_same_data(tmp_path):
    log = simulated(1000, episodes=2, horizon=3)
    frame = log.to_pandas().sample(frac=1, random_state=0)
    frame["group"] = frame["group"].astype(str)
    names = {"episode": "run", "count": "cars", "action": "road"}
    foreign = frame.rename(columns=names)
    foreign.to_csv(tmp_path / "log.csv", index=False)
    one = PopulationDataset.from_table(foreign, num_actions=4, columns=names)
    two = load_log(tmp_path / "log.csv", num_actions=4, columns=names)
    assert torch.equal(one.counts, dataset_of(log).counts) and torch.equal(two.counts, one.counts)
    with pytest.raises(LogError, match=r"found kind 'population'.*Use PopulationDataset.from_table"):
        TrajectoryDataset.from_table(foreign, num_actions=4, columns=names)


def rows(**changes):
    table = {"episode": [0] * 4, "step": [0, 0, 1, 1], "group": ["all"] * 4, "action": [0, 1] * 2,
             "count": [3, 1, 2, 2]}  # fmt: skip
    return pd.DataFrame(table | changes)


BAD = {
    "a share": (rows(count=[0.75, 0.25, 0.5, 0.5]), r"data row 1 .*column 'count': expected a whole number"),
    "negative": (rows(count=[3, -1, 2, 2]), r"data row 2 .*'count': expected a whole number of at least 0"),
    "no such action": (
        rows(action=[0, 2, 0, 1]),
        r"data row 2 .*'action': expected a whole number from 0 to 1",
    ),
    "twice": (
        rows(action=[0, 0, 0, 1]),
        r"one row per episode, step and group and action, found a duplicate",
    ),
    "a row missing": (rows().iloc[:3], r"found none of \['all, action 1'\].*has a count, 0 included"),
    "a hole": (rows(step=[0, 0, 2, 2]), r"expected step 1 after step 0, found 2"),
    "empty group": (rows(count=[0, 0, 2, 2]), r"expected members of the group at every step"),
    "nobody": (rows(count=[0, 0, 0, 0]), r"expected somebody in the episode"),
    "payoff": (rows(payoff=[1.0, np.inf, 0.0, 0.0]), r"data row 2 .*'payoff': expected a finite number"),
    "probabilities": (
        rows(probability=[0.7, 0.7, 0.5, 0.5]),
        r"'probability': expected probabilities that add",
    ),
    "contexts": (rows(context=[1.0, 2.0, 1.0, 1.0]), r"'context': expected the context \[1.0\]"),
}


@pytest.mark.parametrize("table, message", BAD.values(), ids=BAD)
def test_bad_population_logs_are_refused(table, message):
    with pytest.raises(LogError, match=message):
        PopulationDataset.from_table(table, num_actions=2)


def test_bad_arrays_are_refused():
    with pytest.raises(LogError, match=r"'counts', episode 0, step 1, group 'all', action 0"):
        PopulationDataset.from_arrays([[[[1, 2]], [[0.5, 2]]]], 2)
    with pytest.raises(LogError, match=r"expected shape \[E, T, G, A\]"):
        PopulationDataset.from_arrays([[[1, 2]]], 2)


def test_parts_and_padding():
    log = simulated(1000)
    data = PopulationDataset.from_arrays(log.counts, 4, lengths=[25, 3, 25, 1, 9, 25])
    assert data.num_choices == 1000 * (25 + 3 + 25 + 1 + 9 + 25)
    train, test = data.split(0.5, seed=0)
    assert sorted(train.episode_ids + test.episode_ids) == list(range(6))
    model = LearningDynamics(true_mechanism(data, 1000), LogitQ(data.num_actions, **RULE))
    whole = model.log_likelihood(data).detach()
    for e, length in enumerate([25, 3, 25, 1, 9, 25]):
        alone = PopulationDataset.from_arrays(log.counts[e : e + 1, :length], 4)
        torch.testing.assert_close(model.log_likelihood(alone).detach()[0], whole[e], rtol=1e-10, atol=0)


# The likelihood


@pytest.mark.parametrize("sizes", [None, (900, 100)], ids=["one group", "two groups"])
@pytest.mark.parametrize("twin, rule", PAIRS.values(), ids=PAIRS)
def test_replay_gives_the_simulators_own_probabilities(twin, rule, sizes):
    log = simulated(1000, twin, sizes=sizes)
    data = dataset_of(log)
    model = LearningDynamics(true_mechanism(data, 1000), rule(data.num_actions))
    policies = model.log_policies(data).exp().detach().numpy()
    np.testing.assert_allclose(policies, log.probabilities, rtol=1e-10, atol=1e-10)
    by_hand = (log.counts * np.log(log.probabilities)).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_likelihood(data).detach(), by_hand, rtol=1e-10)


FAMILIES = {
    "congestion": lambda s, n: Congestion(s),
    "network": lambda s, n: NeuralAnonymous(s, width=8, ridge=1.0),
    "table": lambda s, n: TabularAnonymous(s, ridge=1.0),
    "table, one each": lambda s, n: TabularAnonymous(s, ridge=1.0, symmetric=False),
    "roles": lambda s, n: NeuralAnonymous(s, width=8, ridge=1.0, roles=("a", "b", "a", "c", "b")),
    "public goods": lambda s, n: PublicGoods(s),
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_groups_of_one_are_individual_agents(family):
    """Counts of five groups of one agent each: the same payoffs, likelihood and gradient to 1e-10."""
    actions = np.random.default_rng(0).integers(0, 4, (3, 12, 5))
    one = TrajectoryDataset.from_arrays(actions, (4,) * 5, lengths=[12, 5, 9])
    mask = (np.arange(12) < np.array([12, 5, 9])[:, None])[..., None, None]
    crowd = PopulationDataset.from_arrays(np.eye(4)[actions] * mask, (4,) * 5, lengths=[12, 5, 9])
    mechanism = family((4,) * 5, 5)
    for parameter in mechanism.parameters():
        parameter.data = torch.from_numpy(np.random.default_rng(1).normal(0, 0.3, parameter.shape))
    model = LearningDynamics(mechanism, LogitQ((4,) * 5, **RULE))
    left, right = model.log_likelihood(one), model.log_likelihood(crowd)
    torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)
    parameters = list(mechanism.parameters())
    for a, b in zip(
        torch.autograd.grad(left.sum(), parameters, allow_unused=True),
        torch.autograd.grad(right.sum(), parameters, allow_unused=True),
        strict=True,
    ):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_mean_payoffs_by_hand():
    """3 members on road 0, 1 on road 1: of load 3 and 1, a mover to road 1 would meet load 2."""
    data = PopulationDataset.from_arrays([[[[3, 1]], [[3, 1]]]], 2)
    mechanism = Congestion((2,))
    mechanism.linear.data = torch.tensor([1.0, 10.0], dtype=torch.float64)
    model = LearningDynamics(mechanism, LogitQ((2,), **RULE))
    contexts = model.contexts(data)
    payoffs = contexts.look_up(mechanism.payoff_table(contexts))[0, 0, 0]
    # members on 0 (share 3/4): stay -3, move -20; the one on 1: stay -10, move -4
    expected = [0.75 * -3 + 0.25 * -4, 0.75 * -20 + 0.25 * -10]
    np.testing.assert_allclose(payoffs.detach(), expected, rtol=1e-12)
    assert contexts.agent.shape == (2,)  # both steps alike


# Fitting


def test_a_million_agents_parameters_are_recovered():
    truth = roads(MILLION)
    log = simulated(MILLION, episodes=8, horizon=30)
    data = dataset_of(log)
    result = fit(data, Congestion(data.num_actions, unit=MILLION), LogitQ(data.num_actions, **RULE))
    found = result.mechanism
    assert result.num_choices == MILLION * 240 and result.agents == ("all",)
    shift = float((found.linear.detach() - torch.from_numpy(LINEAR)).mean())
    np.testing.assert_allclose(found.linear.detach().numpy() - shift, LINEAR, atol=0.02)
    np.testing.assert_allclose(found.quadratic.detach().numpy(), QUADRATIC, atol=0.03)
    assert payoff_difference_r2(found, truth, data) > 0.999
    assert 0 < interaction_share(truth, data) < 1
    assert realised_difference_r2(found, data).mean_squared_error >= 0
    assert "Congestion x LogitQ" in result.summary() and "240,000,000 choices" in result.summary()


@pytest.mark.slow
def test_two_groups_with_their_own_step_sizes_and_a_saved_result(tmp_path):
    log = simulated(10_000, LogitQTwin([0.1, 0.5], 6.0, 0.05), sizes=(6000, 4000), episodes=10)
    data = dataset_of(log)
    from diml_inverse import Bounded

    rule = LogitQ(data.num_actions, **(RULE | {"step_size": Bounded(0.3, agents=2)}))
    result = fit(data, Congestion(data.num_actions, unit=data.population), rule)
    np.testing.assert_allclose(result.learner.step_size().detach().reshape(-1), [0.1, 0.5], atol=0.03)
    again = load_result(result.save(tmp_path / "fit"))
    assert again.mechanism.unit == 10_000 and again.log_likelihood == result.log_likelihood


def test_weights_by_logged_probabilities_are_sizes_times_probabilities():
    data = dataset_of(simulated(1000))
    soft = data.weighted_by_probabilities()
    assert torch.allclose(soft.choice_weights(), 1000 * data.probabilities)
    model = LearningDynamics(true_mechanism(data, 1000), LogitQ(data.num_actions, **RULE))
    entropy = (1000 * data.probabilities * data.probabilities.log()).sum((1, 2, 3))
    torch.testing.assert_close(model.log_likelihood(soft).detach(), entropy, rtol=1e-10, atol=1e-8)


def test_work_is_bounded_by_steps_and_actions_however_many_agents():
    data = dataset_of(simulated(MILLION, episodes=20, horizon=50))
    contexts = LearningDynamics(true_mechanism(data, MILLION), LogitQ((4,), **RULE)).contexts(data)
    assert contexts.agent.shape[0] <= contexts.index.numel() == 20 * 50 * 4


@pytest.mark.slow
def test_cost_does_not_depend_on_the_number_of_agents():
    """One gradient of a million agents, counted, against one of 300 agents, one by one; best of several."""

    def seconds(data, mechanism):
        model = LearningDynamics(mechanism, LogitQ(data.num_actions, **RULE))
        contexts, best = model.contexts(data), np.inf
        for _ in range(7):
            started = time.perf_counter()
            model.log_likelihood(data, contexts).sum().backward()
            best = min(best, time.perf_counter() - started)
        return best

    crowd = dataset_of(simulated(MILLION, episodes=20, horizon=50))
    log = diml_envs.simulate(roads(300), diml_envs.LogitQ(0.7, 6.0, 0.05), episodes=20, horizon=50, seed=0)
    single = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    assert seconds(crowd, true_mechanism(crowd, MILLION)) < 1.2 * seconds(single, true_mechanism(single, 300))


# Refusals


def test_rules_that_read_actions_are_refused():
    data = dataset_of(simulated(1000))
    sizes, bandit = data.num_actions, dict(step_size=Fixed(0.3), inverse_temperature=Fixed(1.0))
    for rule in (
        BanditQ(sizes, **bandit),
        MemoryK(sizes, memory=1),
        Batched(Hedge(sizes, step_size=Fixed(0.3)), every=2, innovation=Fixed(0.1)),
    ):
        with pytest.raises(TypeError, match=r"population log.*use a rule such as LogitQ, Hedge"):
            LearningDynamics(Congestion(sizes), rule).log_likelihood(data)
    batched = LearningDynamics(
        Congestion(sizes, unit=1000), Batched(Hedge(sizes, step_size=Fixed(0.3)), every=2)
    )
    assert torch.isfinite(batched.log_likelihood(data)).all()


def test_mechanisms_that_need_more_than_counts_are_refused():
    data = dataset_of(simulated(1000, sizes=(700, 300)))
    rule = LogitQ(data.num_actions, **RULE)
    with pytest.raises(TypeError, match=r"through counts.*found TabularJoint; use an anonymous mechanism"):
        LearningDynamics(TabularJoint(data.num_actions), rule).log_likelihood(data)
    with pytest.raises(ValueError, match=r"counts of 1 others in every situation; found from 999 to 999"):
        LearningDynamics(TabularAnonymous(data.num_actions), rule).log_likelihood(data)
    small = dataset_of(simulated(6))
    table = TabularAnonymous(small.num_actions, population=6, ridge=1.0)
    total = LearningDynamics(table, LogitQ(small.num_actions, **RULE)).log_likelihood(small)
    assert torch.isfinite(total).all()


def test_truths_that_need_more_than_counts_are_refused():
    data = dataset_of(simulated(1000))
    with pytest.raises(TypeError, match="count_payoffs"):
        payoff_difference_r2(true_mechanism(data, 1000), lambda actions: actions, data)


@pytest.mark.slow
def test_reports_of_population_logs_are_refused_and_the_command_line_fits_them(tmp_path):
    from typer.testing import CliRunner

    from diml_inverse.cli import app
    from diml_inverse.report import report

    folder = simulated(MILLION).save(tmp_path / "log")
    options = ["--mechanism", "congestion", "--learner", "logit-q", "--parameter", "step_size=0.7"]
    done = CliRunner().invoke(app, ["fit", str(folder), "--out", str(tmp_path / "fit"), *options])
    assert done.exit_code == 0, done.output
    result = load_result(tmp_path / "fit")
    assert result.mechanism.unit == MILLION
    with pytest.raises(TypeError, match=r"expected a log of individual agents; found PopulationDataset"):
        report(result, load_log(folder))
