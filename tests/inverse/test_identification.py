"""What a log identifies: null directions against finite differences, their names, verdicts, support.

The independent route: choice probabilities are differentiated by central differences along the free
coordinates of a model, without any of the code under test; what no probability depends on is the null space.
"""

import copy
import itertools
import math

import numpy as np
import pytest
import torch

from diml_inverse import (
    LBFGS,
    Bounded,
    Fixed,
    LearningDynamics,
    PopulationDataset,
    Positive,
    TrajectoryDataset,
    fit,
)
from diml_inverse.identification.contrasts import contrast
from diml_inverse.identification.identify import identify
from diml_inverse.identification.null_space import null_space
from diml_inverse.learners import (
    EWA,
    FAQ,
    ActorCritic,
    BanditQ,
    Batched,
    Exp3,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LogitQ,
    MemoryK,
    PlugIn,
    PolicyGradient,
    RegretMatching,
    RegretMatchingPlus,
    Reinforce,
    ReplayedQ,
    RothErev,
    StaticLogit,
    Uniform,
)
from diml_inverse.mechanisms import (
    ByContext,
    Congestion,
    Known,
    NeuralJoint,
    PublicGoods,
    TabularAnonymous,
    TabularJoint,
)
from diml_inverse.uncertainty.score_matrices import expected_information

SIZES = (3, 3)
STEP = 1e-5

FAMILIES = {
    "tabular joint": lambda: TabularJoint(SIZES, ridge=1.0),
    "tabular anonymous": lambda: TabularAnonymous(SIZES, ridge=1.0),
    "congestion": lambda: Congestion(SIZES),
    "public goods": lambda: PublicGoods(SIZES, width=2),
}


def scaled(value, free):
    return Positive(value) if free else Fixed(value)


def first(value, free):
    """A first value, which may be negative: searched between bounds."""
    return Bounded(value, -5.0, 5.0) if free else Fixed(value)


def q(rule, beta, start=None, **more):
    given = {"step_size": Fixed(0.3), "exploration": Fixed(0.1), "inverse_temperature": scaled(2.0, beta)}
    given |= {} if start is None else {"initial": first(0.4, start)}
    return rule(SIZES, **(given | more))


def all_free():
    return {"step_size": Bounded(0.3), "exploration": Bounded(0.1)}


def ewa(delta, beta):
    known = {"phi": Fixed(0.9), "rho": Fixed(0.8), "initial_experience": Fixed(1.0)}
    return EWA(
        SIZES, inverse_temperature=scaled(2.0, beta), delta=Fixed(delta), exploration=Fixed(0.1), **known
    )


FULL, LEVEL, NONE = "full", "level", "none"
"""What is open where the scale is known: a constant per context; a level and a free first value; nothing."""

# rule given (scale free?, first value free?); what is open; whether it has a scale parameter, a first value
RULES = {
    "logit-Q": (lambda s, i: q(LogitQ, s), FULL, "inverse temperature", None),
    "logit-Q, all free": (lambda s, i: q(LogitQ, s, **all_free()), FULL, "inverse temperature", None),
    "bandit Q, all free": (
        lambda s, i: q(BanditQ, s, i, **all_free()),
        LEVEL,
        "inverse temperature",
        "initial",
    ),
    "static logit": (
        lambda s, i: StaticLogit(SIZES, inverse_temperature=scaled(2.0, s)),
        FULL,
        "inverse temperature",
        None,
    ),
    "Hedge": (lambda s, i: Hedge(SIZES, step_size=scaled(0.4, s)), FULL, "step size", None),
    "optimistic Hedge": (
        lambda s, i: Hedge(SIZES, step_size=scaled(0.4, s), optimism=Fixed(1.0), forgetting=Fixed(0.1)),
        FULL,
        "step size",
        None,
    ),
    "fictitious play": (
        lambda s, i: FictitiousPlay(SIZES, inverse_temperature=scaled(2.0, s), forgetting=Fixed(0.1)),
        FULL,
        "inverse temperature",
        None,
    ),
    "EWA, delta 1": (lambda s, i: ewa(1.0, s), FULL, "inverse temperature", None),
    "EWA, delta 0.4": (lambda s, i: ewa(0.4, s), NONE, "inverse temperature", None),
    "bandit Q": (lambda s, i: q(BanditQ, s, i), LEVEL, "inverse temperature", "initial"),
    "forgetting Q": (
        lambda s, i: q(ForgettingQ, s, i, forgetting=Fixed(0.2)),
        NONE,
        "inverse temperature",
        "initial",
    ),
    "FAQ": (lambda s, i: q(FAQ, s, i, threshold=Fixed(0.2)), LEVEL, "inverse temperature", "initial"),
    "Exp3": (
        lambda s, i: Exp3(SIZES, step_size=scaled(0.2, s), exploration=Fixed(0.1)),
        NONE,
        "step size",
        None,
    ),
    "REINFORCE": (
        lambda s, i: Reinforce(
            SIZES, step_size=scaled(0.4, s), baseline_step=Fixed(0.2), initial_baseline=first(0.4, i)
        ),
        LEVEL,
        "step size",
        "initial baseline",
    ),
    "REINFORCE, plugged in": (
        lambda s, i: PlugIn(
            Reinforce(
                SIZES, step_size=scaled(0.4, s), baseline_step=Fixed(0.2), initial_baseline=first(0.4, i)
            ),
            iterations=2,
        ),
        LEVEL,
        "step size",
        "initial baseline",
    ),
    "policy gradient": (
        lambda s, i: PolicyGradient(SIZES, step_size=scaled(0.5, s)),
        FULL,
        "step size",
        None,
    ),
    "regret matching": (
        lambda s, i: RegretMatching(SIZES, exploration=Fixed(0.1)),
        FULL,
        "always",
        None,
    ),
    "regret matching+": (
        lambda s, i: RegretMatchingPlus(SIZES, exploration=Fixed(0.1)),
        FULL,
        "always",
        None,
    ),
    "Roth-Erev": (
        lambda s, i: RothErev(SIZES, forgetting=Fixed(0.1), initial=scaled(1.0, s)),
        NONE,
        "initial",
        None,
    ),
    "actor-critic": (
        lambda s, i: ActorCritic(
            SIZES,
            step_size=scaled(0.5, s),
            value_step=Fixed(0.2),
            discount=Fixed(0.9),
            entropy=Fixed(0.1),
            initial_value=first(0.4, i),
            every=4,
        ),
        LEVEL,
        "step size",
        "initial value",
    ),
    "replayed Q": (lambda s, i: q(ReplayedQ, s, i), LEVEL, "inverse temperature", "initial"),
    "logit-Q, every 3": (lambda s, i: Batched(q(LogitQ, s), every=3), FULL, "inverse temperature", None),
    "logit-Q, every 3, innovation": (
        lambda s, i: Batched(q(LogitQ, s), every=3, innovation=Positive(0.2)),
        FULL,
        "inverse temperature",
        None,
    ),
    "bandit Q, every 3": (
        lambda s, i: Batched(q(BanditQ, s, i), every=3),
        LEVEL,
        "inverse temperature",
        "initial",
    ),
}


def built(family, rule, seed=1):
    """A model with payoffs from 0.3 to 1.3 (or a family's own, shaken)."""
    mechanism = FAMILIES[family]().double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in mechanism.parameters():
        noise = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = parameter + 0.2 * noise if family == "public goods" else 0.3 + noise
    if family == "congestion":
        for parameter in mechanism.parameters():
            parameter.data = -parameter / 3  # positive payoffs
    return LearningDynamics(mechanism, rule.double())


def random_log(seed=0, episodes=16, steps=13):
    actions = np.random.default_rng(seed).integers(3, size=(episodes, steps, 2))
    return TrajectoryDataset.from_arrays(actions, SIZES)


def finite_difference_scores(model, data):
    """Root of the choice probability times the derivative of its logarithm, [choices, P]."""
    model = copy.deepcopy(model)
    free = [p for p in model.parameters() if p.requires_grad]

    def logs():
        with torch.no_grad():
            return model.log_policies(data).flatten()

    weight = (0.5 * logs().clamp(min=-700)).exp()
    columns = []
    for parameter in free:
        flat = parameter.data.view(-1)
        for k in range(len(flat)):
            there = flat[k].item()
            flat[k] = there + STEP
            up = logs()
            flat[k] = there - STEP
            down = logs()
            flat[k] = there
            columns.append(weight * (up - down) / (2 * STEP))
    return torch.stack(columns, dim=1)


def numerical_null(scores, tolerance=1e-6):
    lengths = scores.norm(dim=0)
    scale = torch.where(lengths > 1e-7 * lengths.max(), 1 / lengths, 0.0)
    alive = scale > 0
    _, values, right = torch.linalg.svd(scores[:, alive] * scale[alive], full_matrices=True)
    values = torch.cat([values, values.new_zeros(len(right) - len(values))])
    dark = values < tolerance * values[0]
    null = torch.zeros(len(lengths), int(dark.sum()) + int((~alive).sum()), dtype=torch.float64)
    null[alive, : int(dark.sum())] = scale[alive][:, None] * right[dark].T
    null[~alive, int(dark.sum()) :] = torch.eye(int((~alive).sum()), dtype=torch.float64)
    return torch.linalg.qr(null).Q, values


def same_span(a, b, tolerance):
    return a.shape == b.shape and float((a - b @ (b.T @ a)).norm()) < tolerance


def spanned(directions, size):
    if not directions:
        return torch.zeros(size, 0, dtype=torch.float64)
    return torch.linalg.qr(torch.stack([d.vector for d in directions], 1)).Q


def battery():
    """Every rule, family, and choice of known and free scale and first value; one of each rule by default."""
    for name, (_, _, unit, value) in RULES.items():
        scales, starts = (False, True)[: 1 + (unit != "always")], (False, True)[: 1 + (value is not None)]
        for family, scale, start in itertools.product(FAMILIES, scales, starts):
            quick = family == "tabular joint" and scale == scales[-1] and start == starts[-1]
            words = f"{name}, {family}" + ", scale free" * scale + ", first value free" * start
            yield pytest.param(name, family, scale, start, id=words, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "family", "scale", "start"), list(battery()))
def test_null_directions_are_those_of_finite_differences_and_all_have_names(name, family, scale, start):
    make, open_at, unit, value = RULES[name]
    model, data = built(family, make(scale, start)), random_log()
    found = identify(data, model)
    expected, values = numerical_null(finite_difference_scores(model, data))
    assert found.null.shape == expected.shape, (found.space.values, values)
    assert same_span(found.null, expected, 1e-4)
    assert len(found.directions) == found.null.shape[1]
    assert same_span(spanned(found.directions, len(found.null)), expected, 1e-4)
    kinds = [d.kind for d in found.directions]
    assert "other" not in kinds, [d.words for d in found.directions]
    assert found.payoffs is not None
    table = [d.kind for d in found.payoffs.directions]
    assert "other" not in table, [d.words for d in found.payoffs.directions]
    words = " ; ".join(d.words for d in found.payoffs.directions)
    contexts, functions = (6, 2) if family == "tabular joint" else (3, 1)
    assert table.count("one constant per opponents' context") == (contexts if open_at == FULL else 0)
    lost = functions if unit == "always" else int(scale)
    if name == "forgetting Q" and not start:
        lost = 0  # values fade to 0 from a known 0.4: the first value is a yardstick for payoffs
    assert table.count("common scale") == lost and (not (scale and lost) or unit in words)
    levels = int(start and open_at == LEVEL)
    assert table.count("initial value and level") == levels and (not levels or value in words)
    assert len(table) == (contexts if open_at == FULL else 0) + lost + levels


def test_the_stated_directions_are_those_of_an_actor_critic_that_normalises():
    """Scale of each agent's payoffs and first value; without discount the level too (2 and 4 in all)."""
    for more, kinds in (
        ({"discount": Fixed(0.9)}, ["common scale"] * 2),
        ({}, ["common scale", "level"] * 2),
    ):
        rule = ActorCritic(
            SIZES, step_size=Fixed(0.5), value_step=Fixed(0.2), every=4, normalise=True, **more
        )
        found = identify(random_log(), built("tabular joint", rule))
        assert found.payoffs is not None
        assert [d.kind for d in found.payoffs.directions] == kinds


def test_parameters_of_each_agent_go_with_its_own_payoffs():
    rule = LogitQ(SIZES, step_size=Fixed(0.3), inverse_temperature=Positive([2.0, 1.5]))
    found = identify(random_log(), built("tabular joint", rule))
    words = [d.words for d in found.directions if d.kind == "common scale"]
    assert words == [
        "common scale of agent_0's payoffs and inverse temperature of agent_0",
        "common scale of agent_1's payoffs and inverse temperature of agent_1",
    ]
    shared = identify(random_log(), built("tabular joint", RULES["logit-Q"][0](True, False)))
    words = [d.words for d in shared.directions if d.kind == "common scale"]
    assert words == ["common scale of all agents' payoffs and inverse temperature"]


def test_information_of_payoffs_and_of_parameters_agree():
    model, data = built("public goods", RULES["bandit Q"][0](True, True)), random_log()
    found = identify(data, model)
    torch.testing.assert_close(found.information, expected_information(model, data), rtol=1e-8, atol=1e-8)
    assert (found.identified.T @ found.null).abs().max() < 1e-10
    both = torch.cat([found.identified, found.null], 1)
    torch.testing.assert_close(both.T @ both, torch.eye(len(both), dtype=torch.float64))


def test_units_do_not_change_the_null_space():
    """A matrix of rank 2 in units a thousand million times apart; its null vector is (1, -1e-6, 0)."""
    scores = torch.tensor([[1.0, 1e6, 0.0], [0.0, 0.0, 1e-3]], dtype=torch.float64)
    found = null_space(scores.T @ scores)
    assert found.null.shape == (3, 1)
    by_hand = torch.tensor([1.0, -1e-6, 0.0], dtype=torch.float64)
    torch.testing.assert_close(found.null[:, 0] / found.null[0, 0], by_hand)
    covariance = found.covariance(scores.T @ scores)
    assert float(covariance[2, 2]) == pytest.approx(1e6)
    with pytest.raises(ValueError, match="finite information"):
        null_space(torch.full((2, 2), torch.nan))


def test_payoffs_never_taken_or_taken_last_are_open_under_bandit_feedback():
    """Agent 0 takes action 2 never, and action 1 against action 1 at the last step only."""
    actions = np.random.default_rng(0).integers(0, 2, (40, 8, 2))
    actions[:, :-1][(actions[:, :-1] == 1).all(-1)] = [0, 1]
    actions[:, -1] = 1
    data = TrajectoryDataset.from_arrays(actions, SIZES)
    found = identify(data, built("tabular joint", q(BanditQ, False)))
    assert found.payoffs is not None
    words = [d.words for d in found.payoffs.directions]
    assert "payoff of action 2 of agent_0 when others played (0): never taken there" in words
    late = (
        "payoff of action 1 of agent_0 when others played (1): taken there only where no later choice follows"
    )
    assert late in words
    assert len(words) == 6  # agent 0: 2|0, 2|1, 1|1; agent 1 likewise
    unseen = [d.words for d in found.directions if d.kind == "payoffs of situations never met"]
    assert "payoff of action 0 of agent_1 when others played (2): a situation never met" in unseen
    assert len(unseen) == 6 and len(found.directions) == 6 + 6 + 6  # and 6 own effects against interactions


def test_situations_met_only_at_the_end_are_open_under_full_information():
    actions = np.random.default_rng(0).integers(0, 2, (30, 6, 2))
    actions[:, -1] = 2
    data = TrajectoryDataset.from_arrays(actions, SIZES)
    found = identify(data, built("tabular joint", q(LogitQ, False)))
    assert found.payoffs is not None
    kinds = [d.kind for d in found.payoffs.directions]
    assert kinds.count("payoffs that no choice depends on") == 6
    assert kinds.count("one constant per opponents' context") == 4 and len(kinds) == 10
    words = found.payoffs.directions[0].words
    assert words.endswith("a situation met only where no later choice follows")


def test_verdicts_on_levels_and_differences():
    found = identify(random_log(episodes=80), built("tabular joint", q(LogitQ, False)))
    level = found.verdict(contrast(agent=0, action=1, others=(2,)))
    assert level.verdict == "not identified" and level.standard_error is None
    assert level.direction is not None and level.direction.kind == "one constant per opponents' context"
    assert "agent_0 when others played (2)" in level.why and "more" not in level.why
    difference = found.verdict(contrast(agent=0, action=1, minus=0, others=(2,)))
    assert difference.verdict == "identified" and difference.seen
    mechanism = found.model.mechanism
    value = mechanism.payoffs([[1, 2]]) - mechanism.payoffs([[0, 2]])
    assert difference.value == pytest.approx(value[..., 0].item())
    same = found.verdict(contrast(lambda m: (m.payoffs([[1, 2]]) - m.payoffs([[0, 2]]))[0, 0]))
    assert same.value == pytest.approx(difference.value)
    assert same.standard_error == pytest.approx(difference.standard_error)
    scale = identify(random_log(), built("tabular joint", q(LogitQ, True)))
    loose = scale.verdict(contrast(agent=0, action=1, minus=0, others=(2,)))
    assert loose.verdict == "not identified"
    assert loose.why.endswith("inverse temperature; its sign and its ratio to other differences are")


def test_standard_errors_are_those_of_an_inverse_on_differences_alone():
    """Fixed level: with one cell of each context known the information is regular, and inverted as it is."""
    model, data = built("tabular joint", q(LogitQ, False)), random_log()
    scores = finite_difference_scores(model, data)
    start = model.mechanism.table.own.numel()  # the interactions alone, own effects known
    kept = [start + k for k in range(18) if k % 3]
    inner = torch.linalg.inv((scores.T @ scores)[kept][:, kept])
    first = kept.index(start + 3 * 2 + 1)  # agent 0, others played 2, action 1 less action 0
    error = identify(data, model).verdict(contrast(agent=0, action=1, minus=0, others=(2,))).standard_error
    assert error == pytest.approx(float(inner[first, first]) ** 0.5, rel=1e-5)


def test_a_contrast_averaged_over_the_log_weighs_situations_as_they_were_met():
    model, data = built("tabular anonymous", q(LogitQ, False)), random_log()
    verdict = identify(data, model).verdict(contrast(agent=1, action=2, minus=0))
    payoffs = model.mechanism.deviation_payoffs(data.actions)[..., 1, :]
    by_hand = (payoffs[..., 2] - payoffs[..., 0]).mean()
    assert verdict.value == pytest.approx(by_hand.item())


def test_situations_that_the_log_does_not_show():
    """Nobody played 2: a table says nothing of it, a congestion cost of the loads does."""
    actions = np.random.default_rng(0).integers(0, 2, (40, 8, 2))
    data = TrajectoryDataset.from_arrays(actions, SIZES)
    asked = contrast(agent=0, action=1, minus=0, others=(2,))
    table = identify(data, built("tabular joint", q(LogitQ, False))).verdict(asked)
    assert table.verdict == "not identified" and table.seen is False and "never met" in table.why
    structured = identify(data, built("congestion", q(LogitQ, False))).verdict(asked)
    assert structured.verdict != "not identified" and structured.seen is False
    assert "the log does not show this situation" in structured.why


def test_levels_that_the_family_alone_identifies_are_said_to_be():
    """Three agents: the quadratic load leaves no room for a constant in every context."""
    actions = np.random.default_rng(0).integers(0, 3, (40, 8, 3))
    data = TrajectoryDataset.from_arrays(actions, (3, 3, 3))
    rule = LogitQ((3, 3, 3), step_size=Fixed(0.3), inverse_temperature=Fixed(2.0))
    mechanism = Congestion((3, 3, 3))
    mechanism.linear.data = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    verdict = identify(data, LearningDynamics(mechanism, rule)).verdict(contrast(agent=0, action=1))
    assert verdict.standard_error is not None
    assert "by the family's structure alone" in verdict.why and "one constant" in verdict.why


def test_levels_under_bandit_feedback_are_weak():
    """What is left of the first value fades, and with it what tells the level."""
    log = random_log(episodes=40, steps=40)
    found = identify(log, built("tabular joint", q(BanditQ, False)))
    level = contrast(
        lambda m: m.payoffs(torch.cartesian_prod(torch.arange(3), torch.arange(3))).mean(), name="level"
    )
    difference = contrast(agent=0, action=1, minus=0)
    known, weak = found.verdict(difference), found.verdict(level)
    assert known.standard_error is not None and weak.standard_error is not None
    assert weak.standard_error > known.standard_error
    strict = identify(log, found.model, weak=0.2 * weak.standard_error / found.spread)
    assert strict.verdict(level).verdict == "weakly identified"
    assert any("level of" in w.words for w in strict.weak)
    assert strict.weak[0].standard_error == max(w.standard_error for w in strict.weak)
    assert "weakly identified" in strict.summary()


def test_the_support_map_counts_who_met_what():
    actions = np.array([[[0, 0], [0, 1], [1, 1]], [[0, 0], [0, 0], [2, 0]]])
    data = TrajectoryDataset.from_arrays(actions, SIZES, lengths=[3, 2])
    found = identify(data, built("tabular joint", q(LogitQ, False)))
    support = found.support
    met = {}
    for row, visits in zip(support.rows.tolist(), support.visits.tolist(), strict=True):
        agent = int(support.cells.contexts.agent[row])
        met[agent, int(support.cells.contexts.statistic[row, 0])] = visits
    assert met == {(0, 0): [3, 0], (0, 1): [2, 0], (1, 0): [0, 4], (1, 1): [0, 1]}
    unseen = support.unseen
    assert unseen is not None and unseen.agent.tolist() == [0, 1] and unseen.statistic.tolist() == [[2], [2]]
    last = list(met).index((1, 1))  # met at an episode's end alone
    assert support.standard_error[last] == math.inf and support.information[last] == 0
    assert "2 of the game never met" in str(support)


@pytest.mark.slow
def test_the_summary_gives_standard_errors_of_identified_numbers_alone():
    data = random_log()
    result = fit(
        data,
        TabularAnonymous(SIZES, ridge=1.0),
        q(LogitQ, False),
        optimizer=LBFGS(max_steps=30),
        progress=False,
    )
    text = identify(data, result).summary()
    assert text.count("not identified") >= 2 and "mean (level)       not identified" in text
    assert "one constant per opponents' context: 3" in text and "action 0" in text
    lines = [line for line in text.splitlines() if line.strip().startswith("action 1 ")]
    assert lines and "not identified" not in lines[0] and "(" in lines[0]
    free = identify(data, built("tabular anonymous", q(BanditQ, True, True))).summary()
    assert (
        "inverse_temperature           not identified" in free
        and "initial                       not identified" in free
    )


def test_a_free_learner_parameter_has_its_standard_error_in_its_own_domain():
    rule = LogitQ(SIZES, step_size=Bounded(0.3), inverse_temperature=Fixed(2.0))
    found = identify(random_log(), built("tabular joint", rule))
    raw = found.information.new_zeros(len(found.information))
    raw[-1] = 0.3 * 0.7  # d step_size / d logit
    error = float((found.root.T @ raw).norm())
    assert f"0.3  (s.e. {error:.3g})" in found.summary()


def test_a_learner_parameter_at_its_edge_is_not_identified_and_has_no_standard_error():
    rule = LogitQ(SIZES, inverse_temperature=Fixed(2.0), step_size=Bounded(0.3), exploration=Bounded(1e-10))
    found = identify(random_log(), built("tabular joint", rule))
    line = next(text for text in found.summary().splitlines() if text.strip().startswith("exploration "))
    assert "not identified" in line and "s.e." not in line
    assert "0.3  (s.e. " in found.summary()  # that of the step size stands
    inside = LogitQ(SIZES, inverse_temperature=Fixed(2.0), step_size=Bounded(0.3), exploration=Bounded(0.1))
    assert "0.1  (s.e. " in identify(random_log(), built("tabular joint", inside)).summary()


def test_a_summary_says_that_a_prior_does_not_count_where_there_is_one():
    for family, said in (("tabular joint", True), ("congestion", False)):
        found = identify(random_log(), built(family, q(LogitQ, False)))
        assert ("prior (or penalty)" in found.summary()) is said


def test_rules_that_ignore_payoffs_identify_none():
    for rule in (Uniform(SIZES), MemoryK(SIZES, memory=1)):
        found = identify(random_log(), built("congestion", rule))
        verdict = found.verdict(contrast(agent=0, action=1, minus=0))
        assert verdict.verdict == "not identified" and "no choice" in verdict.why
        assert "not identified" in found.summary()


def test_population_logs_and_absent_agents():
    counts = np.random.default_rng(0).multinomial(30, [0.5, 0.3, 0.2], size=(8, 10, 1)).astype(float)
    crowd = PopulationDataset.from_arrays(counts, 3)
    rule = LogitQ((3,), step_size=Fixed(0.3), inverse_temperature=Fixed(1.0))
    mechanism = Congestion((3,), unit=30)
    mechanism.linear.data = torch.tensor([1.0, 1.5, 2.0], dtype=torch.float64)
    found = identify(crowd, LearningDynamics(mechanism, rule))
    verdict = found.verdict(contrast(agent=0, action=1, minus=0))
    assert verdict.standard_error is not None and found.support.unseen is None
    actions = np.random.default_rng(0).integers(0, 3, (20, 9, 3))
    present = np.ones((20, 3), bool)
    present[:10, 2] = False
    some = TrajectoryDataset.from_arrays(actions, 3, present=present)
    rule = BanditQ((3, 3, 3), step_size=Fixed(0.3), inverse_temperature=Fixed(2.0))
    found = identify(some, LearningDynamics(Congestion((3, 3, 3)), rule))
    assert float(found.support.visits.sum()) == some.num_choices
    assert found.summary()


def test_public_covariates_are_part_of_a_situation():
    rng = np.random.default_rng(0)
    context = rng.integers(0, 2, (90, 12, 1)).astype(float)
    data = TrajectoryDataset.from_arrays(rng.integers(0, 3, (90, 12, 2)), 3, context=context)
    mechanism = ByContext(TabularJoint(SIZES, ridge=1.0), ((0.0,), (1.0,)))
    generator = torch.Generator().manual_seed(0)
    for parameter in mechanism.parameters():
        parameter.data = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    found = identify(data, LearningDynamics(mechanism, q(LogitQ, False)))
    asked = contrast(agent=0, action=1, minus=0, others=(2,), context=(1.0,))
    assert found.verdict(asked).verdict == "identified" and found.support.unseen is None
    with pytest.raises(ValueError, match="context: expected 1 public covariates"):
        found.verdict(contrast(agent=0, action=1, minus=0, others=(2,)))


def test_more_payoffs_than_a_matrix_holds_are_told_by_the_parameters_alone(monkeypatch):
    model, data = built("congestion", q(BanditQ, True, True)), random_log()
    whole = identify(data, model)
    monkeypatch.setattr("diml_inverse.identification.identify.PAYOFFS", 5)
    small = identify(data, model)
    assert small.payoffs is None and "unrestricted" in small.summary()
    torch.testing.assert_close(small.information, whole.information, rtol=1e-8, atol=1e-8)
    assert [d.words for d in small.directions] == [d.words for d in whole.directions]

    def ratio(mechanism):  # neither scale nor level moves it
        payoffs = mechanism.deviation_payoffs([[0, 1]])[0, 0]
        return (payoffs[1] - payoffs[0]) / (payoffs[2] - payoffs[0])

    assert small.verdict(contrast(ratio)).standard_error == pytest.approx(
        whole.verdict(contrast(ratio)).standard_error
    )


def test_a_network_of_more_parameters_than_payoffs():
    mechanism = NeuralJoint(SIZES, width=8, ridge=1.0)
    found = identify(random_log(), LearningDynamics(mechanism, q(LogitQ, False)))
    assert found.payoffs is not None
    assert [d.kind for d in found.payoffs.directions] == ["one constant per opponents' context"] * 6
    assert len(found.directions) == found.null.shape[1]
    assert found.verdict(contrast(agent=0, action=1, minus=0)).standard_error is not None


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (
            lambda f: f.verdict(contrast(agent=2, action=0)),
            ValueError,
            "agent: expected a number from 0 to 1",
        ),
        (
            lambda f: f.verdict(contrast(agent=0, action=3)),
            ValueError,
            "action: expected a number from 0 to 2",
        ),
        (lambda f: f.verdict(contrast(agent=0, action=0, minus=5)), ValueError, "found 5"),
        (lambda f: f.verdict(contrast(agent=0, action=0, others=(1, 1))), ValueError, "the 1 other agents"),
        (lambda f: f.verdict(contrast(agent=0, action=0, others=(7,))), ValueError, "found 7"),
        (lambda f: f.verdict(contrast(lambda m: 3.0)), ValueError, "one number as a tensor; found float"),
        (lambda f: contrast(agent=0), TypeError, "agent and action; found agent=0, action=None"),
        (lambda f: contrast(lambda m: m, agent=0), TypeError, "found both"),
        (lambda f: contrast(agent=0, action=1, context=(1.0,)), TypeError, "others= beside context="),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_questions_without_an_answer_are_refused(ask, error, message):
    found = identify(random_log(), built("tabular joint", q(LogitQ, False)))
    with pytest.raises(error, match=message):
        ask(found)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_looked_into_is_refused():
    model = built("tabular joint", q(LogitQ, False))
    with pytest.raises(TypeError, match="a log in memory; found str; load it"):
        identify("runs/demo", model)
    known = LearningDynamics(Known(lambda a: 1.0 * a, SIZES), q(LogitQ, False))
    with pytest.raises(ValueError, match="free parameters; found none"):
        identify(random_log(), known)


def test_averages_are_taken_where_the_log_identifies_them():
    """Agent 0 never takes action 2 against action 1, but does so against the others'."""
    actions = np.random.default_rng(0).integers(0, 3, (40, 8, 2))
    actions[(actions == [2, 1]).all(-1)] = [0, 0]
    data = TrajectoryDataset.from_arrays(actions, SIZES)
    found = identify(data, built("tabular joint", q(BanditQ, False)))
    whole = found.verdict(contrast(agent=0, action=2, minus=0))
    others = actions[..., 1] != 1
    assert whole.verdict == "not identified"
    assert f"where {others.mean():.1%} of these choices were made it is identified" in whole.why
    part = found.verdict(contrast(agent=0, action=2, minus=0, where_identified=True))
    payoffs = found.model.mechanism.deviation_payoffs(data.actions)[..., 0, :].detach().numpy()[others]
    assert part.standard_error is not None
    assert part.value == pytest.approx((payoffs[:, 2] - payoffs[:, 0]).mean())
    assert f"where identified: {others.mean():.1%} of choices" in found.summary()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize(("rule", "start"), [(LogitQ, None), (BanditQ, False), (BanditQ, True)])
def test_nothing_depends_on_the_unit_of_payoffs(unit, rule, start):
    """Payoffs c u, first values c q and an inverse temperature beta / c are the same learner."""
    found = {}
    for c in (1.0, unit):
        given = {} if start is None else {"initial": Bounded(0.4 * c, -5 * c, 5 * c) if start else Fixed(0.0)}
        learner = rule(SIZES, step_size=Fixed(0.3), inverse_temperature=Positive(2.0 / c), **given)
        model = built("tabular joint", learner)
        for parameter in model.mechanism.parameters():
            parameter.data = parameter * c
        found[c] = identify(random_log(), model)
    one, other = found.values()
    assert [d.words for d in one.directions if "cancel" not in d.kind] == [
        d.words for d in other.directions if "cancel" not in d.kind
    ]
    assert one.payoffs is not None and other.payoffs is not None
    assert [d.words for d in one.payoffs.directions] == [d.words for d in other.payoffs.directions]
    assert one.support.standard_error.tolist() == [math.inf] * 6 == other.support.standard_error.tolist()
    assert len(one.weak) == len(other.weak)
    for asked in (
        contrast(agent=0, action=1, minus=0, others=(2,)),
        contrast(agent=0, action=1, others=(2,)),
    ):
        assert one.verdict(asked).why == other.verdict(asked).why
        assert one.verdict(asked).verdict == other.verdict(asked).verdict == "not identified"
