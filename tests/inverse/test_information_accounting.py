"""Where information comes from, and how much more of a log it takes: closed forms of one agent's choices.

An agent alone with two actions who pays attention to the last payoffs only (static logit) has, at payoffs of
zero, choice probabilities of 1/2 at every step; the information of a step on the payoff difference is
(beta w_t)^2 / 4, with w_t = 0 at step 0 and 1 after.
"""

import math

import numpy as np
import pytest
import torch

from diml_inverse import Bounded, Fixed, LearningDynamics, PopulationDataset, TrajectoryDataset
from diml_inverse.identification.contrasts import contrast
from diml_inverse.identification.identify import identify
from diml_inverse.learners import BanditQ, Hedge, LogitQ, StaticLogit
from diml_inverse.mechanisms import Congestion, TabularAnonymous, TabularJoint

BETA = 1.5
DIFFERENCE = contrast(agent=0, action=1, minus=0, others=())


def alone(rule, episodes=10, steps=6, payoffs=(0.0, 0.0)):
    mechanism = TabularJoint((2,), ridge=1.0)
    with torch.no_grad():
        mechanism.table.own[0] = torch.tensor(payoffs, dtype=torch.float64)
    actions = np.random.default_rng(0).integers(0, 2, (episodes, steps, 1))
    return identify(TrajectoryDataset.from_arrays(actions, 2), LearningDynamics(mechanism, rule))


def static():
    return StaticLogit((2,), inverse_temperature=Fixed(BETA))


def pair(rule=None, seed=0, episodes=12, steps=15):
    mechanism = TabularJoint((3, 3), ridge=1.0)
    generator = torch.Generator().manual_seed(seed)
    for parameter in mechanism.parameters():
        parameter.data = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    rule = rule or LogitQ((3, 3), step_size=Bounded(0.3), inverse_temperature=Fixed(2.0))
    actions = np.random.default_rng(seed).integers(0, 3, (episodes, steps, 2))
    return TrajectoryDataset.from_arrays(actions, 3), LearningDynamics(mechanism, rule)


def test_information_of_a_static_logit_by_hand():
    found = alone(static())
    account = found.accounting(DIFFERENCE, phases=6)
    each = BETA**2 / 4
    assert account.information == pytest.approx(10 * 5 * each)
    assert found.verdict(DIFFERENCE).standard_error == pytest.approx((50 * each) ** -0.5)
    assert [p.information for p in account.phases] == pytest.approx([0, *[10 * each] * 5])
    assert [p.per_step for p in account.phases] == pytest.approx([0, *[each] * 5])
    assert account.by_episode.tolist() == pytest.approx([5 * each] * 10)
    assert account.by_agent.tolist() == pytest.approx([50 * each])
    assert account.by_situation.tolist() == pytest.approx([50 * each])


def test_information_of_a_logit_q_by_hand():
    """After t steps of step size s the payoffs weigh 1 - (1 - s)^t."""
    rule = LogitQ((2,), step_size=Fixed(0.3), inverse_temperature=Fixed(BETA))
    weight = 1 - 0.7 ** np.arange(6)
    for payoffs in ((0.0, 0.0), (0.2, 1.0)):
        p = 1 / (1 + np.exp(-BETA * weight * (payoffs[1] - payoffs[0])))
        by_hand = 10 * (BETA * weight) ** 2 * p * (1 - p)
        account = alone(rule, payoffs=payoffs).accounting(DIFFERENCE, phases=6)
        assert [x.information for x in account.phases] == pytest.approx(by_hand.tolist())


def test_parts_add_up_to_the_inverse_of_the_variance():
    data, model = pair()
    found = identify(data, model)
    for asked in (
        contrast(agent=0, action=1, minus=0, others=(2,)),
        contrast(agent=1, action=2, minus=0),
    ):
        account = found.accounting(asked)
        error = found.verdict(asked).standard_error
        assert account.information == pytest.approx(error**-2)
        assert float(account.by_episode.sum()) == pytest.approx(error**-2)
        assert float(account.by_agent.sum()) == pytest.approx(error**-2)
        assert sum(p.information for p in account.phases) == pytest.approx(error**-2)
    everything = found.accounting()
    assert everything.information == pytest.approx(found.identified.shape[1])
    with pytest.raises(ValueError, match="everything identified; name one"):
        everything.episodes_needed(standard_error=0.1)


def test_choices_tell_of_what_was_met_just_before():
    """Static logit looks one step back: only choices after the others played 2 tell of payoffs there."""
    data, model = pair(StaticLogit((3, 3), inverse_temperature=Fixed(BETA)))
    for parameter in model.mechanism.parameters():
        parameter.data.zero_()
    account = identify(data, model).accounting(contrast(agent=0, action=1, minus=0, others=(2,)))
    met = int((data.actions[:, :-1, 1] == 2).sum())
    assert account.information == pytest.approx(met * BETA**2 / 6)  # variance of a difference: 2 * 3 / beta^2
    shares = dict(zip(account.words, account.by_situation.tolist(), strict=True))
    assert shares.pop("agent_0 when others played (2)") == pytest.approx(account.information)
    assert len(shares) == 5 and max(shares.values()) < 1e-12
    data, model = pair()
    account = identify(data, model).accounting()
    assert float(account.by_situation.sum()) == pytest.approx(account.information)


def test_a_population_is_shared_out_as_its_members_were():
    counts = np.random.default_rng(0).multinomial(30, [0.5, 0.3, 0.2], size=(8, 10, 1)).astype(float)
    mechanism = Congestion((3,), unit=30)
    mechanism.linear.data = torch.tensor([1.0, 1.5, 2.0], dtype=torch.float64)
    rule = LogitQ((3,), step_size=Fixed(0.3), inverse_temperature=Fixed(1.0))
    found = identify(PopulationDataset.from_arrays(counts, 3), LearningDynamics(mechanism, rule))
    asked = contrast(agent=0, action=1, minus=0)
    account = found.accounting(asked)
    assert account.information == pytest.approx(found.verdict(asked).standard_error ** -2)
    assert float(account.by_situation.sum()) == pytest.approx(account.information)


def test_twice_the_episodes_are_twice_the_information():
    data, model = pair()
    asked = contrast(agent=0, action=1, minus=0, others=(2,))
    once = identify(data, model)
    twice = identify(data.select([*range(12), *range(12)]), model)
    torch.testing.assert_close(twice.information, 2 * once.information)
    assert twice.accounting(asked).information == pytest.approx(2 * once.accounting(asked).information)


def test_half_the_standard_error_takes_four_times_the_episodes():
    found = alone(static())
    now = found.verdict(DIFFERENCE).standard_error
    forecast = found.episodes_needed(DIFFERENCE, standard_error=now / 2)
    assert (forecast.needed, forecast.more) == (40, 30)
    assert "40 episodes" in str(forecast)
    assert found.episodes_needed(DIFFERENCE, standard_error=2 * now).more == 0


def test_half_the_standard_error_takes_four_times_the_informative_steps():
    found = alone(static())
    now = found.verdict(DIFFERENCE).standard_error
    forecast = found.steps_needed(DIFFERENCE, standard_error=now / 2 * (1 + 1e-9), phases=6)
    assert (forecast.needed, forecast.more) == (4 * 5 + 1, 15)
    assert not found.accounting(DIFFERENCE).frozen
    already = found.steps_needed(DIFFERENCE, standard_error=now * 1.01)
    assert already.more == 0 and "already" in str(already)


def test_longer_episodes_do_not_help_where_policies_froze():
    """Sums grow without bound, so that all choices end up the same: only the first steps tell something."""
    found = alone(Hedge((2,), step_size=Fixed(1.0)), steps=60, payoffs=(0.0, 1.0))
    account = found.accounting(DIFFERENCE)
    t = np.arange(60)
    p = 1 / (1 + np.exp(-t))
    assert account.information == pytest.approx(10 * float((t**2 * p * (1 - p)).sum()))
    assert account.frozen and "stood still" in str(account)
    now = account.information**-0.5
    forecast = account.steps_needed(standard_error=now / 2)
    assert forecast.needed is None
    assert "longer episodes do not help" in str(forecast) and "more episodes instead, about 30 more" in str(
        forecast
    )


def test_padding_and_absence_carry_no_information():
    actions = np.random.default_rng(0).integers(0, 2, (4, 6, 1))
    model = LearningDynamics(TabularJoint((2,), ridge=1.0), static())
    data = TrajectoryDataset.from_arrays(actions, 2, lengths=[6, 3, 1, 2])
    account = identify(data, model).accounting(DIFFERENCE, phases=6)
    each = BETA**2 / 4
    assert account.by_episode.tolist() == pytest.approx([5 * each, 2 * each, 0, each])
    assert [p.steps for p in account.phases] == [4, 3, 2, 1, 1, 1]
    both = TrajectoryDataset.from_arrays(np.zeros((2, 3, 2), int), 2, present=[[True, True], [True, False]])
    crowd = LearningDynamics(
        TabularAnonymous((2, 2), ridge=1.0), StaticLogit((2, 2), inverse_temperature=Fixed(BETA))
    )
    with pytest.raises(ValueError, match="population"):
        identify(both, crowd)  # a table is for one number of others: it says so before anything is formed


def test_a_number_that_is_not_identified_has_no_account():
    found = alone(static())
    with pytest.raises(ValueError, match="found not identified: .*one constant"):
        found.accounting(contrast(agent=0, action=1, others=()))
    with pytest.raises(ValueError, match="from 1 to the 6 steps"):
        found.accounting(DIFFERENCE, phases=7)
    with pytest.raises(ValueError, match="above 0"):
        found.episodes_needed(DIFFERENCE, standard_error=0.0)


def test_an_account_is_told_in_words():
    data, model = pair(BanditQ((3, 3), step_size=Bounded(0.3), inverse_temperature=Fixed(2.0)))
    text = str(identify(data, model).accounting(contrast(agent=0, action=1, minus=0, others=(2,))))
    assert "by phase of learning" in text and "steps     0 to     2" in text
    assert "agent_0 when others played (2)" in text and math.isfinite(float(text.split(": ")[1].split()[0]))
