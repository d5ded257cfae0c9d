"""The table of registered environments: what each is called, how it is built, what is known of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diml_envs.mechanisms import (
    AllPayAuction,
    Anonymous,
    Bertrand,
    CommonPool,
    Congestion,
    Cournot,
    DoubleAuction,
    ElFarol,
    FirstPriceAuction,
    MatrixGame,
    Mechanism,
    MinorityGame,
    NetworkGame,
    NeuralJoint,
    PotentialGame,
    PublicGoods,
    RankingRebate,
    Routing,
    SecondPriceAuction,
    SponsoredSearch,
    Switch,
    TeamBonus,
    TimeOfUse,
    Tournament,
    TullockContest,
    ZeroSum,
)


@dataclass(frozen=True)
class Row:
    """One registered environment.

    Args:
        mechanism: class of the mechanism; its docstring is the environment's page.
        build: builds the mechanism from keyword arguments.
        source: where the rule comes from: author and year.
        identifies: what a log of agents who learn by full information tells of its payoffs, in one line.
        small: arguments of an instance with two agents, small enough for a payoff table.
    """

    mechanism: type[Mechanism]
    build: Callable[..., Mechanism]
    source: str
    identifies: str
    small: Mapping[str, Any]


def matrix_game(game: str = "prisoners_dilemma", payoffs: Any = None) -> MatrixGame:
    """A named classic, or the game of a payoff table.

    Args:
        game: name of a classic, see `MatrixGame.named`; not read where payoffs are given.
        payoffs: payoff of every agent at every joint action, [*num_actions, n].

    Returns:
        The matrix game.
    """
    return MatrixGame.named(game) if payoffs is None else MatrixGame(payoffs)


def el_farol(
    num_agents: int = 10,
    *,
    threshold: float | None = None,
    good: float = 1.0,
    bad: float = -1.0,
    stay: float = 0.0,
    later_threshold: float | None = None,
    switch_step: int = 30,
    announced: bool = True,
) -> Mechanism:
    """The El Farol bar, whose threshold may move during an episode.

    Args:
        num_agents: number of agents.
        threshold: largest attendance that is still pleasant; 60 of 100 agents, rounded down, if None.
        good: payoff of going to a pleasant bar.
        bad: payoff of going to a crowded bar.
        stay: payoff of staying at home.
        later_threshold: the threshold from `switch_step` on; None if it does not move.
        switch_step: first step of the later threshold, counted from 0.
        announced: whether agents see which threshold is in force.

    Returns:
        The bar, or a `Switch` from one bar to another.
    """
    bar = ElFarol(num_agents, threshold=threshold, good=good, bad=bad, stay=stay)
    if later_threshold is None:
        return bar
    later = ElFarol(num_agents, threshold=later_threshold, good=good, bad=bad, stay=stay)
    return Switch(bar, later, at=switch_step, announced=announced)


_DIFFERENCES = "payoff differences between own actions, per joint action of the others"
_TWO_BY_THREE = {"num_agents": 2, "num_actions": 3}

# one line per environment, in the order in which they are listed
REGISTRY: dict[str, Row] = {
    "diml/neural-v0": Row(NeuralJoint, NeuralJoint, "An & Du 2026", _DIFFERENCES, _TWO_BY_THREE),
    "diml/congestion-v0": Row(
        Congestion,
        Congestion,
        "Rosenthal 1973; An & Du 2026",
        "quadratic, and linear - toll but not the two apart, of 3 or more roads and agents",
        _TWO_BY_THREE,
    ),
    "diml/public_goods-v0": Row(
        PublicGoods,
        PublicGoods,
        "An & Du 2026",
        "differences between contributions, per total of the others",
        _TWO_BY_THREE,
    ),
    "diml/anonymous-v0": Row(
        Anonymous,
        Anonymous,
        "An & Du 2026; Sandholm 2010",
        "payoff differences, per counts of the others",
        _TWO_BY_THREE,
    ),
    "diml/matrix-v0": Row(MatrixGame, matrix_game, "Fudenberg & Tirole 1991", _DIFFERENCES, {}),
    "diml/cournot-v0": Row(
        Cournot, Cournot, "Cournot 1838", "slope, and intercept - costs but not the two apart", _TWO_BY_THREE
    ),
    "diml/bertrand-v0": Row(
        Bertrand,
        Bertrand,
        "Anderson et al. 1992; Calvano et al. 2020",
        "costs, differentiation, quality - outside, market_size, from 3 or more prices",
        _TWO_BY_THREE,
    ),
    "diml/time_of_use-v0": Row(
        TimeOfUse,
        TimeOfUse,
        "Boiteux 1960; Mohsenian-Rad et al. 2010",
        "hourly costs of each agent and base_load / energy up to constants, demand_charge * energy",
        _TWO_BY_THREE,
    ),
    "diml/network_game-v0": Row(
        NetworkGame,
        NetworkGame,
        "Ballester et al. 2006",
        "benefit, and complementarity * graph but not the two apart",
        _TWO_BY_THREE,
    ),
    "diml/potential-v0": Row(
        PotentialGame,
        PotentialGame,
        "Monderer & Shapley 1996",
        "the potential up to one constant, not the dummy terms",
        _TWO_BY_THREE,
    ),
    "diml/zero_sum-v0": Row(
        ZeroSum, ZeroSum, "von Neumann 1928; Cai et al. 2016", _DIFFERENCES, _TWO_BY_THREE
    ),
    "diml/first_price-v0": Row(
        FirstPriceAuction,
        FirstPriceAuction,
        "Vickrey 1961",
        "values less bids; the reserve up to the grid",
        _TWO_BY_THREE,
    ),
    "diml/second_price-v0": Row(
        SecondPriceAuction,
        SecondPriceAuction,
        "Vickrey 1961",
        "value less price, per highest bid of the others",
        _TWO_BY_THREE,
    ),
    "diml/all_pay-v0": Row(
        AllPayAuction,
        AllPayAuction,
        "Baye, Kovenock & de Vries 1996",
        "values, and differences of bids; the reserve up to the grid",
        _TWO_BY_THREE,
    ),
    "diml/sponsored_search-v0": Row(
        SponsoredSearch,
        SponsoredSearch,
        "Varian 2007; Edelman, Ostrovsky & Schwarz 2007",
        "payoff differences between slots within reach; values, and click rates times qualities",
        _TWO_BY_THREE,
    ),
    "diml/ranking_rebate-v0": Row(
        RankingRebate,
        RankingRebate,
        "Lahaie & Pennock 2007; rebates ours",
        "payoff differences between slots within reach; the exponents up to the order of scores",
        _TWO_BY_THREE,
    ),
    "diml/double_auction-v0": Row(
        DoubleAuction,
        DoubleAuction,
        "Chatterjee & Samuelson 1983; Rustichini et al. 1994",
        "values, costs and k, where own offers decide on trade and price",
        {"num_buyers": 1, "num_sellers": 1, "num_bids": 4, "num_asks": 3},
    ),
    "diml/routing-v0": Row(
        Routing,
        Routing,
        "Braess 1968; Roughgarden 2005",
        "time and toll, in money, of what an agent's routes do not share",
        {"num_agents": 2},
    ),
    "diml/tullock-v0": Row(
        TullockContest,
        TullockContest,
        "Tullock 1980",
        "prize and cost of each agent, the exponent, from 3 or more efforts",
        _TWO_BY_THREE,
    ),
    "diml/minority-v0": Row(
        MinorityGame,
        MinorityGame,
        "Challet & Zhang 1997",
        "payoff difference of the sides, per number of others on one",
        {"num_agents": 2},
    ),
    "diml/el_farol-v0": Row(
        ElFarol,
        el_farol,
        "Arthur 1994",
        "thresholds that attendance passes, good - stay and bad - stay",
        {"num_agents": 2},
    ),
    "diml/common_pool-v0": Row(
        CommonPool,
        CommonPool,
        "Ostrom, Gardner & Walker 1994",
        "productivity - outside, depletion, a quota amid the grid, detection * fine but not the two apart",
        _TWO_BY_THREE,
    ),
    "diml/team_bonus-v0": Row(
        TeamBonus,
        TeamBonus,
        "Holmstrom 1982",
        "share * productivity, bonus, cost, target / productivity up to the grid",
        _TWO_BY_THREE,
    ),
    "diml/tournament-v0": Row(
        Tournament,
        Tournament,
        "Lazear & Rosen 1981",
        "winner_prize - loser_prize, noise_scale and cost",
        _TWO_BY_THREE,
    ),
}
