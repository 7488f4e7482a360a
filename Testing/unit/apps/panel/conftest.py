"""What several tests of the panel's library begin with."""

import pytest

from LiverTumorSegLib.apps.panel.panel import Panel


@pytest.fixture
def jobs(warm_worker, mrml):
    """What the panel does with the scene, by a worker that is running; ``mrml`` is the test file's own."""
    from LiverTumorSegLib.apps.panel.mrml_jobs import SceneJobs

    return SceneJobs(Panel(warm_worker))
