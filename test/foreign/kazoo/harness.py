"""What every check uses: clients, waiting with a limit, the servers behind, a second process, and counting."""
import faulthandler
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from pathlib import Path

from kazoo.client import KazooClient

LIMIT_S = 20.0
CHECKS = []


def check(function):
    """Registers a check; it is called with a World of its own."""
    CHECKS.append(function)
    return function


def equal(found, wanted, what="value"):
    if found != wanted:
        raise AssertionError("%s is %r, not %r" % (what, found, wanted))


def true(found, what):
    if not found:
        raise AssertionError(what)


def raises(kind, function, *args, **kwargs):
    """The error must be of exactly this kind."""
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        if type(error) is not kind:
            raise AssertionError("%r instead of %s" % (error, kind.__name__)) from error
        return error
    raise AssertionError("%r instead of %s" % (result, kind.__name__))


def inside(event, what):
    """Waits for an event object, at most the limit."""
    if not event.wait(LIMIT_S):
        raise AssertionError("%s did not happen within %s s" % (what, LIMIT_S))


class Seen:
    """What callbacks reported, in order; `until` waits for it."""

    def __init__(self):
        self._items = []
        self._changed = threading.Condition()

    def __call__(self, *item):
        with self._changed:
            self._items.append(item[0] if len(item) == 1 else item)
            self._changed.notify_all()

    def items(self):
        with self._changed:
            return list(self._items)

    def until(self, holds, what):
        """Waits until `holds(items)`, and returns the items."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self._items), LIMIT_S):
                raise AssertionError("no %s within %s s; seen: %r" % (what, LIMIT_S, self._items))
            return list(self._items)

    def has(self, *wanted):
        """Waits until these are the items seen, in this order; more is a failure."""
        items = self.until(lambda items: len(items) >= len(wanted), "%d items" % len(wanted))
        equal(items, list(wanted), "what was seen")

    def contains(self, *wanted):
        """Waits until all of these were seen, in any order and among others."""
        return self.until(lambda items: all(each in items for each in wanted), "%r" % (wanted,))


class Running:
    """A function in a thread; `result` waits for it."""

    def __init__(self, function, *args, **kwargs):
        self._value = None
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(function, args, kwargs), daemon=True)
        self._thread.start()

    def _run(self, function, args, kwargs):
        try:
            self._value = function(*args, **kwargs)
        except BaseException as error:
            self._error = error

    def is_over(self):
        return not self._thread.is_alive()

    def result(self, what="thread"):
        self._thread.join(LIMIT_S)
        true(self.is_over(), "%s did not end within %s s" % (what, LIMIT_S))
        if self._error is not None:
            raise self._error
        return self._value


class Servers:
    """The servers behind; whoever started this program kills and restarts them on request."""

    def __init__(self, hosts):
        self.hosts = hosts
        self._dead = set()

    def _ask(self, request):
        sys.stdout.write("@%s\n" % request)
        sys.stdout.flush()
        answer = sys.stdin.readline().strip()
        equal(answer, "done", "the answer to %s" % request)

    def kill(self, host):
        self._dead.add(host)
        self._ask("kill %d" % self.hosts.index(host))

    def restart_dead(self):
        for host in sorted(self._dead):
            self._ask("restart %d" % self.hosts.index(host))
        self._dead.clear()


class Other:
    """A second process with a client of its own; it answers lines with lines."""

    def __init__(self, hosts, timeout):
        file = str(Path(__file__).with_name("other.py"))
        self.process = subprocess.Popen(
            [sys.executable, file, hosts, str(timeout)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self._lines = Seen()
        self._read = 0
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.process.stdout:
            self._lines(line.rstrip("\n"))

    def says(self, wanted=None):
        """Waits for its next line, which must be this one or is returned."""
        at = self._read
        self._read += 1
        line = self._lines.until(lambda lines: len(lines) > at, "line from the other process")[at]
        if wanted is not None:
            equal(line, wanted, "line from the other process")
        return line

    def tell(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT_S)


class World:
    """What one check may use; everything in it ends with the check."""

    def __init__(self, servers, root):
        self.servers = servers
        self.root = root
        self._clients = []
        self._others = []

    def hosts(self, hosts=None):
        return ",".join(hosts or self.servers.hosts) + self.root

    def client(self, hosts=None, timeout=6.0, start=True, **options):
        """A client with the check's folder as its root."""
        client = KazooClient(hosts=self.hosts(hosts), timeout=timeout, **options)
        self._clients.append(client)
        if start:
            client.start(timeout=LIMIT_S)
        return client

    def other(self, timeout=6.0):
        other = Other(self.hosts(), timeout)
        self._others.append(other)
        return other

    def end(self):
        for other in self._others:
            other.kill()
        for client in self._clients:
            client.stop()
            client.close()


def host_of(client):
    """The host that a client sits on now."""
    name = client._connection._socket.getpeername()
    return "%s:%d" % (name[0], name[1])


def states_of(client):
    """Collects the states that a client goes through from now on."""
    seen = Seen()
    client.add_listener(lambda state: seen(state))
    return seen


def make_folder(servers, path):
    client = KazooClient(hosts=",".join(servers.hosts))
    client.start(timeout=LIMIT_S)
    client.ensure_path(path)
    client.stop()
    client.close()


def run(hosts, wanted):
    """Runs the checks whose names contain one of these words, all when there are none."""
    servers = Servers(hosts)
    passed = failed = 0
    for function in CHECKS:
        name = function.__name__
        if wanted and not any(word in name for word in wanted):
            continue
        started = time.monotonic()
        world = World(servers, "/kazoo-%d/%s" % (int(time.time() * 1000), name))
        try:
            # A check that hangs ends all of it, with what every thread does.
            faulthandler.dump_traceback_later(3 * LIMIT_S, exit=True)
            make_folder(servers, world.root)
            try:
                function(world)
            finally:
                world.end()
                servers.restart_dead()
            passed += 1
            verdict, why = "ok  ", ""
        except Exception as error:
            failed += 1
            verdict, why = "FAIL", ": %r\n%s" % (error, textwrap.indent(traceback.format_exc(), "    ").rstrip())
        faulthandler.cancel_dump_traceback_later()
        print("%s %s (%.1f s)%s" % (verdict, name, time.monotonic() - started, why), flush=True)
    print("%d passed, %d failed" % (passed, failed), flush=True)
    return failed == 0
