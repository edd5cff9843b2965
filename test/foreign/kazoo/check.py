"""Checks with kazoo that the servers behind do what it expects: check.py HOST,HOST,HOST [CHECK...]

Prints a line for every check, and `N passed, N failed` at the end. Lines `@kill I` and `@restart I` ask whoever
started it to do that to a server, and to write a line `done` when it is done.
"""
import logging
import sys

import kazoo

import harness
import operations  # noqa: F401
import access  # noqa: F401
import watching  # noqa: F401
import recipes  # noqa: F401
import queues  # noqa: F401
import sessions  # noqa: F401

logging.disable(logging.CRITICAL)
print("kazoo %s, Python %s" % (kazoo.version.__version__, sys.version.split()[0]), flush=True)
sys.exit(0 if harness.run(sys.argv[1].split(","), sys.argv[2:]) else 1)
