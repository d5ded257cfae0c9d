"""What a log cannot answer is refused, what it can is not; each answer is one of the licence's own."""

import dataclasses

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.counterfactuals.licence import Verdict
from diml_inverse.mechanisms import Congestion, Known, Mechanism, Offset, TabularJoint
from tests.inverse.simulated_worlds import SIZES, logged, logit, routes

LEVELS, MONETARY, OUTSIDE, UNKNOWN = Verdict.LEVELS, Verdict.MONETARY, Verdict.OUTSIDE, Verdict.UNKNOWN
QUICK = {"episodes": 30, "horizon": 20, "draws": 0}


def bandit(sizes=SIZES, **more):
    return di.learners.BanditQ(
        sizes, step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.06), **more
    )


def refused(verdict, model, **request):
    with pytest.raises(di.Unlicensed, match=verdict.value.split("(")[0]):
        di.counterfactual(model, **QUICK, **request)
    found = di.counterfactual(model, **QUICK, **request, force=True)
    assert found.forced and found.licence.verdict is verdict and "FORCED" in found.summary()
    return found


def granted(model, **request):
    found = di.counterfactual(model, **QUICK, **request)
    assert found.licence.verdict is Verdict.IDENTIFIED and not found.forced
    return found


class WithOption(Mechanism):
    """One more action, of known payoff: staying out, or something new to do."""

    context_size = 0

    def __init__(self, inside, payoff=0.0):
        super().__init__(tuple(size + 1 for size in inside.num_actions))
        self.inside, self.payoff = inside, payoff

    def statistic(self, actions):
        return actions.unsqueeze(-2).expand(*actions.shape, actions.shape[-1])

    def own_payoffs(self, agent, statistic, context=None):
        sizes = torch.tensor(self.inside.num_actions)
        joint = statistic.minimum(sizes - 1)  # who stays out counts on the last action
        inner = self.inside.deviation_payoffs(joint)[torch.arange(len(agent)), agent]
        return torch.cat([inner, torch.full_like(inner[:, :1], self.payoff)], 1)


@pytest.fixture(scope="module")
def full():
    """Full-information learners, in money."""
    return di.LearningDynamics(routes(), logit())


class TestFullInformationLogsCannotPredict:
    """The four classes of `learners.md`."""

    def test_bandit_learners(self, full):
        refused(LEVELS, full, learner=bandit())

    @pytest.mark.parametrize(
        "rule",
        [
            di.learners.Reinforce(SIZES, step_size=di.Fixed(0.3), baseline_step=di.Fixed(0.1)),
            di.learners.ForgettingQ(
                SIZES, step_size=di.Fixed(0.2), forgetting=di.Fixed(0.1), inverse_temperature=di.Fixed(2.0)
            ),
            di.learners.RothErev(SIZES, initial=di.Fixed(5.0), exploration=di.Fixed(0.1)),
        ],
        ids=lambda rule: type(rule).__name__,
    )
    def test_other_learners_who_react_to_levels(self, full, rule):
        refused(LEVELS, full, learner=rule)

    def test_new_actions(self, full):
        sizes = (4, 4, 4)
        refused(LEVELS, full, mechanism=lambda m: WithOption(m, 0.7), learner=logit(sizes), numeraire=1.0)

    def test_participation(self, full):
        sizes = (4, 4, 4)
        refused(LEVELS, full, mechanism=lambda m: WithOption(m, 0.0), learner=logit(sizes), numeraire=1.0)

    def test_levels_of_welfare(self, full):
        found = granted(full, toll=[0, 0.5, 0], numeraire=1.0)
        assert found.licence.payoffs is LEVELS
        with pytest.raises(di.Unlicensed, match="payoff levels"):
            found.payoff_effect  # noqa: B018
        assert "needs payoff levels" in found.summary()


class TestFullInformationLogsCanPredict:
    """What `learners.md` says they can."""

    @pytest.mark.parametrize(
        "rule",
        [
            logit(step=0.7),
            logit(exploration=0.3),
            logit(beta=6.0),
            di.learners.Hedge(SIZES, step_size=di.Fixed(1.0)),
        ],
        ids=["step size", "exploration", "a multiple of the inverse temperature", "another rule"],
    )
    def test_other_learner_parameters(self, full, rule):
        granted(full, learner=rule)

    def test_deleted_actions(self, full):
        granted(full, available=[True, False, True])

    def test_other_horizons(self, full):
        assert di.counterfactual(full, episodes=20, horizon=70, draws=0).licence.granted

    def test_payments_in_money_once_a_unit_is_worth_something(self, full):
        refused(MONETARY, full, toll=[0.0, 0.5, 0.0])
        granted(full, toll=[0.0, 0.5, 0.0], numeraire=1.0)
        granted(full, toll=[0.5, 0.5, 0.5])  # whatever the money is worth

    def test_toll_revenue(self, full):
        found = granted(full, toll=[0, 0.5, 0], numeraire=1.0)
        assert float(found.revenue.value) == pytest.approx(0.5 * float(found.changed.value[:, 1].sum()))


def test_small_tolls_need_a_unit_as_large_ones_do(full):
    refused(MONETARY, full, toll=[0.0, 0.001, 0.0])


def test_a_known_part_in_money_that_moves_with_the_context_sets_the_unit():
    """Then a free inverse temperature is estimated, and tolls need no numeraire."""
    price = Known(lambda a, x: -x * a, (2, 2), context_size=1)
    model = di.LearningDynamics(Offset(price, TabularJoint((2, 2), ridge=1.0)), logit((2, 2)))
    context = np.random.default_rng(0).uniform(0, 1, size=(3, 6, 1))
    data = di.TrajectoryDataset.from_arrays(np.zeros((3, 6, 2), dtype=int), 2, context=context)
    found = di.counterfactual(model, data=data, toll=[0, 0.5], episodes=10, draws=0, force=True)
    assert "unit of payoffs" not in found.licence.moved
    assert MONETARY is not found.licence.verdict


class TestRegretMatchers:
    """The scale of their payoffs leaves no trace, each agent's its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        game = diml_envs.MatrixGame.named("matching_pennies")
        return di.LearningDynamics(
            Known(game, (2, 2)), di.learners.RegretMatching((2, 2), exploration=di.Fixed(0.1))
        )

    def test_tolls_need_a_numeraire(self, model):
        found = refused(MONETARY, model, toll=[0.0, 0.3])
        assert found.licence.moved["scale of payoffs"] > 0
        granted(model, toll=[0.0, 0.3], numeraire=[1.0, 2.0])

    def test_other_rules_need_one_unless_they_do_not_know_scales_either(self, model):
        refused(MONETARY, model, learner=logit((2, 2)))
        granted(model, learner=di.learners.RegretMatchingPlus((2, 2), exploration=di.Fixed(0.2)))

    def test_deleted_actions_need_none(self):
        rule = di.learners.RegretMatching(SIZES, exploration=di.Fixed(0.1))
        granted(di.LearningDynamics(routes(), rule), available=[True, True, False])


def test_bandit_logs_tell_levels():
    model = di.LearningDynamics(routes(), bandit())
    granted(model, learner=bandit(initial=di.Fixed(-1.0)))
    found = granted(model, toll=[0, 0.5, 0], numeraire=1.0)
    assert found.payoff_effect.value.shape == (3,)
    sizes = (4, 4, 4)
    granted(model, mechanism=lambda m: WithOption(m, -1.0), learner=bandit(sizes), numeraire=1.0)


@pytest.mark.slow
def test_bandit_logs_with_a_free_initial_value_do_not():
    """(u + k, Q0 + k) is the same process, but not if the initial value becomes another."""
    game = Known(diml_envs.MatrixGame.named("stag_hunt"), (2, 2))
    data = logged(di.LearningDynamics(game, bandit((2, 2), initial=di.Fixed(1.0))), episodes=40)
    free = bandit((2, 2), initial=di.Bounded(1.0, -10.0, 10.0))
    mechanism = TabularJoint((2, 2), ridge=1e-3)
    result = di.fit(data, mechanism, free, progress=False, optimizer=di.LBFGS(max_steps=60))
    found = refused(LEVELS, result, data=data, learner=bandit((2, 2), initial=di.Fixed(5.0)))
    assert found.licence.moved["initial value and level"] > 0.01


class TestContextsTheLogNeverShowed:
    def test_more_agents_than_were_seen(self, full):
        data = logged(full)
        found = refused(OUTSIDE, full, data=data, num_agents=8)
        assert found.licence.outside[0] < 0.01 < 0.5 < found.licence.outside[1]

    def test_fewer_agents_stay_between_what_was_seen(self, full):
        granted(full, data=logged(full), num_agents=2)

    def test_tables_speak_of_the_cells_that_were_met_alone(self):
        """Both agents always took action 0 or 1; a subsidy on 2 leads where no payoff is known."""
        model = di.LearningDynamics(TabularJoint((3, 3), ridge=1.0), logit((3, 3)))
        actions = np.random.default_rng(0).integers(2, size=(10, 20, 2))
        data = di.TrajectoryDataset.from_arrays(actions, 3)
        model.learner = logit((3, 3), exploration=0.0)
        with torch.no_grad():
            model.mechanism.table.own[:, 2] = -9.0
        request = {"data": data, "toll": [0.0, 0.0, -12.0], "numeraire": 1.0}
        found = refused(OUTSIDE, model, **request)
        assert found.licence.outside[1] > found.licence.outside[0] + 0.05

    def test_unseen_cells_that_play_reaches_are_found_by_moving_them(self):
        """As many choices are outside the log without the change as with it: only moving payoffs tells."""
        game = Known(diml_envs.MatrixGame.named("stag_hunt"), (2, 2))
        data = logged(di.LearningDynamics(game, logit((2, 2))), episodes=20)
        seen = dataclasses.replace(data, actions=data.actions.clone())
        seen.actions[..., 1] = 0  # agent 1's other action was never seen
        model = di.LearningDynamics(TabularJoint((2, 2), ridge=1.0), logit((2, 2)))
        found = di.counterfactual(model, data=seen, toll=[0.3, 0], numeraire=1.0, **QUICK, force=True)
        assert found.licence.verdict is OUTSIDE
        assert "payoffs of situations never met" in found.licence.moved


def test_a_fit_without_information_answers_nothing():
    actions = np.random.default_rng(0).integers(3, size=(20, 20, 3))
    data = di.TrajectoryDataset.from_arrays(actions, 3)
    result = di.fit(data, Congestion(SIZES), logit(), progress=False)
    assert result.status is di.Status.NO_INFORMATION
    refused(UNKNOWN, result, data=data, available=[True, True, False])


def test_a_licence_says_which_verdict_and_why(full):
    licence = refused(MONETARY, full, toll=[0.0, 0.5, 0.0]).licence
    assert str(licence).splitlines()[0] == "identified given a monetary scale (pass `numeraire=`)"
    assert "numeraire=1.0" in str(licence)
