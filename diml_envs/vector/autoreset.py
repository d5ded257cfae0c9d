"""When do vectorised environments start their next episode, and how do they tell of the last one?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from diml_envs.arguments import require_choice
from diml_envs.vector.games import Games


def autoreset_mode(found: AutoresetMode | str) -> AutoresetMode:
    """Return Gymnasium's mode of this name: "NextStep", "SameStep" or "Disabled"."""
    if isinstance(found, AutoresetMode):
        return found
    require_choice("autoreset_mode", found, [mode.value for mode in AutoresetMode])
    return AutoresetMode(found)


def is_reset(games: Games, mode: AutoresetMode) -> bool:
    """Whether this step only starts the next episode, under `AutoresetMode.NEXT_STEP`.

    Raises:
        ResetNeeded: the first episode has not begun, or the last one has ended and nobody resets by itself.
    """
    if games.steps is None:
        raise ResetNeeded("expected an episode, but the environment has not been reset; call reset()")
    if games.ended and mode is not AutoresetMode.NEXT_STEP:
        raise ResetNeeded("expected running episodes, but they have ended; call reset()")
    return games.ended


def swap_requested(games: Games, options: Mapping[str, Any] | None) -> None:
    """Act on the options of a reset: swap the mechanism.

    Raises:
        ValueError: the mechanism does not fit, or only some sub-environments are to be reset.
    """
    mask = None if options is None else options.get("reset_mask")
    if mask is not None and not np.all(mask):
        raise ValueError(
            f"expected options['reset_mask'] to be True for all {games.num_envs} sub-environments, found "
            "False; their episodes run in step, so leave the mask out"
        )
    if options is not None and "mechanism" in options:
        games.mechanism = options["mechanism"]


def masked(infos: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Infos in Gymnasium's words: beside each array [B, ...] a mask "_name" of who has it: all."""
    masks = {f"_{name}": np.ones(len(array), dtype=bool) for name, array in infos.items()}
    return {**infos, **masks}


def final(observations: np.ndarray, infos: dict[str, Any]) -> dict[str, Any]:
    """Gymnasium's report of the last step of an episode under `AutoresetMode.SAME_STEP`."""
    rows = np.empty(len(observations), dtype=object)  # as Gymnasium has it: one observation per entry
    for index, row in enumerate(observations):
        rows[index] = row
    everyone = np.ones(len(rows), dtype=bool)
    return {"final_obs": rows, "_final_obs": everyone, "final_info": infos, "_final_info": everyone.copy()}
