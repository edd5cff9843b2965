"""Runs the tests that come with kazoo against servers that run already; a plug-in for pytest.

HOSTS names the servers. What is left out is named with its reason.
"""
import os
import sys
from types import ModuleType

import pytest

# Only what makes certificates uses these.
for name in ("OpenSSL", "OpenSSL.crypto", "jks"):
    sys.modules.setdefault(name, ModuleType(name))
sys.modules["OpenSSL"].crypto = sys.modules["OpenSSL.crypto"]

from kazoo.testing import harness  # noqa: E402

STOPS = "it stops a server that others use"
LEFT_OUT = {
    "TestSSLClient": "no TLS",
    "TestReconfig": "the members of an ensemble do not change while it runs",
    "TestReadOnlyMode": "no reads without a quorum",
    "test_update_host_list": STOPS,
    "test_request_queuing": STOPS,
}


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


def pytest_collection_modifyitems(items):
    for item in items:
        for name, reason in LEFT_OUT.items():
            if name in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
