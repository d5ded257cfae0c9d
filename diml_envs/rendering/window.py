"""How does a picture come to the screen?"""

from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled


class Window:
    """A pygame window showing the latest picture.

    Args:
        caption: title of the window.
        fps: pictures per second at most.

    Raises:
        gymnasium.error.DependencyNotInstalled: pygame is missing.
    """

    def __init__(self, caption: str, *, fps: int):
        """Import pygame; the window opens with the first picture."""
        try:
            import pygame
        except ImportError as error:
            raise DependencyNotInstalled(
                'render_mode="human" opens a pygame window, but pygame is not installed; run '
                '`pip install pygame-ce`, or use render_mode="rgb_array" or "ansi"'
            ) from error
        self._pygame = pygame
        self._caption = caption
        self._fps = fps
        self._clock = pygame.time.Clock()
        self._screen: Any = None

    def show(self, frame: np.ndarray) -> None:
        """Show a picture, uint8 [height, width, 3]."""
        height, width, _ = frame.shape
        if self._screen is None:
            self._pygame.display.init()
            self._pygame.display.set_caption(self._caption)
        if self._screen is None or self._screen.get_size() != (width, height):  # a network came or went
            self._screen = self._pygame.display.set_mode((width, height))
        self._screen.blit(self._pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
        self._pygame.event.pump()  # keeps the window answering to the system
        self._pygame.display.update()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window. Closing twice does no harm."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None
