"""A light worker for tests of the front: it answers at once, but a segmentation never ends."""

import json
import sys


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    say(id=0, result={})
    for line in sys.stdin:
        question = json.loads(line)
        if "cancel" in question:
            say(id=question["cancel"], cancelled=True)
        elif question["do"] == "segment":
            say(id=question["id"], at=0.5, says="Segmenting")
        else:
            say(id=question["id"], result={"answer": question["do"]})
