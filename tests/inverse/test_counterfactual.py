"""Predictions under a change: exact where nothing changes, as simulated where it does, covered if unsure."""

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.counterfactuals.log_conditions import states_at_end
from diml_inverse.counterfactuals.paths import World, play, play_alike
from diml_inverse.counterfactuals.tolls import Tolled
from diml_inverse.mechanisms import Congestion, Known, NeuralAnonymous, Offset, PublicGoods, TabularAnonymous
from diml_inverse.uncertainty.score_matrices import free_parameters
from diml_inverse.uncertainty.with_parameters import with_parameters
from tests.inverse.simulated_worlds import SIZES, alone, logged, logit, routes


@pytest.fixture(scope="module")
def truth():
    return di.LearningDynamics(routes(), logit())


@pytest.fixture(scope="module")
def data(truth):
    return logged(truth)


@pytest.fixture(scope="module")
def result(data):
    return di.fit(data, Congestion(SIZES), logit(), progress=False)


def test_nothing_changed_is_the_simulator(truth):
    found = play(World(truth.mechanism, truth.learner), episodes=20, horizon=25, seed=3)
    expected = truth.simulate(di.draw_uniforms(20, 25, 3, seed=3))
    assert torch.equal(found.actions, expected.actions)
    torch.testing.assert_close(found.policies, expected.policies, rtol=0, atol=1e-14)


def test_nothing_changed_has_exactly_no_effect(result, data):
    found = di.counterfactual(result, data=data, episodes=20, draws=5)
    assert (found.path_effect.value == 0).all() and (found.effect.value == 0).all()
    assert (found.effect.low == 0).all() and (found.effect.high == 0).all()
    assert (found.effect.monte_carlo == 0).all() and found.draws == 5
    assert found.licence.granted and not found.forced


def test_worlds_side_by_side_are_the_worlds_one_by_one(truth):
    worlds = [World(routes(linear=(0.2, x, 0.5)), truth.learner) for x in (0.1, 0.3, 0.7)]
    numbers = {"episodes": 7, "horizon": 12, "seed": 5}
    for world, found in zip(worlds, play_alike(worlds, **numbers), strict=True):
        expected = play(world, **numbers)
        assert torch.equal(found.actions, expected.actions)
        torch.testing.assert_close(found.policies, expected.policies, rtol=0, atol=1e-14)
        torch.testing.assert_close(found.payoffs, expected.payoffs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rule", ["LogitQ", "Hedge", "RegretMatching"])
def test_a_toll_equal_on_all_actions_changes_no_choice_under_full_information(rule):
    learner = {
        "LogitQ": logit(),
        "Hedge": di.learners.Hedge(SIZES, step_size=di.Fixed(0.5)),
        "RegretMatching": di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1)),
    }[rule]
    found = di.counterfactual(
        di.LearningDynamics(routes(), learner), toll=[0.4, 0.4, 0.4], episodes=10, horizon=20, numeraire=1.0
    )
    assert found.effect.value.abs().max() < 1e-12
    assert found.revenue.value == pytest.approx(3 * 0.4)


def test_a_toll_is_the_numpy_environments_toll():
    game = diml_envs.Congestion(num_agents=3, num_actions=3)
    rates = [0.0, 0.5, -0.25]
    mine = di.with_toll(Known(game, SIZES), rates)
    theirs = diml_envs.Toll(game, rates=rates)
    joint = np.stack(np.meshgrid(*[range(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    np.testing.assert_allclose(mine.payoffs(joint).numpy(), theirs(joint))
    np.testing.assert_allclose(mine.deviation_payoffs(joint).numpy(), theirs.deviation_payoffs(joint))


def test_a_toll_of_each_agent_is_taken_off_its_own_payoffs_of_a_shared_mechanism():
    rates = np.arange(9.0).reshape(3, 3)
    tolled, free = di.with_toll(routes(), rates), routes()
    joint = torch.tensor([[0, 1, 2], [2, 2, 0]])
    paid = free.deviation_payoffs(joint) - tolled.deviation_payoffs(joint)
    torch.testing.assert_close(paid, torch.from_numpy(rates).expand(2, 3, 3))


def test_a_prohibitive_toll_is_a_deleted_action_once_it_is_learned():
    """Without exploration; payoffs depend on nobody, so that policies from step 1 on are free of chance."""
    learner = logit((3,), exploration=0.0)
    dear = World(di.with_toll(alone(), [0.0, 1e9, 0.0]), learner)
    closed = World(alone(), learner, torch.tensor([[True, False, True]]))
    one, other = (play(world, episodes=4, horizon=10, seed=0) for world in (dear, closed))
    assert (other.policies[..., 1] == 0).all() and (other.actions != 1).all()
    torch.testing.assert_close(one.policies[:, 1:], other.policies[:, 1:], rtol=0, atol=1e-12)


def test_the_long_run_of_one_static_agent_is_the_logit_of_payoffs_less_tolls():
    rule = di.learners.StaticLogit((3,), inverse_temperature=di.Fixed(2.0))
    found = di.counterfactual(
        di.LearningDynamics(alone(), rule), toll=[0.0, 0.6, 0.0], episodes=2, horizon=8, numeraire=1.0
    )
    expected = torch.softmax(2 * torch.tensor([0.3, 0.5 - 0.6, 0.1], dtype=torch.float64), 0)
    torch.testing.assert_close(found.changed.value[0], expected)
    assert float(found.revenue.value) == pytest.approx(0.6 * float(expected[1]))


def test_numeraire_is_the_money_that_a_unit_of_payoff_is_worth(truth):
    numbers = {"episodes": 10, "horizon": 20}
    two = di.counterfactual(truth, toll=[0, 0.6, 0], numeraire=2.0, **numbers)
    one = di.counterfactual(truth, toll=[0, 0.3, 0], numeraire=1.0, **numbers)
    assert torch.equal(two.effect.value, one.effect.value)
    assert float(two.revenue.value) == pytest.approx(2 * float(one.revenue.value))


def test_a_toll_a_wrapper_and_an_offset_are_the_same_change(truth):
    numbers = {"episodes": 10, "horizon": 20, "numeraire": 1.0}
    rates = [0.0, 0.3, 0.0]
    found = [
        di.counterfactual(truth, toll=rates, **numbers),
        di.counterfactual(truth, mechanism=lambda m: di.with_toll(m, rates), **numbers),
        di.counterfactual(truth, mechanism=di.with_toll(truth.mechanism, rates), **numbers),
        di.counterfactual(truth, mechanism=lambda m: Offset(lambda a: -np.take(rates, a), m), **numbers),
    ]
    for other in found[1:]:
        torch.testing.assert_close(other.effect.value, found[0].effect.value, rtol=0, atol=1e-12)


def test_parameter_draws_reach_a_mechanism_made_from_the_recovered_one(result, data):
    rates, numbers = [0.0, 0.3, 0.0], {"data": data, "episodes": 20, "draws": 8, "numeraire": 1.0}
    made = di.counterfactual(result, mechanism=di.with_toll(result.mechanism, rates), **numbers)
    asked = di.counterfactual(result, toll=rates, **numbers)
    torch.testing.assert_close(made.effect.low, asked.effect.low)
    assert (asked.effect.high > asked.effect.low).all()
    assert (asked.effect.low <= asked.effect.value).all() and (asked.effect.value <= asked.effect.high).all()


def test_known_and_free_learners_are_simulated_alike(result, data):
    """A learner with a free parameter takes the slow way; at draws without spread both agree."""
    model = di.LearningDynamics(result.mechanism, logit(step=di.Bounded(0.25)))
    numbers = {"data": data, "episodes": 5, "draws": 0, "toll": [0, 0.3, 0], "numeraire": 1.0}
    known = di.counterfactual(result, **numbers)
    free = di.counterfactual(model, **numbers)
    torch.testing.assert_close(free.effect.value, known.effect.value, rtol=0, atol=1e-9)


def test_other_parameters_of_the_recovered_rule(truth):
    def faster(rule):
        rule.step_size = di.Fixed(1.0)
        return rule

    found = di.counterfactual(truth, learner=faster, episodes=10, horizon=20)
    expected = di.LearningDynamics(routes(), logit(step=1.0)).simulate(di.draw_uniforms(10, 20, 3, seed=0))
    torch.testing.assert_close(found.path_changed.value, expected.policies.mean(0))
    assert float(truth.learner.step_size()) == 0.25  # the recovered rule is left as it is


@pytest.mark.parametrize(
    "family", [Congestion, lambda s: NeuralAnonymous(s, width=8, ridge=1.0), PublicGoods]
)
def test_families_of_counts_extend_to_another_number_of_agents(family):
    model = di.LearningDynamics(family(SIZES), logit()).double()
    found = di.counterfactual(model, num_agents=2, episodes=6, horizon=10, force=True)
    assert found.agents == ("all agents",) and found.effect.value.shape == (1, 3)
    small = family((3, 3)).double()
    small.load_state_dict(model.mechanism.state_dict())
    uniforms = di.draw_uniforms(6, 10, 3, seed=0)[..., :2]
    expected = di.LearningDynamics(small, logit((3, 3))).simulate(uniforms).policies
    torch.testing.assert_close(found.path_changed.value, expected.mean((0, 2)).unsqueeze(1))


def test_payoffs_of_another_number_of_agents_are_in_money():
    bandit = di.learners.BanditQ(SIZES, step_size=di.Fixed(0.2), inverse_temperature=di.Fixed(1.0))
    truth = di.LearningDynamics(routes(), bandit)  # whose choices tell levels
    numbers = {"num_agents": 2, "episodes": 4, "horizon": 8, "force": True}
    found = {n: di.counterfactual(truth, numeraire=n, **numbers).payoff_effect.value for n in (1.0, 2.0)}
    assert float(found[1.0]) != 0.0
    torch.testing.assert_close(found[2.0], 2 * found[1.0])
    with pytest.raises(ValueError, match=r"for all agents where they change; found \[1.0, 2.0\]"):
        di.counterfactual(truth, numeraire=[1.0, 2.0], **numbers)


def test_a_single_episode_does_not_show_its_monte_carlo_error(truth):
    found = di.counterfactual(truth, toll=[0, 0.3, 0], numeraire=1.0, episodes=1, horizon=8)
    assert bool(found.effect.monte_carlo.isnan().all()) and bool(found.effect.value.isfinite().all())


@pytest.mark.parametrize(
    "mechanism", [TabularAnonymous(SIZES, ridge=1.0), TabularAnonymous(SIZES, symmetric=False, ridge=1.0)]
)
def test_families_without_payoffs_for_other_numbers_of_agents_are_refused(mechanism):
    with pytest.raises(ValueError, match="num_agents: expected a mechanism whose payoffs extend"):
        di.counterfactual(di.LearningDynamics(mechanism, logit()), num_agents=5)


def test_play_goes_on_from_the_states_at_the_logs_end(truth):
    data = logged(truth, episodes=4, horizon=9)
    found = di.counterfactual(truth, data=data, initial="log end", episodes=8, horizon=5, draws=0)
    longer = truth.learner.replay(
        torch.cat([data.actions, data.actions[:, :1]], 1),
        truth.mechanism.deviation_payoffs(torch.cat([data.actions, data.actions[:, :1]], 1)),
    )
    torch.testing.assert_close(states_at_end(truth, data), longer[:, -1])
    expected = truth.learner.log_policy(longer[:, -1]).exp().mean(0)
    torch.testing.assert_close(found.path_without.value[0], expected)


def test_episodes_of_unequal_length_end_where_they_end(truth):
    whole = logged(truth, episodes=2, horizon=9)
    padded = logged(truth, episodes=2, horizon=9, lengths=[9, 4])
    short = di.TrajectoryDataset.from_arrays(whole.actions[1:, :4].numpy(), SIZES)
    torch.testing.assert_close(states_at_end(truth, padded)[1:], states_at_end(truth, short))


def test_covariates_and_closed_actions_of_the_log_are_gone_through():
    context = np.random.default_rng(0).normal(size=(3, 6, 1))
    mechanism = Known(lambda a, x: a * x, (2, 2), context_size=1)
    model = di.LearningDynamics(mechanism, logit((2, 2)))
    actions = np.zeros((3, 6, 2), dtype=int)
    data = di.TrajectoryDataset.from_arrays(actions, 2, context=context)
    found = di.counterfactual(model, data=data, episodes=3, draws=0)
    uniforms = di.draw_uniforms(3, 6, 2, seed=0)
    expected = model.simulate(uniforms, context=torch.from_numpy(context)).policies
    torch.testing.assert_close(found.path_without.value, expected.mean(0))
    open_actions = np.ones((3, 6, 2, 2), dtype=bool)
    open_actions[:, 3:, 0, 1] = False
    data = di.TrajectoryDataset.from_arrays(actions, 2, context=context, available=open_actions)
    found = di.counterfactual(model, data=data, episodes=3, draws=0)
    assert (found.path_without.value[3:, 0, 1] == 0).all() and (found.path_without.value[:3, 0, 1] > 0).all()
    with pytest.raises(ValueError, match="public covariates"):
        di.counterfactual(model)


def test_crowds_are_simulated_by_their_representatives():
    """Deleted actions stay empty, equal worlds draw equal counts, tolls are paid by every member."""
    counts = np.random.default_rng(0).multinomial(60, [0.4, 0.35, 0.25], size=(5, 20, 1))
    data = di.PopulationDataset.from_arrays(counts, num_actions=3)
    costs = {"linear": (0.02, 0.03, 0.05), "quadratic": (0.0, 0.0, 0.0)}
    model = di.LearningDynamics(routes(sizes=(3,), **costs), logit((3,)))
    still = di.counterfactual(model, data=data, draws=0, episodes=5)
    assert (still.effect.value == 0).all()
    request = {"draws": 0, "episodes": 5, "available": [True, True, False], "force": True}
    found = di.counterfactual(model, data=data, **request)
    assert (found.changed.value[:, 2] == 0).all()
    assert found.licence.outside[1] == 1  # nobody ever met a crowd without anyone on the last action
    toll = di.counterfactual(
        model, data=data, draws=0, episodes=5, toll=[0, 1.0, 0], numeraire=1.0, force=True
    )
    assert toll.effect.value[0, 1] < -0.05
    assert float(toll.revenue.value) == pytest.approx(60 * float(toll.changed.value[0, 1]))
    with pytest.raises(ValueError, match="representative of each group"):
        bandit = di.learners.BanditQ((3,), step_size=di.Fixed(0.2), inverse_temperature=di.Fixed(1.0))
        di.counterfactual(model, data=data, learner=bandit)


def test_batched_rules_are_simulated_and_go_on_in_mid_batch():
    rule = di.learners.Batched(di.learners.Hedge((2, 2), step_size=di.Fixed(0.4)), every=3)
    game = Known(diml_envs.MatrixGame.named("stag_hunt"), (2, 2))
    model = di.LearningDynamics(game, rule)
    whole = model.simulate(di.draw_uniforms(2, 8, 2, seed=0))
    data = di.TrajectoryDataset.from_arrays(whole.actions[:, :4].numpy(), 2)
    found = di.counterfactual(model, data=data, initial="log end", episodes=2, horizon=3, draws=0)
    torch.testing.assert_close(found.path_without.value[0], whole.policies[:, 4].mean(0))


def test_long_runs_are_means_over_the_last_quarter_and_tables_hold_them(truth):
    found = di.counterfactual(truth, toll=[0, 0.3, 0], numeraire=1.0, episodes=10, horizon=20)
    torch.testing.assert_close(found.effect.value, found.path_effect.value[15:].mean(0))
    assert [row.action for row in found.table] == [0, 1, 2] * 3
    assert found.table[4].effect == pytest.approx(float(found.effect.value[1, 1]))
    text = found.summary()
    assert "licence: identified" in text and "tolls paid per step" in text and "no intervals" in text


def test_free_parameters_are_put_where_they_came_from(result):
    model = di.LearningDynamics(result.mechanism, result.learner)
    theta = torch.cat([p.detach().reshape(-1) for _, p in free_parameters(model)])
    other = with_parameters(model, theta + 1)
    torch.testing.assert_close(other.mechanism.linear, model.mechanism.linear + 1)
    with pytest.raises(ValueError, match="expected 6 values"):
        with_parameters(model, theta[:-1])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"initial": "end"}, "initial: expected None"),
        ({"initial": "log end"}, "without data"),
        ({"toll": [1.0, 2.0]}, "rates: expected finite fees"),
        ({"available": [False, False, False]}, "at least one open action"),
        ({"available": [1, 1, 0]}, "expected booleans"),
        ({"numeraire": -1.0}, "numeraire: expected a number above 0"),
        ({"num_agents": 0}, "num_agents: expected at least 1"),
        ({"mechanism": Congestion(SIZES)}, "mechanism: expected one made from the recovered"),
    ],
)
def test_what_is_no_request_is_refused_in_words(truth, request_, message):
    with pytest.raises(ValueError, match=message):
        di.counterfactual(truth, **request_)


def test_rules_that_read_their_policy_cannot_lose_an_action(truth):
    rule = di.learners.PolicyGradient(SIZES, step_size=di.Fixed(0.5))
    with pytest.raises(ValueError, match="prohibitive toll"):
        di.counterfactual(di.LearningDynamics(routes(), rule), available=[True, True, False])


def test_a_recovered_mechanism_is_a_payoff_function_for_environments(result):
    payoffs = result.as_payoff_function()
    joint = np.random.default_rng(0).integers(3, size=(4, 5, 3))
    np.testing.assert_allclose(payoffs(joint), result.mechanism.payoffs(joint).detach().numpy())
    env = diml_envs.IncentiveEnv(diml_envs.PayoffFunction(payoffs, payoffs.num_actions), max_cycles=3)
    env.reset(seed=0)
    _, rewards, *_ = env.step({agent: 1 for agent in env.agents})
    np.testing.assert_allclose(list(rewards.values()), payoffs([1, 1, 1]))
    log = diml_envs.simulate(payoffs, diml_envs.LogitQ(), episodes=2, horizon=4, seed=0, progress=False)
    assert log.actions.shape == (2, 4, 3)
    with pytest.raises(ValueError, match="0 <= action < 3"):
        payoffs([[0, 3, 0]])


def test_tolled_mechanisms_can_be_saved_by_name():
    tolled = Tolled(routes(), [0.0, 1.0, 0.0])
    assert tolled.mechanism is tolled.inside and tolled.rates.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.slow
def test_intervals_of_the_path_cover_the_path_under_the_true_mechanism(truth):
    """Three steps of 9 choice probabilities in 12 logs: 95 % on average, below 80 % would be a fault."""
    request, held = {"toll": [0.0, 0.2, 0.0], "numeraire": 1.0, "horizon": 20}, []
    actual = di.counterfactual(truth, episodes=3000, seed=99, **request).path_effect
    for seed in range(12):
        data = logged(truth, episodes=40, horizon=20, seed=seed)
        result = di.fit(data, Congestion(SIZES), logit(), progress=False)
        found = di.counterfactual(result, data=data, episodes=200, draws=40, seed=seed, **request).path_effect
        holds = (found.low <= actual.value) & (actual.value <= found.high)
        held.append(holds[[5, 10, 19]].double().mean())
    assert 0.8 < float(torch.stack(held).mean())
