"""Recipes for which several clients meet: locks, elections, parties, barriers, leases, counters, partitions."""
import datetime
import threading

from kazoo.exceptions import CancelledError, LockTimeout

from harness import Running, Seen, check, equal, inside, raises, true


@check
def lock_between_processes(world):
    client, other = world.client(), world.other()
    other.says("started")
    other.tell("acquire", "/l", "Lock")
    other.says("acquired /l")
    lock = client.Lock("/l", "me")
    equal(lock.acquire(blocking=False), False)
    equal(lock.is_acquired, False)
    raises(LockTimeout, lock.acquire, timeout=0.2)
    equal(lock.contenders(), ["other"])
    waits = Running(lock.acquire)
    while lock.contenders() != ["other", "me"]:
        client.sync("/l")
    true(not waits.is_over(), "it waits")
    other.tell("release", "/l")
    other.says("released")
    equal(waits.result(), True)
    equal((lock.is_acquired, lock.contenders()), (True, ["me"]))
    lock.release()
    equal(client.get_children("/l"), [])


@check
def lock_of_a_killed_process(world):
    client, other = world.client(), world.other(timeout=1.5)
    other.says("started")
    other.tell("acquire", "/l", "Lock")
    other.says("acquired /l")
    lock = client.Lock("/l", "me")
    waits = Running(lock.acquire)
    while len(lock.contenders()) != 2:
        client.sync("/l")
    other.kill()
    equal(waits.result(), True)
    equal(lock.contenders(), ["me"])


@check
def lock_order_and_cancel(world):
    clients = [world.client() for _ in range(4)]
    order = Seen()
    first = clients[0].Lock("/l", "0")
    first.acquire()

    def take(number):
        with clients[number].Lock("/l", str(number)):
            order(number)

    threads = []
    for number in (1, 2, 3):
        threads.append(Running(take, number))
        while len(first.contenders()) != number + 1:
            clients[0].sync("/l")
    cancelled = clients[0].Lock("/l", "never")
    waits = Running(cancelled.acquire)
    while len(first.contenders()) != 5:
        clients[0].sync("/l")
    cancelled.cancel()
    raises(CancelledError, waits.result)
    equal(first.contenders(), ["0", "1", "2", "3"])
    first.release()
    for thread in threads:
        thread.result()
    order.has(1, 2, 3)


@check
def lock_excludes(world):
    clients = [world.client() for _ in range(4)]
    clients[0].create("/n", b"0")

    def work(client):
        for _ in range(5):
            with client.Lock("/l"):
                client.sync("/n")
                value = int(client.get("/n")[0])
                client.set("/n", b"%d" % (value + 1))

    for thread in [Running(work, client) for client in clients]:
        thread.result()
    clients[0].sync("/n")
    equal(clients[0].get("/n")[0], b"20")


@check
def read_and_write_locks(world):
    one, two, three = (world.client() for _ in range(3))
    first, second, writer = one.ReadLock("/l", "r1"), two.ReadLock("/l", "r2"), three.WriteLock("/l", "w")
    equal((first.acquire(), second.acquire()), (True, True))
    equal(writer.acquire(blocking=False), False)
    waits = Running(writer.acquire)
    while len(writer.contenders()) != 3:
        three.sync("/l")
    late = one.ReadLock("/l", "r3")
    equal(late.acquire(blocking=False), False)
    first.release()
    true(not waits.is_over(), "the other reader still reads")
    second.release()
    equal(waits.result(), True)
    raises(LockTimeout, late.acquire, timeout=0.2)
    writer.release()
    equal(late.acquire(timeout=20), True)


@check
def read_lock_waits_for_another_process(world):
    client, other = world.client(), world.other()
    other.says("started")
    other.tell("acquire", "/l", "WriteLock")
    other.says("acquired /l")
    reader = client.ReadLock("/l")
    waits = Running(reader.acquire)
    while len(reader.contenders()) != 2:
        client.sync("/l")
    other.tell("release", "/l")
    other.says("released")
    equal(waits.result(), True)


@check
def semaphore(world):
    clients = [world.client() for _ in range(3)]
    one, two, three = (client.Semaphore("/s", "c%d" % i, 2) for i, client in enumerate(clients))
    equal((one.acquire(), two.acquire()), (True, True))
    equal(three.acquire(blocking=False), False)
    raises(LockTimeout, three.acquire, timeout=0.2)
    waits = Running(three.acquire)
    equal(sorted(three.lease_holders()), ["c0", "c1"])
    two.release()
    equal(waits.result(), True)
    clients[0].sync("/s")
    equal(sorted(one.lease_holders()), ["c0", "c2"])
    raises(ValueError, clients[0].Semaphore("/s", "x", 5).acquire)


@check
def election_between_processes(world):
    client, other = world.client(), world.other()
    other.says("started")
    other.tell("elect", "/e")
    other.says("leads")
    election = client.Election("/e", "me")
    led = Seen()
    runs = Running(election.run, led, "now")
    while election.contenders() != ["other", "me"]:
        client.sync("/e")
    equal(led.items(), [])
    other.tell("resign", "/e")
    other.says("led")
    runs.result()
    led.has("now")


@check
def election_after_a_killed_leader_and_cancel(world):
    client, other = world.client(), world.other(timeout=1.5)
    other.says("started")
    other.tell("elect", "/e")
    other.says("leads")
    election, cancelled = client.Election("/e", "me"), client.Election("/e", "not me")
    led = Seen()
    runs = Running(election.run, led, "now")
    while len(election.contenders()) != 2:
        client.sync("/e")
    never = Running(cancelled.run, led, "never")
    while len(election.contenders()) != 3:
        client.sync("/e")
    cancelled.cancel()
    never.result()
    other.kill()
    runs.result()
    led.has("now")


@check
def party(world):
    client, other = world.client(), world.other(timeout=1.5)
    other.says("started")
    mine = client.Party("/p", "me")
    mine.join()
    mine.join()
    other.tell("party", "/p")
    other.says("joined")
    client.sync("/p")
    equal((sorted(mine), len(mine)), (["me", "other"], 2))
    fewer = Seen()
    client.get_children("/p", watch=fewer)
    other.kill()
    fewer.until(len, "one member less")
    equal(list(mine), ["me"])
    equal((mine.leave(), mine.leave()), (True, False))
    equal(len(mine), 0)


@check
def shallow_party(world):
    one, two = world.client(), world.client()
    parties = [one.ShallowParty("/p", "one"), two.ShallowParty("/p", "two")]
    for each in parties:
        each.join()
    one.sync("/p")
    equal((sorted(parties[0]), len(parties[0])), (["one", "two"], 2))
    two.stop()
    one.sync("/p")
    equal(list(parties[0]), ["one"])


@check
def barrier(world):
    client, keeper = world.client(), world.client()
    equal(client.Barrier("/b").wait(0), True)
    keeper.Barrier("/b").create()
    client.sync("/b")
    equal(client.Barrier("/b").wait(0.1), False)
    waits = [Running(world.client().Barrier("/b").wait, 20) for _ in range(2)]
    equal(keeper.Barrier("/b").remove(), True)
    equal([each.result() for each in waits], [True, True])
    equal(keeper.Barrier("/b").remove(), False)


@check
def double_barrier_between_processes(world):
    client, other = world.client(), world.other()
    other.says("started")
    double = client.DoubleBarrier("/b", 2, "me")
    enters = Running(double.enter)
    watched = world.client()
    watched.ensure_path("/b")
    while len(watched.get_children("/b")) != 1:
        watched.sync("/b")
    true(not enters.is_over(), "it waits for the other")
    other.tell("enter", "/b")
    other.says("entered")
    enters.result()
    equal(double.participating, True)
    leaves = Running(double.leave)
    other.tell("leave", "/b")
    other.says("left")
    leaves.result()
    equal(double.participating, False)
    watched.sync("/b")
    equal(watched.get_children("/b"), [])


@check
def counter_of_two_processes(world):
    client, other = world.client(), world.other()
    counter = client.Counter("/n", default=0)
    other.says("started")
    other.tell("count", "/n", "20")
    for _ in range(20):
        counter += 1
    other.says("counted")
    client.sync("/n")
    equal(counter.value, 40)
    counter -= 2
    equal((counter.value, counter.pre_value, counter.post_value), (38, 40, 38))
    floats = client.Counter("/f", default=1.5)
    floats += 2.0
    equal(floats.value, 3.5)


@check
def lease(world):
    one, two = world.client(), world.client()
    minute = datetime.timedelta(minutes=1)
    true(bool(one.NonBlockingLease("/l", minute, identifier="one")), "the first")
    two.sync("/l")
    true(not two.NonBlockingLease("/l", minute, identifier="two"), "the second")
    true(bool(one.NonBlockingLease("/l", minute, identifier="one")), "the first again")
    later = datetime.datetime.utcnow() + 2 * minute
    true(bool(two.NonBlockingLease("/l", minute, identifier="two", utcnow=lambda: later)), "after it ended")
    got = [bool(one.MultiNonBlockingLease(2, "/m", minute, identifier=name)) for name in "abc"]
    equal(got, [True, True, False])


@check
def set_partitioner(world):
    changed = threading.Event()

    def partitioner(name):
        return world.client().SetPartitioner(
            "/p", set=("a", "b", "c", "d"), identifier=name, time_boundary=0.3, state_change_event=changed,
        )

    def settle(*wanted):
        """Who is first has all until the other comes: each gives up its part when it is to, until all have theirs."""
        while True:
            changed.clear()
            for each, _ in wanted:
                true(not each.failed, "failed")
                if each.release:
                    each.release_set()
            if all(each.acquired and sorted(each) == parts for each, parts in wanted):
                return
            inside(changed, "change of %r" % ([(each.state, sorted(each)) for each, _ in wanted],))

    first, second = partitioner("one"), partitioner("two")
    settle((first, ["a", "c"]), (second, ["b", "d"]))
    second.finish()
    settle((first, ["a", "b", "c", "d"]))
    first.finish()
