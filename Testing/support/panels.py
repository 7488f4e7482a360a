"""Panels driven by tests."""

import time

from support.waiting import PATIENCE, wait_until


def settle(panel, until=lambda panel: not panel.busy, seconds=PATIENCE):
    """Poll a panel until its job has ended, or as told."""

    def pause():
        panel.poll()
        time.sleep(0.005)

    wait_until(lambda: until(panel), seconds, told=lambda: f"{panel.state}: {panel.stage} {panel.error}", pause=pause)
