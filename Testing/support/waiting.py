"""Waiting in tests: for as long as a busy machine may take, and no longer than something that hangs deserves."""

import time

PATIENCE = 300
"""Seconds that nothing takes, also where other tests keep the machine busy."""


def wait_until(condition, seconds=PATIENCE, *, told=lambda: "", pause=lambda: time.sleep(0.02)):
    """Wait until a condition holds, and return what it gave.

    Args:
        condition: asked again and again.
        seconds: after which it is given up.
        told: what is known by then, for whoever reads the failure.
        pause: between two questions, such as one that lets a page or a worker go on.

    Raises:
        AssertionError: it did not hold in time.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain: {told()}"
        pause()
    return found
