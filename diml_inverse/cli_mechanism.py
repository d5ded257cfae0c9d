"""Which payoff family did the user ask for on the command line: its name, ridge, graph and context?"""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_inverse.cli_tables import BY_CONTEXT, FAMILIES, LINEAR_IN_CONTEXT
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms import ByContext, LinearInContext, Mechanism
from diml_inverse.population import PopulationDataset

MOST_LEVELS = 50
"""Values of a context beyond which no payoff function for each is built."""


def build_mechanism(
    name: str,
    dataset: EpisodeDataset,
    *,
    ridge: float | None,
    graph: NDArray[np.float64] | None = None,
    levels: NDArray[np.float64] | None = None,
) -> Mechanism:
    """The family of a name for a log's agents, with the log's public context where it takes one.

    Args:
        name: one of `FAMILY_NAMES`.
        dataset: the log.
        ridge: strength of shrinkage; None for the family's default.
        graph: who is linked with whom, [n, n], for a family on a graph.
        levels: the values of the context, [L, d], for a family by context; None: those in the log.

    Raises:
        ValueError: if the family does not suit the log, takes no ridge, or misses its graph or has no use
            for one.
    """
    wrap = next((prefix for prefix in (BY_CONTEXT, LINEAR_IN_CONTEXT) if name.startswith(prefix)), "")
    family = FAMILIES[name.removeprefix(wrap)]
    takes = family.takes
    arguments: dict[str, Any] = _graph_argument(name, takes, graph)
    if ridge is not None:
        if "ridge" not in takes:
            raise ValueError(f"--ridge: expected a family with a penalty; found {name}; leave --ridge out")
        arguments["ridge"] = ridge
    if isinstance(dataset, PopulationDataset):  # what a mechanism for its groups has to be told
        arguments |= {key: dataset.population for key in ("unit", "population") if key in takes}
    if dataset.context is None:
        if wrap:
            plain = name.removeprefix(wrap)
            raise ValueError(f"--mechanism {name}: expected a log with a context; found none; use {plain}")
    elif not wrap and "context_size" in takes:
        arguments["context_size"] = dataset.context.shape[-1]
    built = family.build(dataset.num_actions, **arguments)
    if dataset.context is None or not wrap:
        return built
    if wrap == LINEAR_IN_CONTEXT:
        return LinearInContext(built, dataset.context.shape[-1])
    return ByContext(built, context_levels(dataset) if levels is None else levels)


def context_levels(*datasets: EpisodeDataset | None) -> NDArray[np.float64]:
    """The values that the public context takes in some logs, [L, d].

    Raises:
        ValueError: if there are none, or too many for a payoff function each.
    """
    logs = [log for log in datasets if log is not None]
    seen = [log.context[log.mask].cpu().numpy() for log in logs if log.context is not None]
    levels = np.unique(np.concatenate(seen), axis=0) if seen else np.zeros((0, 1))
    if not 1 <= len(levels) <= MOST_LEVELS:
        raise ValueError(
            f"--mechanism {BY_CONTEXT}...: expected a log whose context takes 1 to {MOST_LEVELS} values; "
            f"found {len(levels):,}; use {LINEAR_IN_CONTEXT}..., or a network, whose input it is too"
        )
    return levels


def _graph_argument(
    name: str, takes: Collection[str], graph: NDArray[np.float64] | None
) -> dict[str, NDArray[np.float64]]:
    if "adjacency" in takes:
        if graph is None:
            raise ValueError(
                f"--graph: expected a file of pairs agent_a,agent_b, since --mechanism {name} is on a graph; "
                "found none; say who is linked with whom"
            )
        return {"adjacency": graph}
    if graph is not None:
        on = ", ".join(key for key, family in FAMILIES.items() if "adjacency" in family.takes)
        raise ValueError(f"--graph: expected a family on a graph ({on}); found {name}; leave --graph out")
    return {}
