"""Sessions: reconnects, expiry, resumption, and peers that are killed."""
import signal

from kazoo.exceptions import EXCEPTIONS, ConnectionLoss, NoAuthError
from kazoo.protocol.states import EventType, KazooState, KeeperState
from kazoo.security import CREATOR_ALL_ACL

from harness import LIMIT_S, Running, Seen, check, equal, host_of, raises, states_of, true

LOST, SUSPENDED, CONNECTED = KazooState.LOST, KazooState.SUSPENDED, KazooState.CONNECTED


def kill_host_of(world, client):
    """Kills the peer that a client sits on, and waits until the client is at another."""
    states, host = states_of(client), host_of(client)
    world.servers.kill(host)
    states.until(lambda seen: seen[-1:] == [CONNECTED], "connection to another")
    equal(states.items(), [SUSPENDED, CONNECTED])
    true(host_of(client) != host, "another peer")


def end_session(world, client):
    """Ends a session by a second client that takes it over, and waits until the first has a new one."""
    states, before = states_of(client), client.client_id
    # At another peer, so that the first client notices no more than the end of its session.
    second = world.client([each for each in world.servers.hosts if each != host_of(client)], client_id=before)
    equal(second.client_id[0], before[0], "session taken over")
    second.stop()
    states.until(lambda seen: LOST in seen and seen[-1] == CONNECTED, "loss and a new session")
    true(client.client_id[0] != before[0], "a new session")


@check
def states_and_identity(world):
    client = world.client(start=False)
    states = states_of(client)
    equal((client.state, client.client_id, client.connected), (LOST, None, False))
    client.start(timeout=LIMIT_S)
    session, password = client.client_id
    true(session != 0 and len(password) == 16, "session id and password")
    equal((client.connected, client.client_state), (True, KeeperState.CONNECTED))
    client.restart()
    true(client.client_id[0] != session, "another session")
    client.stop()
    states.has(CONNECTED, LOST, CONNECTED, LOST)
    raises(ConnectionLoss, client.command, b"ruok")


@check
def negotiated_timeout(world):
    for asked, granted in ((0.1, 1.0), (3.0, 3.0), (1000.0, 10.0)):
        client = world.client(timeout=asked)
        line = [each for each in client.command(b"cons").splitlines() if "sid=0x%x," % client.client_id[0] in each]
        true("to=%d," % (granted * 1000) in line[0], "asked %s, got %r" % (asked, line))


@check
def read_only_with_a_quorum(world):
    client = world.client(read_only=True)
    equal(client.client_state, KeeperState.CONNECTED)
    equal(client.create("/w", b""), "/w")


@check
def session_resumed_by_a_second_process(world):
    client, other = world.client(), world.other()
    other.says("started")
    other.tell("ephemeral", "/e")
    session, password = other.says().split(" ")
    other.kill()
    heir = world.client(client_id=(int(session), bytes.fromhex(password)))
    equal(heir.client_id[0], int(session), "session")
    heir.sync("/e")
    equal(heir.exists("/e").ephemeralOwner, int(session), "owner")
    heir.stop()
    client.sync("/e")
    equal(client.exists("/e"), None)


@check
def resume_with_a_wrong_password(world):
    client, thief = world.client(), world.client(start=False)
    client.create("/e", b"", ephemeral=True)
    session, _ = client.client_id
    thief = world.client(client_id=(session, b"x" * 16))
    true(thief.client_id[0] != session, "a session of its own")
    equal(client.get("/e")[1].ephemeralOwner, session)


@check
def session_ended_meanwhile(world):
    client, keeper = world.client(), world.client()
    client.create("/e", b"", ephemeral=True)
    end_session(world, client)
    keeper.sync("/e")
    equal(keeper.exists("/e"), None)
    client.create("/e", b"again", ephemeral=True)


@check
def recipes_after_a_lost_session(world):
    client, keeper = world.client(), world.client()
    keeper.create("/d", b"1")
    keeper.create("/c", b"")
    client.sync("/d")
    data, children = Seen(), Seen()
    client.DataWatch("/d", lambda value, _stat: data(value))
    client.ChildrenWatch("/c", lambda names: children(sorted(names)))
    lock = client.Lock("/l", "me")
    lock.acquire()
    end_session(world, client)
    keeper.set("/d", b"2")
    keeper.create("/c/a", b"")
    data.until(lambda seen: seen[-1] == b"2", "change")
    children.until(lambda seen: seen[-1] == ["a"], "child")
    keeper.sync("/l")
    equal(keeper.Lock("/l", "keeper").acquire(blocking=False), True)


@check
def expiry_of_a_stopped_process(world):
    keeper, other = world.client(), world.other(timeout=1.0)
    other.says("started")
    other.tell("listen")
    other.says("listens")
    other.tell("ephemeral", "/e")
    session = other.says().split(" ")[0]
    gone = Seen()
    keeper.sync("/e")
    true(keeper.exists("/e", watch=gone) is not None, "the node of the other")
    other.process.send_signal(signal.SIGSTOP)
    equal(gone.until(len, "end of the session")[0].type, EventType.DELETED)
    other.process.send_signal(signal.SIGCONT)
    said = [other.says()]
    while said[-1] != CONNECTED:
        said.append(other.says())
    true(LOST in said, "states %r" % (said,))
    other.tell("ephemeral", "/e")
    true(other.says().split(" ")[0] != session, "a new session")


@check
def peer_killed(world):
    client, keeper = world.client(auth_data=[("digest", "me:secret")]), world.client()
    before = client.client_id
    client.create("/e", b"", ephemeral=True)
    client.create("/w", b"0")
    data, plain = Seen(), Seen()
    client.DataWatch("/w", lambda value, _stat: data(value))
    data.has(b"0")
    lock = client.Lock("/l", "me")
    lock.acquire()
    kill_host_of(world, client)
    equal(client.client_id, before, "session")
    equal(client.retry(client.exists, "/e").ephemeralOwner, before[0], "owner")
    equal(lock.contenders(), ["me"])
    keeper.retry(keeper.set, "/w", b"1")
    data.until(lambda seen: seen[-1] == b"1", "change after the reconnect")
    client.retry(client.get, "/w", watch=plain)
    keeper.retry(keeper.set, "/w", b"2")
    equal(plain.until(len, "event")[0].type, EventType.CHANGED)
    client.create("/secret", b"", CREATOR_ALL_ACL)
    keeper.retry(keeper.sync, "/secret")
    raises(NoAuthError, keeper.get, "/secret")
    lock.release()


@check
def writes_while_the_leader_dies(world):
    leader = leader_of(world)
    client = world.client([leader] + [host for host in world.servers.hosts if host != leader], randomize_hosts=False)
    equal(host_of(client), leader)
    before = client.client_id[0]
    states = states_of(client)
    client.create("/n", b"")
    started = Seen()

    def write():
        for number in range(150):
            client.retry(client.ensure_path, "/n/%03d" % number)
            started(number)

    writes = Running(write)
    started.until(lambda seen: len(seen) > 30, "some writes")
    world.servers.kill(leader)
    writes.result()
    equal(sorted(client.get_children("/n")), ["%03d" % number for number in range(150)])
    equal(states.items()[:1], [SUSPENDED])
    equal((client.client_id[0], states.items()[-1]), (before, CONNECTED))


def leader_of(world):
    for host in world.servers.hosts:
        if "Mode: leader" in world.client([host]).command(b"srvr"):
            return host
    raise AssertionError("no leader")


@check
def without_a_quorum(world):
    first, second, third = world.servers.hosts
    client = world.client([first])
    before = client.client_id[0]
    states = states_of(client)
    client.create("/e", b"", ephemeral=True)
    world.servers.kill(second)
    world.servers.kill(third)
    # The two that were left a moment longer may have found each other.
    states.until(lambda seen: seen[-1:] == [SUSPENDED], "loss of the connection")
    world.servers.restart_dead()
    states.until(lambda seen: seen[-1] == CONNECTED, "connection")
    if LOST not in states.items():
        equal(client.retry(client.exists, "/e").ephemeralOwner, before)
    client.retry(client.ensure_path, "/again")


@check
def reconfig_is_refused(world):
    client = world.client()
    # Older versions do not know the code of this error, and stumble.
    if -123 in EXCEPTIONS:
        raises(EXCEPTIONS[-123], client.reconfig, joining=None, leaving="3", new_members=None)
    client.chroot = ""
    config = client.get("/zookeeper/config")[0].decode()
    for number in (1, 2, 3):
        true("server.%d=127.0.0.1:" % number in config, config)
    true("version=" in config, config)
