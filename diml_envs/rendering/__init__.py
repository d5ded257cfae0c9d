"""Pictures of an episode: what the agents played and what they earned, over time."""

from diml_envs.rendering.gif import save_gif
from diml_envs.rendering.history import History, RoleSeries
from diml_envs.rendering.labels import Details
from diml_envs.rendering.network import Network
from diml_envs.rendering.picture import rgb_array
from diml_envs.rendering.screen import Screen
from diml_envs.rendering.text import ansi
from diml_envs.rendering.window import Window

__all__ = ["Details", "History", "Network", "RoleSeries", "Screen", "Window", "ansi", "rgb_array", "save_gif"]
