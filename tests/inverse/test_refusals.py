"""Models that would say something else than they seem to are refused."""

import numpy as np
import pytest

from diml_inverse import Fixed
from diml_inverse.learners import ActorCritic, LinearSchedule
from diml_inverse.mechanisms import LinearInContext, NetworkGame, TabularAnonymous, TabularJoint

PAIR = 1 - np.eye(2)


def actor_critic(**more):
    return ActorCritic((2, 2), step_size=Fixed(0.5), value_step=Fixed(0.1), every=4, **more)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearInContext(NetworkGame((3, 3), PAIR), 1), "a family without a known part"),
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
