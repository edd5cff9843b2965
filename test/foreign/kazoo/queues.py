"""Queues."""
from harness import Running, check, equal


@check
def queue_between_processes(world):
    client, other = world.client(), world.other()
    other.says("started")
    queue = client.Queue("/q")
    equal((len(queue), queue.get()), (0, None))
    for number in range(3):
        other.tell("put", "/q", "v%d" % number)
        other.says("put")
    queue.put(b"urgent", priority=1)
    client.sync("/q")
    equal(len(queue), 4)
    equal([queue.get() for _ in range(5)], [b"urgent", b"v0", b"v1", b"v2", None])


@check
def queue_gives_every_item_once(world):
    clients = [world.client() for _ in range(3)]
    queue = clients[0].Queue("/q")
    for number in range(40):
        queue.put(b"%02d" % number)

    def drain(client):
        client.sync("/q")
        found, mine = [], client.Queue("/q")
        while True:
            value = mine.get()
            if value is None:
                return found
            found.append(value)

    found = [each.result() for each in [Running(drain, client) for client in clients]]
    equal(sorted(sum(found, [])), [b"%02d" % number for number in range(40)])


@check
def locking_queue(world):
    one, two = world.client(), world.client()
    mine, theirs = one.LockingQueue("/q"), two.LockingQueue("/q")
    mine.put(b"first")
    mine.put_all([b"second", b"third"])
    two.sync("/q")
    equal(len(theirs), 3)
    equal(mine.get(timeout=20), b"first")
    equal(mine.get(timeout=20), b"first", "the one not consumed")
    equal(theirs.get(timeout=20), b"second")
    equal((mine.holds_lock(), theirs.holds_lock()), (True, True))
    equal(mine.consume(), True)
    equal(mine.consume(), False)
    equal(theirs.release(), True)
    one.sync("/q")
    equal(mine.get(timeout=20), b"second")
    equal(mine.consume(), True)
    equal(mine.get(timeout=20), b"third")
    one.stop()
    equal(theirs.get(timeout=20), b"third", "what a gone client had locked")
    equal(theirs.consume(), True)
    equal(theirs.get(timeout=0.1), None)


@check
def locking_queue_waits(world):
    one, two = world.client(), world.client()
    queue = one.LockingQueue("/q")
    waits = Running(queue.get, 20)
    two.LockingQueue("/q").put(b"late")
    equal(waits.result(), b"late")
