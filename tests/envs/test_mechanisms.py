"""Mechanisms: one list, whose every line is tested against brute force; clear errors."""

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diml_envs.mechanisms import (
    AllPayAuction,
    Anonymous,
    Bertrand,
    Cap,
    CommonPool,
    Congestion,
    Cournot,
    DoubleAuction,
    ElFarol,
    FirstPriceAuction,
    Independent,
    Markov,
    MatrixGame,
    MinorityGame,
    NetworkGame,
    NeuralJoint,
    Noise,
    PayoffFunction,
    PotentialGame,
    PublicGoods,
    PublicState,
    RandomSubsidy,
    RankingRebate,
    Rebate,
    Regimes,
    Routing,
    Scaled,
    SecondPriceAuction,
    Series,
    SponsoredSearch,
    Subsidy,
    Switch,
    Tax,
    TeamBonus,
    TimeOfUse,
    Toll,
    Tournament,
    TullockContest,
    ZeroSum,
)
from diml_envs.provenance import describe

TABLE = np.random.default_rng(5).normal(size=(2, 4, 3, 3))  # three agents with 2, 4 and 3 actions
PD = MatrixGame.named("prisoners_dilemma")

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
    "rebate": Rebate(Congestion(seed=3), rates=[0, 1, 0, 0.5, -2]),
    "rebate per agent": Rebate(MatrixGame(TABLE), rates=np.arange(12).reshape(3, 4), share=0.3),
    "tax": Tax(MatrixGame(TABLE), 0.4),
    "tax on tax": Tax(Tax(Congestion(3, (4, 2, 1)), 0.5), 1.0),
    "cap": Cap(MatrixGame(TABLE), high=0.5, low=0.25),
    "noise": Noise(MatrixGame(TABLE), scale=[1, 2, 3]),
    "switch": Switch(MatrixGame(TABLE), Scaled(MatrixGame(TABLE), -1), at=5),
    "switch, unannounced": Switch(
        PublicState(PD, [1, 2]), PublicState(Toll(PD, [0, 1]), [3]), 4, announced=False
    ),
    "switch of switches": Switch(Switch(PD, Tax(PD, 1), 3), Switch(Cap(PD, 2), Toll(PD, [3, 1]), 7), at=5),
    "regimes": Regimes([Congestion(seed=1), Congestion(seed=2)], Markov([1, 0], [[0.5, 0.5], [0.2, 0.8]])),
    "regimes of the hour": Regimes([PD, Cap(PD, 2), Tax(PD, 0.5)], Series([0, 2, 1], repeat=True)),
    "public state, chain": PublicState(MatrixGame(TABLE), process=Markov([0, -1], [[0.5, 0.5], [1, 0]])),
    "every transfer": Noise(
        Cap(
            Rebate(
                PublicState(
                    Switch(
                        Tax(PublicState(Regimes([MatrixGame(TABLE)] * 2, Independent([0, 1]))), 0.3),
                        PublicState(Switch(Toll(MatrixGame(TABLE), [1, 0, 2, 3]), MatrixGame(TABLE), at=6)),
                        at=4,
                    ),
                    process=Series([1, -2, 0.5], repeat=True),
                ),
                rates=[0.5, 0, 0.2, 0.1],
                share=0.6,
            ),
            high=2,
            low=-1.5,
        ),
        scale=0.1,
    ),
    "every transfer, the other way round": Tax(
        Switch(
            Subsidy(Rebate(Cap(Noise(MatrixGame(TABLE), 0.2), 1), [1, 2, 3, 4]), [4, 3, 2, 1]),
            Scaled(Tax(Cap(Toll(MatrixGame(TABLE), [0.1, 0.2, 0.3, 0.4]), 1), 0.2), [1, 2, 3]),
            at=5,
            announced=False,
        ),
        0.7,
    ),
    "cournot": Cournot(),
    "cournot, unequal sizes": Cournot(4, (5, 1, 3, 2), slope=1.7, costs=[0, 1, 2, 3], capacity=[1, 2, 3, 2]),
    "bertrand": Bertrand(),
    "bertrand, unequal sizes": Bertrand(
        4, (5, 1, 3, 2), quality=[2, 1, 0, 3], costs=[0, 1, 1, 2], outside=-1, differentiation=0.02, lowest=0
    ),
    "time of use": TimeOfUse(seed=3),
    "time of use, unequal sizes": TimeOfUse(4, (5, 1, 3, 2), preferred=4, base_load=[9, 7, 5, 7, 9]),
    "network game": NetworkGame(seed=3),
    "network game, unequal sizes": NetworkGame(4, (5, 1, 3, 2), graph="star", complementarity=-0.4),
    "network game, directed": NetworkGame(3, 4, graph=[[0, 2, -1], [0, 0, 1], [3, 0, 0]], benefit=[1, 0, -1]),
    "potential": PotentialGame(seed=3),
    "potential, unequal sizes": PotentialGame(4, (5, 1, 3, 2), dummy_scale=0),
    "zero sum": ZeroSum(seed=3),
    "zero sum, two agents": ZeroSum(2, (4, 3), scale=2),
    "zero sum, unequal sizes": ZeroSum(5, (5, 1, 3, 2, 4)),
    "first price": FirstPriceAuction(seed=3),
    "first price, unequal sizes": FirstPriceAuction(4, (5, 1, 3, 2), reserve=0.25, values=[1, 0, 2, 0.5]),
    "first price, values of the episode": FirstPriceAuction(3, 4, values="episode"),
    "first price, one agent": FirstPriceAuction(1, 4, reserve=0.3),
    "second price": SecondPriceAuction(seed=3),
    "second price, unequal sizes": SecondPriceAuction(3, (5, 1, 3), reserve=0.2, bids=[0, 0.1, 0.3, 1, 7]),
    "second price, values of the episode": SecondPriceAuction(4, 3, values="episode"),
    "all pay": AllPayAuction(seed=3),
    "all pay, unequal sizes": AllPayAuction(4, (5, 1, 3, 2), reserve=0.25),
    "all pay, values of the episode": AllPayAuction(3, 4, values="episode", reserve=0.4),
    "sponsored search": SponsoredSearch(seed=3),
    "sponsored search, unequal sizes": SponsoredSearch(4, (5, 1, 3, 2), click_rates=[3, 2], reserve=0.25),
    "sponsored search, ties": SponsoredSearch(5, 3, qualities=[1, 2, 1, 0.5, 1], click_rates=[9, 5, 5, 1]),
    "ranking rebate": RankingRebate(seed=3),
    "ranking rebate, unequal sizes": RankingRebate(4, (5, 1, 3, 2), bid_exponent=2, reserve=0.25),
    "ranking rebate, ties": RankingRebate(5, 3, quality_exponent=0, click_rates=[1], rebates=[0.25]),
    "double auction": DoubleAuction(),
    "double auction, one buyer": DoubleAuction(1, 4, num_bids=3, num_asks=6, k=0, seed=3),
    "double auction, one seller": DoubleAuction(4, 1, num_bids=3, num_asks=3, k=1, seed=3),
    "double auction, ties": DoubleAuction(3, 4, num_bids=3, num_asks=5, k=0.3, values=[1, 0, 2]),
    "routing": Routing(),
    "routing, trips and values of time": Routing(
        5,
        [("s", "a"), ("a", "s"), ("s", "t"), ("a", "t"), ("s", "t")],
        trips=[("s", "t"), ("a", "t"), ("s", "t"), ("s", "a"), ("s", "t")],
        capacity=[1, 2, 3, 4, 5],
        power=[4, 2, 1, 0, 0.5],
        slope=[0, 0.5, 0, 0, 1],
        tolls=[1, 0, -2, 0.5, 0],
        value_of_time=[0.1, 0, 1, 2, 0.5],
    ),
    "routing, pigou": Routing(7, "pigou", value_of_time=1),
    "tullock": TullockContest(),
    "tullock, unequal sizes": TullockContest(
        4, (5, 1, 3, 2), exponent=2.5, prize=[1, 2, 0, 3], cost=[1, 0, 2, 1]
    ),
    "tullock, lottery": TullockContest(3, 3, exponent=0),
    "minority": MinorityGame(),
    "minority, linear": MinorityGame(4, payoff="linear"),
    "minority, ties": MinorityGame(4),
    "el farol": ElFarol(),
    "el farol, payoffs": ElFarol(5, threshold=2.5, good=2, bad=-3, stay=0.5),
    "common pool": CommonPool(),
    "common pool, quota": CommonPool(4, 5, endowment=7, quota=2, fine=0.3, detection=0.2),
    "common pool, unequal sizes": CommonPool(4, (5, 1, 3, 2)),
    "team bonus": TeamBonus(),
    "team bonus, unequal sizes": TeamBonus(4, (11, 1, 3, 2), productivity=0.3, share=0.2, target=0.09),
    "tournament": Tournament(),
    "tournament, unequal sizes": Tournament(4, (5, 1, 3, 2), loser_prize=1, noise_scale=0.01),
    "tournament, normal": Tournament(2, (5, 3), noise="normal", noise_scale=0.7),
}
SEEDED = {
    "neural": NeuralJoint,
    "congestion": Congestion,
    "public goods": PublicGoods,
    "anonymous": Anonymous,
    "random subsidy": lambda seed: PublicGoods(subsidy=RandomSubsidy(seed)),
    "time of use": TimeOfUse,
    "network game": NetworkGame,
    "potential": PotentialGame,
    "zero sum": ZeroSum,
    "first price": FirstPriceAuction,
    "second price": SecondPriceAuction,
    "all pay": AllPayAuction,
    "sponsored search": SponsoredSearch,
    "ranking rebate": RankingRebate,
    "double auction": DoubleAuction,
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
        rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
        context = mechanism.draw_context(rng, data.draw(st.integers(0, 9)), ())
    expected = brute_force(mechanism, joint, context)
    found = mechanism.deviation_payoffs(np.array(joint), context)
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


LABELS = {
    "bids": (FirstPriceAuction(2, 3, bids=[0, 0.25, 10]), ("0.00", "0.25", "10.00")),
    "bids of slots": (RankingRebate(2, 3), ("0.0", "0.5", "1.0")),
    "offers of one grid": (DoubleAuction(1, 1, num_bids=3, num_asks=3), ("0.0", "0.5", "1.0")),
    "offers of two grids": (DoubleAuction(1, 1, num_bids=3, num_asks=2), ()),
    "prices": (Bertrand(2, 3, lowest=1, highest=2), ("1.0", "1.5", "2.0")),
    "quantities": (Cournot(2, 4, capacity=1), ("0.00", "0.33", "0.67", "1.00")),
    "quantities that firms do not share": (Cournot(2, 3, capacity=[1, 2]), ()),
    "quantities that are all 0": (Cournot(2, 3, capacity=0), ()),
    "efforts": (TullockContest(2, 3, highest=20), ("0", "10", "20")),
    "efforts that agents do not share": (TullockContest(2, (3, 2)), ()),
    "efforts that all have the lowest of": (Tournament(2, (3, 2)), ("0.0", "0.5", "1.0")),
    "tiny efforts": (NetworkGame(2, 2, highest=1e-5), ("0.00000", "0.00001")),
    "contributions": (PublicGoods(2, 2), ("0", "1")),
    "team": (TeamBonus(2, 2), ("0", "1")),
    "investments": (CommonPool(8, 3), ("0", "5", "10")),
    "hours": (TimeOfUse(2, 2), ("hour 0", "hour 1")),
    "routes": (Routing(4), ("s-a-t", "s-b-t", "s-a-b-t")),
    "routes by the same nodes": (Routing(4, "pigou"), ("0: s-t", "1: s-t")),
    "routes of different trips": (Routing(2, trips=[("s", "t"), ("a", "t")]), ()),
    "bar": (ElFarol(), ("stay", "go")),
    "classic": (PD, ("cooperate", "defect")),
    "table": (MatrixGame(TABLE), ()),
    "wrapped": (Tax(Toll(PublicState(ElFarol(2)), [0, 1]), 0.5), ("stay", "go")),
    "rules that agree": (Switch(PD, Cap(PD, 3), at=2), ("cooperate", "defect")),
    "rules that do not": (Regimes([PD, MatrixGame.named("stag_hunt")], Series([0, 1])), ()),
}


@pytest.mark.parametrize(("mechanism", "labels"), LABELS.values(), ids=LABELS.keys())
def test_actions_are_called_by_what_they_stand_for(mechanism, labels):
    assert mechanism.action_labels == labels


@every(MECHANISMS)
def test_there_is_one_different_label_per_action_or_none(mechanism):
    labels = mechanism.action_labels
    assert not labels or len(set(labels)) == len(labels) == max(mechanism.num_actions)
    assert all(isinstance(label, str) for label in labels)


def test_fractions_large_numbers_and_tables_of_truth_values_are_numbers():
    assert Scaled(PD, Fraction(1, 4))([0, 1]).tolist() == [0, 1.25]
    assert Scaled(PD, 10**20)([1, 1]).tolist() == [1e20, 1e20]
    ring = np.roll(np.eye(3), 1, axis=0) > 0
    assert NetworkGame(3, graph=ring).adjacency.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_action_labels_stay_out_of_logs():
    assert "action_labels" not in describe(Bertrand()) and "action_labels" not in describe(ElFarol())


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
    (lambda: PublicGoods(cost=math.inf), ValueError, "finite numbers as cost"),
    (lambda: Anonymous(10, 2), ValueError, "at least 3, found 10 agents with 2"),
    (lambda: Anonymous(1, 5), ValueError, "at least 2 agents"),
    (lambda: Anonymous(10, 5, interaction_share=1.5), ValueError, "interaction_share from 0 to 1, found 1.5"),
    (lambda: Anonymous(10, 5, scale=0), ValueError, "positive scale, found 0"),
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
    (
        lambda: PayoffFunction(lambda a, c: a * a[0], (3, 3)).deviation_payoffs(np.array([1, 2])),
        ValueError,
        r"joint action \[1, 2\] to be the same alone and in a batch",
    ),
    (lambda: Cournot(costs=-1), ValueError, "costs of at least 0, found -1.0"),
    (lambda: Cournot(3, capacity=[1, 2]), ValueError, r"capacity of shape \(\) or \(3,\), found \(2,\)"),
    (lambda: Bertrand(differentiation=0), ValueError, "positive differentiation, found 0"),
    (lambda: Bertrand(lowest=2, highest=1), ValueError, "lowest to be at most highest, found 2.0 and 1.0"),
    (lambda: Bertrand(quality=math.nan), ValueError, "finite numbers as quality"),
    (lambda: TimeOfUse(2, 3, preferred=[0, 3]), ValueError, "preferred hours among 0 to 2, found 3"),
    (lambda: TimeOfUse(2, 3, preferred=0.5), ValueError, "preferred hours among 0 to 2, found 0.5"),
    (lambda: TimeOfUse(2, 3, tariff=[1, 2]), ValueError, r"tariff of shape \(3,\), found \(2,\)"),
    (lambda: NetworkGame(graph="rign"), ValueError, "did you mean 'ring'"),
    (lambda: NetworkGame(1), ValueError, "num_agents to be a whole number of at least 2, found 1"),
    (lambda: NetworkGame(2, graph=np.eye(2)), ValueError, "diagonal of graph, found 1.0 at agent 0"),
    (lambda: NetworkGame(3, graph=np.zeros((2, 2))), ValueError, r"graph of shape \(3, 3\), found \(2, 2\)"),
    (lambda: PotentialGame(40, 10), ValueError, r"at most 1e\+08 payoffs .* found 4e\+41"),
    (lambda: PotentialGame(2, 2, dummies=[[1, 2]]), ValueError, r"2 dummies \(one per agent\), found 1"),
    (lambda: PotentialGame(2, 2, dummies=[[1, 2], [1]]), ValueError, r"dummies\[1\] of shape \(2,\)"),
    (lambda: ZeroSum(1), ValueError, "num_agents to be a whole number of at least 2, found 1"),
    (lambda: ZeroSum(2, 2, tables=np.ones((2, 2, 2, 2))), ValueError, "agents 0 and 0 that sum to 2"),
    (lambda: ZeroSum(scale=-1), ValueError, "scale of at least 0, found -1.0"),
    (lambda: FirstPriceAuction(2, 3, bids=[0, 2, 1]), ValueError, r"increasing bids, found \[0.0, 2.0, 1"),
    (lambda: FirstPriceAuction(2, 2, bids=[-1, 0]), ValueError, "bids of at least 0, found -1.0"),
    (lambda: SecondPriceAuction(values="episodes"), ValueError, "did you mean 'episode'"),
    (lambda: SecondPriceAuction(3, values=[1, 2]), ValueError, r"values of shape \(3,\), found \(2,\)"),
    (lambda: AllPayAuction(reserve=-0.5), ValueError, "reserve of at least 0, found -0.5"),
    (lambda: AllPayAuction(2, values="episode")([0, 1]), ValueError, r"context of shape \(2,\), found None"),
    (lambda: SponsoredSearch(click_rates=[1, 2]), ValueError, "do not increase from slot to slot, found"),
    (lambda: SponsoredSearch(click_rates=[]), ValueError, "click_rates that do not increase"),
    (lambda: SponsoredSearch(2, qualities=[1, 0]), ValueError, "positive qualities, found 0"),
    (lambda: RankingRebate(bid_exponent=0), ValueError, "positive bid_exponent, found 0"),
    (lambda: RankingRebate(quality_exponent=-1), ValueError, "quality_exponent of at least 0, found -1.0"),
    (lambda: RankingRebate(2, 2, bids=[1, 9], bid_exponent=400), ValueError, "finite scores, found infinity"),
    (lambda: RankingRebate(rebates=[0, 1, 2]), ValueError, "rebates from 0 to 1 .* found 2"),
    (lambda: RankingRebate(rebates=[0, 1]), ValueError, r"rebates of shape \(3,\), found \(2,\)"),
    (lambda: DoubleAuction(0), ValueError, "num_buyers to be a whole number of at least 1, found 0"),
    (lambda: DoubleAuction(k=1.5), ValueError, "k from 0 to 1, found 1.5"),
    (lambda: DoubleAuction(asks=[0, 1]), ValueError, r"asks of shape \(4,\), found \(2,\)"),
    (lambda: DoubleAuction(costs=[-1, 0]), ValueError, "costs of at least 0, found -1.0"),
    (lambda: Routing(0), ValueError, "num_agents to be a whole number of at least 1, found 0"),
    (lambda: Routing(2, "bress"), ValueError, "did you mean 'braess'"),
    (lambda: Routing(2, []), ValueError, "at least one pair as network, found none"),
    (lambda: Routing(2, ["st"], trips=("s", "t")), ValueError, "network as pairs of two .* found 'st'"),
    (lambda: Routing(2, [(1, 1)], trips=(1, 2)), ValueError, r"two different nodes .* found \(1, 1\)"),
    (lambda: Routing(2, [(1, 2)]), ValueError, r"trips as \(origin, destination\) .* found None"),
    (lambda: Routing(3, trips=[("s", "t")] * 2), ValueError, r"one pair or 3 \(one per agent\), found 2"),
    (lambda: Routing(trips=("t", "s")), ValueError, "1 to 1000 routes from 't' to 's', found none"),
    (lambda: Routing(trips=("s", "x")), ValueError, "1 to 1000 routes from 's' to 'x', found none"),
    (lambda: Routing(max_links=1), ValueError, "from 's' to 't', found none; look at network and max_links"),
    (lambda: Routing(2, itertools.permutations(range(9), 2), trips=(0, 1)), ValueError, "set max_links"),
    (lambda: Routing(tolls=[1, 2]), ValueError, r"tolls of shape \(\) or \(5,\), found \(2,\)"),
    (lambda: Routing(slope=-1), ValueError, "slope of at least 0, found -1.0"),
    (lambda: Routing(capacity=[1, 1, 0, 1, 1]), ValueError, "positive capacity of every link, found 0"),
    (lambda: Routing(2, value_of_time=[1, -1]), ValueError, "value_of_time of at least 0, found -1.0"),
    (lambda: Routing(2, value_of_time=[1, 2]).count_payoffs([0, 0, 2]), TypeError, "depend on who acts"),
    (lambda: TullockContest(exponent=-1), ValueError, "exponent of at least 0, found -1.0"),
    (lambda: TullockContest(3, prize=[1, 2]), ValueError, r"prize of shape \(\) or \(3,\), found \(2,\)"),
    (lambda: TullockContest(highest=0), ValueError, "positive highest, found 0"),
    (lambda: MinorityGame(2.5), ValueError, "num_agents to be a whole number of at least 1, found 2.5"),
    (lambda: MinorityGame(payoff="liner"), ValueError, "did you mean 'linear'"),
    (lambda: ElFarol(0), ValueError, "num_agents to be a whole number of at least 1, found 0"),
    (lambda: ElFarol(bad=-math.inf), ValueError, "finite numbers as bad"),
    (lambda: CommonPool(depletion=-1), ValueError, "depletion of at least 0, found -1.0"),
    (lambda: CommonPool(detection=2), ValueError, "detection from 0 to 1, found 2"),
    (lambda: CommonPool(quota=-1), ValueError, "quota of at least 0, found -1.0"),
    (lambda: TeamBonus(target=math.nan), ValueError, "finite numbers as target"),
    (lambda: TeamBonus(cost=-1), ValueError, "cost of at least 0, found -1.0"),
    (lambda: Tournament(noise="gumble"), ValueError, "did you mean 'gumbel'"),
    (lambda: Tournament(3, noise="normal"), ValueError, "2 agents with normal noise, found 3"),
    (lambda: Tournament(noise_scale=0), ValueError, "positive noise_scale, found 0"),
    (lambda: Tournament(winner_prize=math.inf), ValueError, "finite numbers as winner_prize"),
    (lambda: Congestion(2, True), ValueError, r"whole numbers .* found \(True, True\)"),
    (lambda: Congestion(2, (True, 2)), ValueError, r"whole numbers of at least 1 .* found \(True, 2\)"),
    (lambda: Congestion(2, 2, toll="ab"), ValueError, "expected numbers as toll, found 'ab'"),
    (lambda: Congestion(2, 2, toll=["1", "2"]), ValueError, r"numbers as toll, found \['1', '2'\]"),
    (lambda: Congestion(2, 2, toll=[1, 2j]), ValueError, r"numbers as toll, found \[1, 2j\]"),
    (lambda: Congestion(2, 2, toll=[[1, 2], [3]]), ValueError, r"numbers as toll, found \[\[1, 2\], \[3\]\]"),
    (lambda: Cournot(slope=None), ValueError, "expected numbers as slope, found None"),
    (lambda: Cournot(slope=True), ValueError, "expected numbers as slope, found True"),
    (lambda: Bertrand(differentiation="x"), ValueError, "expected numbers as differentiation, found 'x'"),
    (lambda: Bertrand(differentiation=[1, 2]), ValueError, r"differentiation of shape \(\), found \(2,\)"),
    (lambda: PublicGoods(cost=None), ValueError, "expected numbers as cost, found None"),
    (lambda: PublicGoods(subsidy=np.ones(3)), ValueError, "subsidy as 'random', None or a function"),
    (
        lambda: PublicGoods(2, 2, subsidy=lambda total, level: total[..., 0])(np.zeros((3, 2), dtype=int)),
        ValueError,
        r"payments of shape \(3, 2\), the subsidy gave \(3,\)",
    ),
    (lambda: Anonymous(10, 5, interaction_share="x"), ValueError, "numbers as interaction_share, found 'x'"),
    (lambda: Anonymous(10, 5, scale=None), ValueError, "expected numbers as scale, found None"),
    (lambda: DoubleAuction(k=None), ValueError, "expected numbers as k, found None"),
    (lambda: DoubleAuction(k=math.nan), ValueError, "finite numbers as k"),
    (lambda: CommonPool(detection="0.5"), ValueError, "expected numbers as detection, found '0.5'"),
    (lambda: CommonPool(endowment="10"), ValueError, "expected numbers as endowment, found '10'"),
    (lambda: TeamBonus(productivity=None), ValueError, "expected numbers as productivity, found None"),
    (lambda: TeamBonus(productivity=[1, 2]), ValueError, r"productivity of shape \(\), found \(2,\)"),
    (lambda: PotentialGame(dummies=3), ValueError, r"3 dummies \(one per agent\), found 3"),
    (lambda: PotentialGame().potential([0, -1, 0]), ValueError, "actions of agent 1 from 0 to 3, found -1"),
    (lambda: MatrixGame([["1"], ["2"]]), ValueError, "expected numbers as payoffs"),
    (lambda: Routing(network=3), TypeError, "expected network as pairs .* found 3"),
    (lambda: Routing(trips=3), TypeError, "expected trips as one pair .* found 3"),
]


@pytest.mark.parametrize(("cause", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(cause, kind, message):
    with pytest.raises(kind, match=message):
        cause()
