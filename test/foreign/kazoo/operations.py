"""Reading, writing and transactions."""
import time

from kazoo.exceptions import (
    BadVersionError, NoChildrenForEphemeralsError, NodeExistsError, NoNodeError, NotEmptyError,
    RolledBackError, RuntimeInconsistency, ConnectionLoss,
)
from kazoo.retry import KazooRetry

from harness import check, equal, raises, true


@check
def create_get_and_stat(world):
    client = world.client()
    before = time.time() * 1000 - 1000
    equal(client.create("/a", b"data"), "/a")
    data, stat = client.get("/a")
    equal(data, b"data")
    equal((stat.version, stat.aversion, stat.cversion), (0, 0, 0), "versions")
    equal((stat.dataLength, stat.numChildren, stat.ephemeralOwner), (4, 0, 0), "length, children, owner")
    true(stat.czxid == stat.mzxid == stat.pzxid > 0, "one zxid, not %r" % (stat,))
    true(before < stat.ctime == stat.mtime < time.time() * 1000 + 1000, "time of creation: %r" % (stat,))
    equal(stat.owner_session_id, None)
    equal(client.create("/empty"), "/empty")
    equal(client.get("/empty")[0], b"")
    raises(NodeExistsError, client.create, "/a", b"")
    raises(NoNodeError, client.create, "/no/where", b"")
    raises(NoNodeError, client.get, "/nowhere")


@check
def create_makepath_and_include_data(world):
    client = world.client()
    equal(client.create("/x/y/z", b"1", makepath=True), "/x/y/z")
    equal(client.get("/x/y")[0], b"")
    path, stat = client.create("/x/with", b"stat", include_data=True)
    equal(path, "/x/with")
    equal(stat, client.get("/x/with")[1], "stat of the new node")
    path, stat = client.create("/q/w/e-", b"1", makepath=True, sequence=True, ephemeral=True, include_data=True)
    equal(path, "/q/w/e-0000000000")
    equal(stat.ephemeralOwner, client.client_id[0], "owner")


@check
def sequence_names(world):
    client = world.client()
    client.create("/s")
    equal([client.create("/s/n-", sequence=True) for _ in range(3)],
          ["/s/n-0000000000", "/s/n-0000000001", "/s/n-0000000002"])
    equal(client.create("/s/", sequence=True), "/s/0000000003")
    client.delete("/s/n-0000000002")
    client.create("/s/plain")
    equal(client.create("/s/other-", sequence=True), "/s/other-0000000005", "counted by all changes of children")
    equal(sorted(client.get_children("/s")),
          ["0000000003", "n-0000000000", "n-0000000001", "other-0000000005", "plain"])


@check
def ephemeral_nodes(world):
    client, keeper = world.client(), world.client()
    client.create("/e", b"", ephemeral=True)
    equal(client.exists("/e").owner_session_id, client.client_id[0])
    raises(NoChildrenForEphemeralsError, client.create, "/e/child")
    equal(client.create("/es-", ephemeral=True, sequence=True), "/es-0000000001")
    keeper.sync("/")
    equal(sorted(keeper.get_children("/")), ["e", "es-0000000001"])
    client.stop()
    keeper.sync("/")
    equal(keeper.get_children("/"), [])


@check
def set_and_versions(world):
    client = world.client()
    client.create("/v", b"0")
    stat = client.set("/v", b"one")
    equal((stat.version, stat.dataLength), (1, 3))
    true(stat.mzxid > stat.czxid, "a newer zxid")
    equal(client.set("/v", b"two", version=1).version, 2)
    raises(BadVersionError, client.set, "/v", b"three", version=1)
    raises(NoNodeError, client.set, "/none", b"")
    equal(client.get("/v")[0], b"two")
    equal(client.set("/v", b"").dataLength, 0)


@check
def delete(world):
    client = world.client()
    client.create("/d/e/f", makepath=True)
    raises(NotEmptyError, client.delete, "/d")
    raises(BadVersionError, client.delete, "/d/e/f", version=7)
    equal(client.delete("/d/e/f", version=0), True)
    raises(NoNodeError, client.delete, "/d/e/f")
    client.create("/d/e/f/g", makepath=True)
    client.delete("/d", recursive=True)
    equal(client.exists("/d"), None)


@check
def exists_and_ensure_path(world):
    client = world.client()
    equal(client.exists("/p"), None)
    client.ensure_path("/p/q/r")
    client.ensure_path("/p/q/r")
    equal(client.exists("/p/q").numChildren, 1)
    equal(client.exists("/p/q").cversion, 1)


@check
def children(world):
    client = world.client()
    client.create("/c", b"data")
    equal(client.get_children("/c"), [])
    names = ["n%03d" % number for number in range(300)]
    for each in [client.create_async("/c/" + name) for name in names]:
        each.get(timeout=20)
    found, stat = client.get_children("/c", include_data=True)
    equal(sorted(found), names)
    equal((stat.numChildren, stat.cversion, stat.dataLength), (300, 300, 4))
    raises(NoNodeError, client.get_children, "/none")


@check
def names_and_sizes(world):
    client = world.client()
    name = "/gr\u00fc\u00dfe \u65e5\u672c"
    equal(client.create(name, "\u00e4".encode()), name)
    equal(client.get_children("/"), [name[1:]])
    big = bytes(range(256)) * 3900
    client.create("/big", big)
    equal(client.get("/big")[0] == big, True, "the same bytes")
    states = []
    client.add_listener(states.append)
    raises(ConnectionLoss, client.create, "/bigger", b"x" * 1048576)
    equal(client.retry(client.exists, "/bigger"), None)
    equal(client.retry(client.exists, "/big").dataLength, len(big))


@check
def order_of_many_at_once(world):
    client = world.client()
    client.create("/o", b"")
    answers = []
    for number in range(500):
        answers.append((client.set_async("/o", b"%d" % number), client.get_async("/o")))
    for number, (written, read) in enumerate(answers):
        equal(written.get(timeout=20).version, number + 1)
        data, stat = read.get(timeout=20)
        equal((data, stat.version), (b"%d" % number, number + 1), "own write %d" % number)


@check
def sync_then_read(world):
    writer, reader = (world.client([host]) for host in world.servers.hosts[:2])
    writer.create("/y", b"")
    equal(reader.sync("/y"), "/y")
    for number in range(50):
        writer.set("/y", b"%d" % number)
        reader.sync("/y")
        equal(reader.get("/y")[0], b"%d" % number)


@check
def transaction_of_all_kinds(world):
    client = world.client()
    client.create("/t", b"old")
    client.create("/gone")
    transaction = client.transaction()
    transaction.check("/t", 0)
    transaction.create("/t/a", b"1")
    transaction.create("/t/e", b"2", ephemeral=True)
    transaction.create("/t/s-", b"3", sequence=True)
    transaction.create("/t/es-", ephemeral=True, sequence=True)
    transaction.set_data("/t", b"new", version=0)
    transaction.delete("/gone", version=0)
    results = transaction.commit()
    equal(results[:5], [True, "/t/a", "/t/e", "/t/s-0000000002", "/t/es-0000000003"])
    equal((results[5].version, results[5].dataLength, results[5].numChildren), (1, 3, 4))
    equal(results[6:], [True])
    equal(client.get("/t")[0], b"new")
    equal(client.exists("/gone"), None)
    equal(client.exists("/t/a").czxid, client.exists("/t").mzxid, "one zxid")
    equal(client.exists("/t/e").ephemeralOwner, client.client_id[0])
    raises(ValueError, transaction.commit)


@check
def transaction_that_fails(world):
    client = world.client()
    client.create("/t", b"old")
    wrong = [
        (lambda each: each.create("/t"), NodeExistsError),
        (lambda each: each.create("/none/x"), NoNodeError),
        (lambda each: each.set_data("/none", b""), NoNodeError),
        (lambda each: each.set_data("/t", b"", version=9), BadVersionError),
        (lambda each: each.delete("/none"), NoNodeError),
        (lambda each: each.delete("/t", version=9), BadVersionError),
        (lambda each: each.check("/t", 9), BadVersionError),
        (lambda each: each.check("/none", -1), NoNodeError),
    ]
    for fails, error in wrong:
        transaction = client.transaction()
        transaction.create("/first", b"")
        transaction.set_data("/first", b"more")
        fails(transaction)
        transaction.create("/last", b"")
        results = transaction.commit()
        equal([type(each) for each in results], [RolledBackError, RolledBackError, error, RuntimeInconsistency])
    equal(client.get_children("/"), ["t"])
    equal(client.get("/t")[0], b"old")
    transaction = client.transaction()
    transaction.create("/t/x")
    transaction.delete("/t")
    equal([type(each) for each in transaction.commit()], [RolledBackError, NotEmptyError])


@check
def transaction_as_context_and_empty(world):
    client = world.client()
    with client.transaction() as transaction:
        transaction.create("/in", b"")
        transaction.create("/in/side", b"")
    equal(client.get_children("/in"), ["side"])
    equal(client.transaction().commit(), [])


@check
def chroot(world):
    client, outside = world.client(), world.client()
    outside.chroot = ""
    client.create("/inner", b"1")
    outside.sync(world.root)
    equal(outside.get(world.root + "/inner")[0], b"1")
    equal(client.unchroot(world.root + "/inner"), "/inner")
    equal(client.create("/inner/s-", sequence=True), "/inner/s-0000000000")
    equal(client.sync("/inner"), "/inner")
    equal(client.transaction().commit(), [])
    equal(client.get_children("/"), ["inner"])
    equal(client.get("/")[1].numChildren, 1)
    true("zookeeper" in outside.get_children("/"), "the system's folder")


@check
def retry(world):
    client = world.client()
    tries = []

    def stumbles():
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionLoss()
        return client.create("/r", b"")

    equal(client.retry(stumbles), "/r")
    equal(len(tries), 3)
    patient = KazooRetry(max_tries=2, delay=0.01, ignore_expire=False)
    equal(patient(client.get, "/r")[0], b"")
    raises(NoNodeError, client.retry, client.get, "/none")


@check
def four_letter_words(world):
    client = world.client()
    equal(client.command(b"ruok"), "imok")
    stat = client.command(b"stat")
    true(stat.startswith("Zookeeper version: "), stat)
    for line in ["Latency min/avg/max: ", "Received: ", "Sent: ", "Connections: ", "Outstanding: ", "Zxid: 0x",
                 "Mode: ", "Node count: "]:
        true("\n" + line in stat, "no %s in %s" % (line, stat))
    true("Clients:\n /127.0.0.1:" in stat, stat)
    true("zk_server_state\t" in client.command(b"mntr"), "mntr")
    true("sid=0x%x" % client.client_id[0] in client.command(b"cons"), "cons names the session")
    equal(client.command(b"isro"), "rw")
    true(client.server_version() >= (3, 0), "server_version %r" % (client.server_version(),))
