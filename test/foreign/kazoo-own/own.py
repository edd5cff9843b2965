"""Runs the tests that come with kazoo against servers that run already; a plug-in for pytest.

HOSTS names the servers. What is left out is named with its reason. Where a test takes for granted that the machine does
several things within a short time, that time is made longer.
"""
import os
import sys
import time
from types import ModuleType

import pytest

# Only what makes certificates uses these.
for name in ("OpenSSL", "OpenSSL.crypto", "jks"):
    sys.modules.setdefault(name, ModuleType(name))
sys.modules["OpenSSL"].crypto = sys.modules["OpenSSL.crypto"]

from kazoo.recipe import partitioner, watchers  # noqa: E402
from kazoo.testing import harness  # noqa: E402

STOPS = "it stops a server that others use"
HASTE = "it fails when a tenth of a second is not enough for requests of several clients"
LEFT_OUT = {
    "TestSSLClient": "no TLS",
    "TestReconfig": "the members of an ensemble do not change while it runs",
    "TestReadOnlyMode": "no reads without a quorum",
    "test_update_host_list": STOPS,
    "test_request_queuing": STOPS,
    "KazooLockingQueueTests::test_concurrent_execution": HASTE,
    "test_connect_auth": HASTE,
}
# Members that come within so many times the time that a test gives them belong together.
BOUNDARY_FACTOR = 4
# After this, all members must have heard of a change.
HEARD_S = 1.0


class Server:
    running = True

    def __init__(self, address):
        self.address = self.secure_address = address
        self.host = address.split(":")[0]
        self.client_port = int(address.split(":")[1])


class Cluster(list):
    def terminate(self):
        """The servers are for others to end."""

    def get_logs(self):
        return []


CLUSTER = Cluster(Server(address) for address in os.environ["HOSTS"].split(","))
harness.get_global_cluster = lambda: CLUSTER


class LongerWatch(watchers.PatientChildrenWatch):
    def __init__(self, client, path, time_boundary=30):
        super().__init__(client, path, time_boundary * BOUNDARY_FACTOR)


watchers.PatientChildrenWatch = partitioner.PatientChildrenWatch = LongerWatch


def pytest_collection_modifyitems(items):
    for item in items:
        if "KazooPartitionerTests" in item.nodeid:
            item.cls._KazooPartitionerTests__wait = lambda _: time.sleep(HEARD_S)
        for name, reason in LEFT_OUT.items():
            if name in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
