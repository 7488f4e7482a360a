"""A worker whose commands run in the test's own process, so that a test can change what they call."""

import traceback

from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.apps.worker.protocol import decode, encode
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job


class WorkerHere:
    """Answers a question when it is asked; questions and answers are JSON as between processes."""

    alive = ready = True

    def __init__(self, scratch):
        self.scratch, self._heard, self._count, self._commands = scratch, [], 0, Commands()

    def ask(self, command, /, **arguments):
        self._count += 1
        question = decode(encode({"id": self._count, "do": command, "with": arguments}))
        try:
            self._hear(result=self._commands.run(command, question["with"], Job()))
        except UserError as error:
            self._hear(error=str(error), details=traceback.format_exc())
        return self._count

    def _hear(self, **message):
        self._heard.append(decode(encode({"id": self._count, **message})))

    def cancel(self, number):
        raise NotImplementedError(number)

    def poll(self):
        heard, self._heard = self._heard, []
        return heard

    def close(self):
        self.alive = False

    def log(self):
        return ""
