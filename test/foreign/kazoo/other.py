"""A process beside check.py, with a client of its own: other.py HOSTS TIMEOUT; commands and answers are lines."""
import logging
import sys
import threading

from kazoo.client import KazooClient

logging.disable(logging.CRITICAL)
client = KazooClient(hosts=sys.argv[1], timeout=float(sys.argv[2]))
held = {}


def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def acquire(path, kind):
    """Acquires a lock in a thread, and says so."""
    lock = held[path] = getattr(client, kind)(path, "other")

    def run():
        lock.acquire()
        say("acquired", path)

    threading.Thread(target=run, daemon=True).start()


def elect(path):
    """Says when it leads, and leads until told to stop."""
    over = held[path] = threading.Event()

    def lead():
        say("leads")
        over.wait()

    threading.Thread(target=lambda: (client.Election(path, "other").run(lead), say("led")), daemon=True).start()


def barrier(path):
    double = held[path] = client.DoubleBarrier(path, 2, "other")
    threading.Thread(target=lambda: (double.enter(), say("entered")), daemon=True).start()


def leave(path):
    threading.Thread(target=lambda: (held[path].leave(), say("left")), daemon=True).start()


def wait(path):
    threading.Thread(target=lambda: (client.Barrier(path).wait(), say("passed")), daemon=True).start()


def get(path):
    """Takes an item of a LockingQueue in a thread, and says which."""
    queue = held.setdefault(path, client.LockingQueue(path))
    threading.Thread(target=lambda: say("got", queue.get().decode()), daemon=True).start()


def locked_put(path, value, priority):
    client.LockingQueue(path).put(value.encode(), int(priority))
    say("put")


def count(path, times):
    counter = client.Counter(path)
    for _ in range(int(times)):
        counter += 1
    say("counted")


def ephemeral(path):
    client.create(path, b"other", ephemeral=True)
    session, password = client.client_id
    say(session, password.hex())


def party(path):
    held[path] = client.Party(path, "other")
    held[path].join()
    say("joined")


def shallow(path):
    held[path] = client.ShallowParty(path, "other")
    held[path].join()
    say("joined")


def attendants(path, kind):
    """As the ensemble has them: the server may be behind."""
    client.sync(path)
    say(",".join(sorted(getattr(client, kind)(path))))


COMMANDS = {
    "acquire": acquire,
    "release": lambda path: (held[path].release(), say("released")),
    "elect": elect,
    "resign": lambda path: held[path].set(),
    "enter": barrier,
    "leave": leave,
    "wait": wait,
    "set": lambda path: (client.Barrier(path).create(), say("set")),
    "lift": lambda path: say("lifted", client.Barrier(path).remove()),
    "get": get,
    "consume": lambda path: say("consumed", held[path].consume()),
    "give": lambda path: say("given", held[path].release()),
    "locked_put": locked_put,
    "count": count,
    "ephemeral": ephemeral,
    "party": party,
    "shallow": shallow,
    "attendants": attendants,
    "put": lambda path, value: (client.Queue(path).put(value.encode()), say("put")),
    "listen": lambda: (client.add_listener(lambda state: say(state)), say("listens")),
    "remove": lambda path: (client.delete(path), say("removed")),
}

client.start(timeout=20)
say("started")
for line in sys.stdin:
    command, *args = line.split()
    COMMANDS[command](*args)
