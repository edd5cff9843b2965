"""Takes and releases a lock that nobody else wants, with kazoo: lock.py HOSTS SECONDS; prints JSON."""
import json
import logging
import sys
import time

from kazoo.client import KazooClient

logging.disable(logging.CRITICAL)
client = KazooClient(hosts=sys.argv[1])
client.start()


def run(seconds):
    lock = client.Lock("/bench/kazoo", "kazoo")
    millis = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        lock.acquire()
        lock.release()
        millis.append((time.monotonic() - start) * 1000)
    return millis


run(0.5)
start = time.monotonic()
millis = run(float(sys.argv[2]))
took = time.monotonic() - start
print(json.dumps({"millis": millis, "perSecond": len(millis) / took}))
client.stop()
