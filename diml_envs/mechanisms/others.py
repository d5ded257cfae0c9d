"""What do the others weigh together, for each agent?"""

import numpy as np
from numpy.typing import NDArray


def log_sum_of_others(logs: NDArray[np.float64], outside: float = -np.inf) -> NDArray[np.float64]:
    """Return [..., n]: the log of the summed exp of all but each entry, and of an option outside of them.

    Sums from both ends rather than the total less one's own, which cancels where others are tiny.

    Args:
        logs: float64 [..., n]; minus infinity weighs nothing.
        outside: log of what is there beside the agents.

    Example:
        >>> np.exp(log_sum_of_others(np.log([1.0, 2.0, 4.0]), outside=np.log(8.0))).round(6).tolist()
        [14.0, 13.0, 11.0]
    """
    ends = np.full((*logs.shape[:-1], 1), -np.inf)
    before = np.concatenate([ends, logs[..., :-1]], axis=-1)
    before[..., 0] = outside
    after = np.concatenate([ends, logs[..., :0:-1]], axis=-1)
    before, after = (np.logaddexp.accumulate(part, axis=-1) for part in (before, after))
    return np.logaddexp(before, after[..., ::-1])
