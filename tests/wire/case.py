# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the tests of the real cloche-handler share. Each test_*.py is run by meson with the paths of
cloche-handler, cloche-guest and confined-handler as its first arguments; further ones are
unittest's."""

import os
import sys
import tempfile
import time
import unittest

import played
from played import Handler, RealGuest

HERE = os.path.dirname(os.path.abspath(__file__))
HANDLER = os.path.abspath(sys.argv.pop(1))
RealGuest.program = os.path.abspath(sys.argv.pop(1))
CONFINED = os.path.abspath(sys.argv.pop(1))
with open(HANDLER, "rb") as f:
    SANITIZED = b"__asan_init" in f.read() or bool(played.WRAPPER)  # memory says nothing then
LINE_MAX = 1 << 20
MIB = 1 << 20


class Gate:
    """Something that a program waits for until the test says so: "$WAIT" in its code."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        path = os.path.join(self.directory.name, "open")
        self.env = {"WAIT": f"while ! test -e {path}; do sleep 0.05; done"}
        self.path = path

    def open(self):
        with open(self.path, "w"):
            pass


def gone(pid):
    """Whether a process has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Case(unittest.TestCase):
    def handler(self, program=HANDLER, **options):
        handler = Handler(program, **options)
        self.addCleanup(handler.close)
        return handler

    def assert_error(self, message, reason, field=None):
        self.assertIn("error", message, message)
        self.assertEqual(message["error"]["data"]["reason"], reason, message)
        self.assertEqual(message["error"]["data"].get("field"), field, message)

    def assert_status(self, message, status, **more):
        self.assertIn("result", message, message)
        result = message["result"]
        self.assertEqual(result["status"], status, result)
        for name, value in more.items():
            self.assertEqual(result.get(name), value, result)

    def eventually(self, condition, timeout=10):
        end = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), end, "it does not come")
            time.sleep(0.01)
