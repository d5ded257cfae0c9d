"""What does an environment show of the episode that is running?"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from diml_envs.mechanisms import Mechanism
from diml_envs.mechanisms.counts import action_counts
from diml_envs.rendering.history import History
from diml_envs.rendering.labels import Details
from diml_envs.rendering.picture import rgb_array
from diml_envs.rendering.text import ansi
from diml_envs.rendering.window import Window


class Screen:
    """Keeps what pictures need of an episode, and draws them; keeps nothing where nothing is drawn.

    Args:
        mode: `"rgb_array"`, `"ansi"`, `"human"` or None.
    """

    def __init__(self, mode: str | None):
        """Nothing is drawn yet."""
        self.mode = mode
        self._history = History()
        self._drawn: Mechanism | None = None
        self._details = Details()
        self._window: Window | None = None

    def begin(self, mechanism: Mechanism) -> None:
        """Start a new episode."""
        if self.mode is not None:
            self._history = History(mechanism.roles, mechanism.num_actions)

    def add(self, mechanism: Mechanism, actions: np.ndarray, payoffs: np.ndarray) -> None:
        """Add one step: a joint action [n] and what it earned [n]."""
        self._history.append(action_counts(actions, max(mechanism.num_actions)), payoffs, actions)

    def render(
        self,
        mechanism: Mechanism,
        title: str,
        horizon: int,
        last: np.ndarray | None,
        metadata: Mapping[str, Any],
    ) -> Any:
        """Return the picture, uint8 [height, width, 3] or text; None where it goes to a window.

        Args:
            mechanism: the one in force.
            title: what to call it.
            horizon: steps of the whole episode.
            last: the last joint action [n]; None before anything has been played.
            metadata: of the environment: its name and how many pictures a second a window shows.
        """
        if self.mode is None:
            gymnasium.logger.warn(
                "You are calling render method without specifying any render mode. "
                'Specify it at construction, e.g. render_mode="rgb_array".'
            )
            return None
        if mechanism is not self._drawn:
            self._drawn, self._details = mechanism, Details.of(mechanism)
        size = max(mechanism.num_actions)
        picture = (ansi if self.mode == "ansi" else rgb_array)(
            *self._history.arrays(size),
            title=title,
            horizon=horizon,
            num_agents=mechanism.num_agents,
            by_role=self._history.by_role(size),
            details=self._details,
            actions=last,
        )
        if self.mode != "human":
            return picture
        assert isinstance(picture, np.ndarray)
        if self._window is None:
            self._window = Window(metadata["name"], fps=metadata["render_fps"])
        self._window.show(picture)
        return None

    def close(self) -> None:
        """Close the window, if one is open. Closing twice does no harm."""
        if self._window is not None:
            self._window.close()
            self._window = None
