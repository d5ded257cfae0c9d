"""Models that would say something else than they seem to are refused."""

import numpy as np
import pytest

from diml_inverse import Fixed, Positive, TrajectoryDataset, fit
from diml_inverse.learners import ActorCritic, Batched, Hedge, LinearSchedule, RothErev
from diml_inverse.mechanisms import (
    Congestion,
    LinearInContext,
    NetworkGame,
    Offset,
    TabularAnonymous,
    TabularJoint,
)

PAIR = 1 - np.eye(2)


def actor_critic(**more):
    return ActorCritic((2, 2), step_size=Fixed(0.5), value_step=Fixed(0.1), every=4, **more)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearInContext(NetworkGame((3, 3), PAIR), 1), "a family without a known part"),
        (
            lambda: LinearInContext(Offset(Congestion((3, 3)), TabularJoint((3, 3))), 1),
            "a family without a known part",
        ),
        (lambda: TabularAnonymous((2, 2), roles=["a", "b"], population=9), "leave one of the two out"),
        (lambda: actor_critic(clip=Fixed(0.0)), "clip: expected a share between 0 and 1"),
        (lambda: actor_critic(clip=Fixed(1.0)), "clip: expected a share between 0 and 1"),
        (lambda: actor_critic(entropy=Fixed(-0.1)), "entropy: expected 0 or more"),
        (lambda: LinearSchedule(Fixed(0.0), Fixed(0.1), 5), "start: expected a share above 0"),
    ],
)
def test_errors_say_what_was_expected_and_found(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_two_efforts_do_not_fix_the_scale_of_a_network_game():
    """k times (h b - h^2 / 2 + c h s) is the payoff difference at b' = k b + (1 - k) h / 2 and c' = k c."""
    assert NetworkGame((2, 2), PAIR).free_scale and not NetworkGame((3, 2), PAIR).free_scale
    assert TabularJoint((2, 2)).free_scale


@pytest.mark.parametrize(
    "wrap", [lambda rule: rule, lambda rule: Batched(rule, every=2)], ids=["as it is", "batched"]
)
def test_the_free_scale_of_propensities_goes_with_payoffs_and_that_of_temperatures_against_them(wrap):
    """q_0 and u are amounts of payoff: both times c. Beta is per unit of payoff: divided by c."""
    data = TrajectoryDataset.from_arrays(np.zeros((2, 3, 2), dtype=int), (2, 2))
    with pytest.raises(ValueError, match=r"c \* u with c \* initial are the same .* in units of initial$"):
        fit(data, TabularJoint((2, 2)), wrap(RothErev((2, 2), initial=Positive(2.0))), progress=False)
    hedge = wrap(Hedge((2, 2), step_size=Positive(2.0)))
    with pytest.raises(ValueError, match=r"with step_size / c are the same .* in units of 1 / step_size$"):
        fit(data, TabularJoint((2, 2)), hedge, progress=False)
    assert wrap(RothErev((2, 2), initial=Fixed(4.0))).payoff_scale() == 0.25
