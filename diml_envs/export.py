"""How is one agent's side of a log handed to single-agent offline reinforcement learning (Minari)?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled

from diml_envs.arguments import did_you_mean
from diml_envs.observations import box, one_hot

if TYPE_CHECKING:
    from diml_envs.log import Log


def to_minari(
    log: "Log", agent: str, dataset_id: str, *, covariates: Sequence[int] | None = None, **about: Any
) -> Any:
    """Write what one agent saw, did and earned as a Minari data set.

    Each episode of the log is one Minari episode, truncated at its end. Observations are those of
    `IncentiveEnv(observation="joint")`: the last joint action as one-hot vectors (zeros at first), then the
    context. The observation after an episode's last step has the context of that step, as no later one is
    known. Other agents learn within an episode: to the agent the environment is not stationary.

    Args:
        log: a log with payoffs.
        agent: one of `log.agents`.
        dataset_id: Minari's name, for example "diml/congestion/logit-q-v0".
        covariates: indices of the context entries that the agent saw; all by default. Name them where others
            are private.
        **about: passed to `minari.create_dataset_from_buffers`, for example `author`.

    Returns:
        The `minari.MinariDataset`, written below MINARI_DATASETS_PATH.

    Raises:
        gymnasium.error.DependencyNotInstalled: Minari is missing.
        ValueError: no such agent or covariate, payoffs are missing, or Minari has a data set of this name.
    """
    try:
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError as error:
        raise DependencyNotInstalled("to_minari needs Minari; run `pip install minari`") from error
    if agent not in log.agents:
        known, hint = ", ".join(log.agents), did_you_mean(agent, log.agents)
        raise ValueError(f"expected an agent among {known}, found {agent!r}{hint}")
    index = log.agents.index(agent)
    if log.payoffs is None or np.isnan(log.payoffs[log.mask][:, index]).any():
        raise ValueError(
            f"expected a payoff of {agent} at every step, found steps without one; record payoffs, or fill "
            "Log(payoffs=...) from a mechanism: mechanism(log.actions)"
        )
    size = 0 if log.context is None else log.context.shape[-1]
    seen = list(range(size)) if covariates is None else list(covariates)
    if any(column not in range(size) for column in seen):
        raise ValueError(f"expected covariates from 0 to {size - 1} (the log has {size}), found {seen}")
    width, buffers = sum(log.num_actions), []
    for e, length in enumerate(log.lengths.tolist()):
        observations = np.zeros((length + 1, width + len(seen)), dtype=np.float32)
        observations[1:, :width] = one_hot(log.actions[e, :length], log.num_actions)
        if log.context is not None and length:
            observations[:length, width:] = log.context[e, :length, seen].T
            observations[length, width:] = log.context[e, length - 1, seen]
        buffers.append(
            EpisodeBuffer(
                id=e,
                observations=observations,  # pyright: ignore[reportArgumentType]  # arrays do as lists
                actions=log.actions[e, :length, index],  # pyright: ignore[reportArgumentType]
                rewards=log.payoffs[e, :length, index].tolist(),
                terminations=[False] * length,
                truncations=[step == length - 1 for step in range(length)],
            )
        )
    about = {"description": f"One agent's side of a log of diml: {agent} of {len(log.agents)}", **about}
    return minari.create_dataset_from_buffers(
        dataset_id,
        [buffer for buffer in buffers if len(buffer)],
        observation_space=box(width, 1.0, len(seen)),
        action_space=spaces.Discrete(log.num_actions[index]),
        data_format="arrow",
        **about,
    )
