"""Mechanisms: one list, whose every line is tested against brute force; clear errors."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diml_envs.mechanisms import (
    Anonymous,
    Congestion,
    MatrixGame,
    NeuralJoint,
    PayoffFunction,
    PublicGoods,
    PublicState,
    RandomSubsidy,
    Scaled,
    Subsidy,
    Toll,
)

TABLE = np.random.default_rng(5).normal(size=(2, 4, 3, 3))  # three agents with 2, 4 and 3 actions

# One line per mechanism or transfer buys all tests of properties below.
MECHANISMS = {
    "neural": NeuralJoint(seed=1, width=16),
    "neural, unequal sizes": NeuralJoint(3, (2, 5, 3), seed=2, width=8),
    "congestion": Congestion(seed=3),
    "congestion, unequal sizes": Congestion(3, (4, 2, 1), seed=3),
    "public goods": PublicGoods(seed=4),
    "public goods, unequal sizes": PublicGoods(4, (7, 2, 1, 3), subsidy=None),
    "anonymous": Anonymous(num_agents=7, num_actions=4, seed=6),
    "anonymous, two agents": Anonymous(num_agents=2, num_actions=3, interaction_share=0.9),
    "matrix": MatrixGame(TABLE),
    "payoff function": PayoffFunction(lambda a, context=None: a * a.sum(-1, keepdims=True) - a**2, (3, 2, 4)),
    "toll": Toll(Congestion(seed=3), rates=[0, 1, 0, 0.5, -2]),
    "toll per agent": Toll(MatrixGame(TABLE), rates=np.arange(12).reshape(3, 4)),
    "subsidy": Subsidy(NeuralJoint(3, (2, 5, 3), width=8), rates=[1, 2, 3, 4, 5]),
    "scaled": Scaled(MatrixGame(TABLE), factor=-2.5),
    "scaled per agent": Scaled(MatrixGame(TABLE), factor=[1, 0, 3]),
    "public state": PublicState(MatrixGame(TABLE)),
    "all transfers": Toll(
        Scaled(PublicState(PublicState(Subsidy(MatrixGame(TABLE), [1, 2, 3, 4]), [3])), [1, 2, 3]),
        [1, 0, 2, 3],
    ),
}
SEEDED = {
    "neural": NeuralJoint,
    "congestion": Congestion,
    "public goods": PublicGoods,
    "anonymous": Anonymous,
    "random subsidy": lambda seed: PublicGoods(subsidy=RandomSubsidy(seed)),
}


def every(mechanisms):
    return pytest.mark.parametrize("mechanism", mechanisms.values(), ids=mechanisms.keys())


def random_play(mechanism, shape, seed=0):
    rng = np.random.default_rng(seed)
    actions = rng.integers(mechanism.num_actions, size=(*shape, mechanism.num_agents))
    return actions, mechanism.draw_context(rng, 0, shape) if mechanism.context_size else None


def brute_force(mechanism, joint, context):
    """One joint action at a time, one unilateral deviation at a time, through the checked call."""
    result = np.zeros((mechanism.num_agents, max(mechanism.num_actions)))
    for agent, size in enumerate(mechanism.num_actions):
        for action in range(size):
            deviation = list(joint)
            deviation[agent] = action
            result[agent, action] = mechanism(deviation, context)[agent]
    return result


@every(MECHANISMS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_deviation_payoffs_are_those_of_every_unilateral_deviation(mechanism, data):
    joint = [data.draw(st.integers(0, size - 1)) for size in mechanism.num_actions]
    context = None
    if mechanism.context_size:
        context = data.draw(
            st.lists(st.floats(-3, 3), min_size=mechanism.context_size, max_size=mechanism.context_size)
        )
    expected = brute_force(mechanism, joint, context)
    found = mechanism.deviation_payoffs(np.array(joint), None if context is None else np.array(context))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@every(MECHANISMS)
def test_a_batch_is_paid_like_its_joint_actions_one_by_one(mechanism):
    actions, context = random_play(mechanism, (2, 5))
    payoffs, deviations = mechanism.payoffs(actions, context), mechanism.deviation_payoffs(actions, context)
    assert payoffs.dtype == deviations.dtype == np.float64
    for index in itertools.product(range(2), range(5)):
        one = None if context is None else context[index]
        np.testing.assert_allclose(payoffs[index], mechanism.payoffs(actions[index], one), atol=1e-12)
        np.testing.assert_allclose(deviations[index], brute_force(mechanism, actions[index], one), atol=1e-12)


@every(MECHANISMS)
def test_an_empty_batch_gives_empty_payoffs(mechanism):
    actions, context = random_play(mechanism, (0,))
    assert mechanism(actions, context).shape == (0, mechanism.num_agents)
    shape = (0, mechanism.num_agents, max(mechanism.num_actions))
    assert mechanism.deviation_payoffs(actions, context).shape == shape


@every(MECHANISMS)
def test_a_mechanism_cannot_be_changed(mechanism):
    with pytest.raises(dataclasses.FrozenInstanceError):
        mechanism.num_actions = (2, 2)
    assert not any(v.flags.writeable for v in vars(mechanism).values() if isinstance(v, np.ndarray))


@every(MECHANISMS)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(float), "integer dtype, found float64"),
        (lambda a: a[..., :-1], "expected actions of shape"),
        (lambda a: a - 100, "expected actions of agent 0 from 0 to"),
        (lambda a: a + 100, "expected actions of agent 0 from 0 to"),
    ],
)
def test_a_call_refuses_what_is_no_joint_action(mechanism, spoil, message):
    actions, context = random_play(mechanism, (3,))
    with pytest.raises(ValueError, match=message):
        mechanism(spoil(actions), context)


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED.keys())
def test_payoffs_are_a_function_of_the_seed(make):
    actions, _ = random_play(make(seed=0), (20,))
    np.testing.assert_array_equal(make(seed=7).payoffs(actions), make(seed=7).payoffs(actions))
    assert np.abs(make(seed=7).payoffs(actions) - make(seed=8).payoffs(actions)).max() > 1e-3


PD = MatrixGame.named("prisoners_dilemma")
ERRORS = [
    (lambda: Congestion(num_agents=0), ValueError, "num_agents to be a whole number of at least 1, found 0"),
    (lambda: Congestion(4, (5, 5)), ValueError, r"one number or 4 \(one per agent\), found 2"),
    (lambda: Congestion(2, (5, 0)), ValueError, "whole numbers of at least 1 as num_actions"),
    (lambda: Congestion(2, 2.5), ValueError, r"one number or 2 \(one per agent\), found 2.5"),
    (lambda: Congestion(2, "55"), ValueError, r"one number or 2 \(one per agent\), found '55'"),
    (lambda: Congestion(seed=None), ValueError, "seed to be a whole number of at least 0, found None"),
    (lambda: NeuralJoint(seed=-1), ValueError, "seed to be a whole number of at least 0, found -1"),
    (lambda: PublicGoods(seed=1.5), ValueError, "seed to be a whole number of at least 0, found 1.5"),
    (lambda: Anonymous(seed=None), ValueError, "seed to be a whole number of at least 0, found None"),
    (lambda: Congestion(2, 3, toll=[1, 2]), ValueError, r"toll of shape \(3,\), found \(2,\)"),
    (lambda: Congestion(2, 2, linear=[1, math.nan]), ValueError, "finite numbers as linear"),
    (lambda: NeuralJoint(width=0), ValueError, "width to be a whole number of at least 1, found 0"),
    (lambda: NeuralJoint(embedding=2.5), ValueError, "embedding to be a whole number .* found 2.5"),
    (lambda: Anonymous(width=0), ValueError, "width to be a whole number of at least 1, found 0"),
    (lambda: PublicGoods(subsidy="none"), ValueError, "subsidy as 'random', None or a function"),
    (lambda: PublicGoods(cost=math.inf), ValueError, "finite number as cost"),
    (lambda: Anonymous(10, 2), ValueError, "at least 3, found 10 agents with 2"),
    (lambda: Anonymous(1, 5), ValueError, "at least 2 agents"),
    (lambda: Anonymous(10, 5, interaction_share=1.5), ValueError, "interaction_share from 0 to 1, found 1.5"),
    (lambda: Anonymous(10, 5, scale=0), ValueError, "positive finite scale, found 0"),
    (lambda: MatrixGame(np.zeros((2, 2, 3))), ValueError, "2 axes of actions need a last axis of 2"),
    (lambda: MatrixGame([[[1, math.nan]]]), ValueError, "finite payoffs"),
    (lambda: MatrixGame.named("prisoner_dilemma"), ValueError, "did you mean 'prisoners_dilemma'"),
    (lambda: MatrixGame.named("xyzzy"), ValueError, "among battle_of_the_sexes, coordination, hawk_dove"),
    (lambda: Toll(PD, [1, 2, 3]), ValueError, r"rates of shape \(2,\) or \(2, 2\), found \(3,\)"),
    (lambda: Subsidy(PD, [1, math.nan]), ValueError, "finite numbers as rates"),
    (lambda: Scaled(PD, [1, 2, 3]), ValueError, r"factor of shape \(\) or \(2,\), found \(3,\)"),
    (lambda: Scaled(lambda a: a, 2), TypeError, "expected a Mechanism to wrap, found function"),
    (lambda: PublicState(PD, []), ValueError, "at least one level"),
    (lambda: PublicState(PD)([0, 1]), ValueError, r"context of shape \(1,\), found None"),
    (lambda: PublicState(PD)([0, 1], [1.0, 2.0]), ValueError, r"context of shape \(1,\), found \(2,\)"),
    (lambda: PublicState(PD)([0, 1], [math.nan]), ValueError, "finite numbers as context"),
    (lambda: PD.draw_context(np.random.default_rng(0), 0, ()), ValueError, "no public context"),
    (lambda: PayoffFunction(3, (2, 2)), TypeError, "expected a callable"),
    (lambda: PayoffFunction(lambda a, c: a, 2), ValueError, "num_actions as one number per agent, found 2"),
    (lambda: PayoffFunction(lambda a, c: a[..., 0], (2, 2))([0, 1]), ValueError, "the function gave"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()
