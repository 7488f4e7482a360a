from LiverTumorSegLib.core.errors import UserError


class Scripted:
    """A worker's side as a test writes it: what was asked and cancelled, and what is heard next."""

    def __init__(self):
        self.asked, self.given, self.cancelled, self.heard = [], [], [], []
        self.alive, self.ready, self.refuses = True, False, ""

    def ask(self, command, /, **arguments):
        if self.refuses:
            raise UserError(self.refuses)
        self.alive = True
        self.asked.append(command)
        self.given.append(arguments)
        return len(self.asked)

    def cancel(self, number):
        self.cancelled.append(number)

    def poll(self):
        heard, self.heard = self.heard, []
        return heard

    def close(self):
        self.alive = False

    def says(self, **message):
        self.heard.append({"id": len(self.asked)} | message)
