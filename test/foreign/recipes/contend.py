"""Contends with another program by kazoo: contend.py HOSTS KIND PATH CLIENTS ROUNDS

KIND is lock, election, writer, reader or counter. Says `ready`, and begins at the next line on its standard input;
says `done` and what it saw when it is over. Each round of lock, election and writer adds one to the node <path>-sum,
read and written without a version: only whoever is alone may do that. Its data is `COUNT WHO`.
"""
import json
import logging
import sys
import threading
import time

from kazoo.client import KazooClient

logging.disable(logging.CRITICAL)
hosts, kind, path, size, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
mine = path + "-sum"
problems = []
switches = [0]
changing = threading.Lock()


def add(client):
    count, who = client.get(mine)[0].decode().split()
    time.sleep(0.002)
    client.set(mine, ("%d kazoo" % (int(count) + 1)).encode())
    if who != "kazoo":
        with changing:
            switches[0] += 1


def write(client):
    """Both nodes are equal whenever nobody writes."""
    add(client)
    value = client.get(mine)[0]
    client.set(path + "-a", value)
    time.sleep(0.002)
    client.set(path + "-b", value)


def read(client):
    first = client.get(path + "-a")[0]
    time.sleep(0.002)
    second = client.get(path + "-b")[0]
    if first != second:
        problems.append("read %r and %r" % (first, second))


def with_lock(make, work):
    def run(client):
        lock = make(client)(path, "kazoo")
        for _ in range(rounds):
            with lock:
                work(client)
    return run


def elect(client):
    election = client.Election(path, "kazoo")
    for _ in range(rounds):
        election.run(add, client)


def count(client):
    counter = client.Counter(path)
    for _ in range(rounds):
        counter += 1


RUNS = {
    "lock": with_lock(lambda client: client.Lock, add),
    "writer": with_lock(lambda client: client.WriteLock, write),
    "reader": with_lock(lambda client: client.ReadLock, read),
    "election": elect,
    "counter": count,
}


def guarded(client):
    try:
        RUNS[kind](client)
    except BaseException as error:
        problems.append(repr(error))


clients = [KazooClient(hosts=hosts, timeout=10.0) for _ in range(size)]
for each in clients:
    each.start(timeout=20)
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=guarded, args=(each,)) for each in clients]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for each in clients:
    each.stop()
print("done " + json.dumps({"problems": problems, "switches": switches[0]}), flush=True)
