"""How do pictures become an animation?"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

LAST_FRAME = 2000  # milliseconds for which the end stands before the animation starts again


def save_gif(frames: Iterable[np.ndarray], path: Path, *, count: int, fps: int) -> None:
    """Write an animation; pictures are taken one at a time, so that long ones fit into memory.

    Args:
        frames: pictures, uint8 [height, width, 3], all of one size.
        path: file to write.
        count: how many pictures there are.
        fps: pictures per second.
    """
    from PIL import Image

    images = (Image.fromarray(frame).quantize(dither=Image.Dither.NONE) for frame in frames)
    first = next(images)
    durations = [1000 // fps] * (count - 1) + [LAST_FRAME]
    duration = durations if count > 1 else LAST_FRAME
    first.save(path, format="GIF", save_all=True, append_images=images, duration=duration, loop=0)
