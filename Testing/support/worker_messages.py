"""Waiting for what a worker says."""

import time

import pytest

from LiverTumorSegLib.apps.worker.protocol import START


def hear(worker, number, seconds=60):
    """Messages up to the last one on a command."""
    heard, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        for message in worker.poll():
            heard.append(message)
            if (
                message["id"] in (number, START)
                and ("error" in message or message["id"] == number)
                and "at" not in message
            ):
                return heard
        time.sleep(0.005)
    pytest.fail(f"no answer to {number} within {seconds} s: {heard} {worker.log()}")
