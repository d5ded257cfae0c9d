"""Which payoff families and learner rules the command line knows, with their parameters' defaults."""

import math
from collections.abc import Sequence

from diml_inverse import learners, mechanisms
from diml_inverse.cli_entries import NONE, Entry, Family, Rule
from diml_inverse.reading.checks import did_you_mean

SCALE = Entry("1", high=math.inf)
SHARE = Entry("free:0.05")
INNOVATION = {"innovation": Entry("free:0.1", high=math.inf)}

FAMILIES = {
    "tabular-anonymous": Family(
        mechanisms.TabularAnonymous, "one payoff per own action and counts of the others' actions"
    ),
    "tabular-joint": Family(mechanisms.TabularJoint, "one payoff per agent and joint action"),
    "tabular-aggregative": Family(
        mechanisms.TabularAggregative, "one payoff per own action and total of the others' levels"
    ),
    "additive-pairwise": Family(
        mechanisms.AdditivePairwise, "effects of one's own action, of pairs of agents, and what is left"
    ),
    "factorial": Family(
        mechanisms.Factorial, "effects of one's own action, of pairs of agents, of triples, and so on"
    ),
    "anonymous-factorial": Family(
        mechanisms.AnonymousFactorial, "the same where others are counted, up to triples"
    ),
    "additive-counts": Family(
        mechanisms.AdditiveCounts, "effects of one's own action and of what share of the others took each"
    ),
    "smooth-aggregative": Family(
        mechanisms.SmoothAggregative, "polynomials of own level and of the total of the others' levels"
    ),
    "neural-anonymous": Family(mechanisms.NeuralAnonymous, "a network of the others' shares per action"),
    "neural-aggregative": Family(
        mechanisms.NeuralAggregative, "a network of the total of the others' levels"
    ),
    "neural-joint": Family(mechanisms.NeuralJoint, "a network of the whole joint action"),
    "tabular-network": Family(
        mechanisms.TabularNetwork, "one payoff per own action and counts of the neighbours' actions"
    ),
    "neural-neighbours": Family(
        mechanisms.NeuralNeighbours, "a network of the neighbours' shares per action"
    ),
    "network-game": Family(
        mechanisms.NetworkGame, "a benefit of effort, alone and with each neighbour's, a quadratic cost"
    ),
    "congestion": Family(
        mechanisms.Congestion, "a cost linear and quadratic in how many take the same action"
    ),
    "public-goods": Family(mechanisms.PublicGoods, "a benefit of the total contribution, a cost, a subsidy"),
}
"""Adding a family is one row."""

BY_CONTEXT, LINEAR_IN_CONTEXT = "by-context-", "linear-in-context-"
FAMILY_NAMES = (*FAMILIES, *(wrap + name for wrap in (BY_CONTEXT, LINEAR_IN_CONTEXT) for name in FAMILIES))

RULES = {
    "logit-q": Rule(
        learners.LogitQ,
        "logit choice over averaged payoffs of all own actions",
        {"step_size": Entry("free:0.2"), "inverse_temperature": SCALE, "exploration": SHARE},
    ),
    "hedge": Rule(
        learners.Hedge,
        "multiplicative weights, with forgetting and optimism",
        {
            "step_size": SCALE,
            "forgetting": SHARE,
            "exploration": SHARE,
            "optimism": Entry(NONE, high=math.inf),
        },
    ),
    "fictitious-play": Rule(
        learners.FictitiousPlay,
        "logit choice over payoffs expected under the frequencies of what others did",
        {
            "inverse_temperature": SCALE,
            "forgetting": SHARE,
            "prior_weight": Entry("1", high=math.inf),
            "exploration": SHARE,
        },
    ),
    "ewa": Rule(
        learners.EWA,
        "experience-weighted attraction, between reinforcement and belief learning",
        {
            "inverse_temperature": SCALE,
            "delta": Entry("free:0.5"),
            "phi": Entry("free:0.9"),
            "rho": Entry("free:0.8"),
            "initial_experience": Entry("1", high=math.inf),
            "exploration": SHARE,
        },
    ),
    "bandit-q": Rule(
        learners.BanditQ,
        "Q-learning from the chosen action's payoff alone",
        {
            "step_size": Entry("free:0.2"),
            "inverse_temperature": SCALE,
            "exploration": SHARE,
            "initial": Entry("0", low=-1e3, high=1e3),
        },
    ),
    "forgetting-q": Rule(
        learners.ForgettingQ,
        "Q-learning from own payoffs, and what is not tried fades",
        {
            "step_size": Entry("free:0.2"),
            "inverse_temperature": SCALE,
            "forgetting": Entry("free:0.1"),
            "exploration": SHARE,
            "initial": Entry("0", low=-1e3, high=1e3),
        },
    ),
    "regret-matching": Rule(
        learners.RegretMatching,
        "choice in proportion to positive regrets; payoffs up to scale",
        {"exploration": SHARE},
    ),
    "regret-matching-plus": Rule(
        learners.RegretMatchingPlus,
        "regret matching that forgets negative regrets; payoffs up to scale",
        {"exploration": SHARE},
    ),
    "roth-erev": Rule(
        learners.RothErev,
        "choice in proportion to sums of own payoffs, in units of their start",
        {"forgetting": SHARE, "initial": Entry("1", high=math.inf), "exploration": SHARE},
    ),
    "faq": Rule(
        learners.FAQ,
        "bandit Q-learning with steps adjusted to how often an action is tried",
        {
            "step_size": Entry("free:0.2"),
            "inverse_temperature": SCALE,
            "threshold": Entry("0.2"),
            "exploration": SHARE,
            "initial": Entry("0", low=-1e3, high=1e3),
        },
    ),
    "exp3": Rule(
        learners.Exp3,
        "Hedge from own payoffs alone, weighted by how likely they were seen",
        {"step_size": SCALE, "implicit_exploration": Entry("0.05", high=math.inf), "exploration": SHARE},
    ),
    "reinforce": Rule(
        learners.Reinforce,
        "policy gradient from own payoffs less a running baseline",
        {
            "step_size": SCALE,
            "baseline_step": Entry("free:0.1"),
            "initial_baseline": Entry("0", low=-1e3, high=1e3),
            "exploration": SHARE,
        },
    ),
    "policy-gradient": Rule(
        learners.PolicyGradient,
        "policy gradient over the payoffs of all own actions",
        {"step_size": SCALE, "exploration": SHARE},
    ),
    "actor-critic": Rule(
        learners.ActorCritic,
        "surrogate for A2C and PPO, by batches; clip is PPO's",
        {
            "step_size": SCALE,
            "value_step": Entry("free:0.05"),
            "discount": Entry("0.99"),
            "trace": Entry("1"),
            "entropy": Entry("free:0.05", high=math.inf),
            "initial_value": Entry("0", low=-1e3, high=1e3),
            "clip": Entry(NONE),
            **INNOVATION,
        },
    ),
    "replayed-q": Rule(
        learners.ReplayedQ,
        "surrogate for DQN: values pulled towards the mean of all rewards so far",
        {
            "step_size": Entry("free:0.2"),
            "inverse_temperature": SCALE,
            "exploration": SHARE,
            "forgetting": Entry("0"),
            "initial": Entry("0", low=-1e3, high=1e3),
        },
        schedules=True,
    ),
    "static-logit": Rule(
        learners.StaticLogit,
        "a noisy best response to the last step",
        {"inverse_temperature": SCALE, "exploration": SHARE},
    ),
    "memory-k": Rule(
        learners.MemoryK,
        "baseline: choices from the last joint actions, payoffs ignored",
        options={"memory": 1, "ridge": 1.0},
    ),
    "uniform": Rule(learners.Uniform, "baseline: all actions equally likely"),
}
"""Adding a rule is one row; rules that follow a recursion have their batched version by themselves."""

BATCHED = "batched-"
LEARNER_NAMES = (*RULES, *(BATCHED + name for name, rule in RULES.items() if rule.can_be_batched))


def family_name(typed: str, flag: str = "--mechanism") -> str:
    """The name of a family, underscores and capitals allowed.

    Raises:
        ValueError: there is none of this name.
    """
    return _known(flag, typed, FAMILY_NAMES, tuple(FAMILIES))


def learner_name(typed: str, flag: str = "--learner") -> str:
    """The name of a learner rule, underscores and capitals allowed.

    Raises:
        ValueError: there is none of this name.
    """
    return _known(flag, typed, LEARNER_NAMES, LEARNER_NAMES)


def learner_defaults(name: str) -> dict[str, str]:
    """The parameters of a rule by name, each as it would be typed."""
    defaults = RULES[name.removeprefix(BATCHED)].defaults()
    if name.startswith(BATCHED):
        defaults |= {key: entry.default for key, entry in INNOVATION.items()}
    return defaults


def _known(flag: str, typed: str, names: Sequence[str], shown: Sequence[str]) -> str:
    name = typed.strip().lower().replace("_", "-")
    if name not in names:
        raise ValueError(
            f"{flag}: expected one of {', '.join(shown)}; found {typed!r}.{did_you_mean(name, names)}"
        )
    return name
