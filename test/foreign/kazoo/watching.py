"""Watches, plain and by recipe."""
import threading

from kazoo.protocol.states import EventType, KeeperState, WatchedEvent
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.watchers import PatientChildrenWatch

from harness import Seen, check, equal, inside, true


def event(kind, path):
    return WatchedEvent(kind, KeeperState.CONNECTED, path)


@check
def plain_watches_of_every_kind(world):
    client, writer = world.client(), world.client()
    created, changed, children, gone, childless = (Seen() for _ in range(5))
    client.exists("/w", watch=created)
    writer.create("/w", b"0")
    created.has(event(EventType.CREATED, "/w"))
    client.sync("/w")
    client.get("/w", watch=changed)
    client.get_children("/w", watch=children)
    writer.set("/w", b"1")
    changed.has(event(EventType.CHANGED, "/w"))
    writer.create("/w/child", b"")
    children.has(event(EventType.CHILD, "/w"))
    client.sync("/w")
    client.get("/w/child", watch=gone)
    client.get_children("/w/child", watch=childless)
    writer.delete("/w/child")
    gone.has(event(EventType.DELETED, "/w/child"))
    childless.has(event(EventType.DELETED, "/w/child"))
    writer.set("/w", b"2")
    client.sync("/w")
    equal([len(each.items()) for each in (created, changed, children)], [1, 1, 1], "events of watches that fire once")


@check
def event_comes_before_the_new_value(world):
    client, writer = world.client(), world.client()
    writer.create("/w", b"0")
    client.sync("/w")
    fired = []
    for number in range(1, 60):
        seen = []
        client.get("/w", watch=seen.append)
        writer.set("/w", b"%d" % number)
        while client.get("/w")[0] != b"%d" % number:
            client.sync("/w")
        # Callbacks run in a thread of their own, but were queued before the answer was.
        done = threading.Event()
        client.handler.dispatch_callback(_callback(done.set))
        inside(done, "callback")
        fired.append(len(seen))
    equal(fired, [1] * 59)


def _callback(function):
    from kazoo.protocol.states import Callback
    return Callback("watch", lambda *_: function(), ())


@check
def data_watch(world):
    client, writer = world.client(), world.client()
    seen = Seen()

    @client.DataWatch("/d")
    def changed(data, stat, happened):
        seen(data, stat.version if stat else None, happened.type if happened else None)
        if data == b"stop":
            return False

    seen.has((None, None, None))
    writer.create("/d", b"1")
    seen.has((None, None, None), (b"1", 0, EventType.CREATED))
    writer.set("/d", b"2")
    seen.until(lambda items: items[-1] == (b"2", 1, EventType.CHANGED), "change")
    writer.delete("/d")
    seen.until(lambda items: items[-1] == (None, None, EventType.DELETED), "removal")
    writer.create("/d", b"3")
    seen.until(lambda items: items[-1][0] == b"3", "second creation")
    writer.set("/d", b"stop")
    seen.until(lambda items: items[-1][0] == b"stop", "last change")
    later = Seen()
    client.exists("/d", watch=later)
    writer.set("/d", b"5")
    later.has(event(EventType.CHANGED, "/d"))
    equal(len(seen.items()), 6)


@check
def children_watch(world):
    client, writer = world.client(), world.client()
    client.create("/c", b"")
    seen = Seen()

    @client.ChildrenWatch("/c", send_event=True)
    def changed(children, happened):
        seen(sorted(children), happened.type if happened else None)
        if "stop" in children:
            return False

    seen.has(([], None))
    writer.create("/c/a", b"")
    writer.sync("/c")
    seen.until(lambda items: items[-1] == (["a"], EventType.CHILD), "first child")
    writer.create("/c/b", b"")
    seen.until(lambda items: items[-1] == (["a", "b"], EventType.CHILD), "second child")
    writer.delete("/c/a")
    seen.until(lambda items: items[-1] == (["b"], EventType.CHILD), "removal")
    writer.create("/c/stop", b"")
    seen.until(lambda items: items[-1] == (["b", "stop"], EventType.CHILD), "last child")
    later = Seen()
    client.get_children("/c", watch=later)
    writer.create("/c/unseen", b"")
    later.has(event(EventType.CHILD, "/c"))
    equal(len(seen.items()), 5)


@check
def children_watch_of_a_node_that_goes(world):
    client, writer = world.client(), world.client()
    client.create("/c", b"")
    seen = Seen()
    watch = client.ChildrenWatch("/c", lambda children: seen(list(children)))
    seen.has([])
    writer.create("/c/a", b"")
    seen.until(lambda items: items[-1] == ["a"], "child")
    writer.delete("/c", recursive=True)
    writer.sync("/c")
    seen.until(lambda _: watch._stopped, "end of the watch")


@check
def patient_children_watch(world):
    client, writer = world.client(), world.client()
    client.ensure_path("/p")
    result = PatientChildrenWatch(client, "/p", time_boundary=0.3).start()
    writer.create("/p/a", b"")
    children, changed = result.get(timeout=20)
    true(children in ([], ["a"]), "children %r" % (children,))
    writer.create("/p/b", b"")
    changed.get(timeout=20)


@check
def tree_cache(world):
    client, writer = world.client(), world.client()
    client.create("/t/a/b", b"deep", makepath=True)
    seen, faults = Seen(), Seen()
    cache = TreeCache(client, "/t")
    cache.listen(lambda each: seen(each.event_type, each.event_data.path if each.event_data else None))
    cache.listen_fault(faults)
    cache.start()
    seen.contains((TreeEvent.INITIALIZED, None), (TreeEvent.NODE_ADDED, "/t"), (TreeEvent.NODE_ADDED, "/t/a/b"))
    equal(cache.get_data("/t/a/b").data, b"deep")
    equal(cache.get_children("/t"), frozenset(["a"]))
    writer.set("/t/a/b", b"deeper")
    seen.contains((TreeEvent.NODE_UPDATED, "/t/a/b"))
    equal(cache.get_data("/t/a/b").data, b"deeper")
    for number in range(30):
        writer.create("/t/a/n%d" % number, b"%d" % number)
    seen.contains(*[(TreeEvent.NODE_ADDED, "/t/a/n%d" % number) for number in range(30)])
    equal(cache.get_data("/t/a/n29").data, b"29")
    writer.delete("/t/a", recursive=True)
    seen.contains((TreeEvent.NODE_REMOVED, "/t/a"), (TreeEvent.NODE_REMOVED, "/t/a/n7"))
    equal(cache.get_data("/t/a"), None)
    cache.close()
    equal(faults.items(), [])
