#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The conversations of tests/wire/*.jsonl: as they are, byte by byte, and with a client that hangs up
after any of their lines."""

import os
import subprocess
import sys
import tempfile
import unittest

import played
from case import HANDLER, HERE, Case


class Transcripts(Case):
    """tests/wire/*.jsonl, which the system tests play against the real service."""

    def play(self, *options, without=()):
        """All files but some. Returns the handlers that served them."""
        files = sorted(f for f in os.listdir(HERE) if f.endswith(".jsonl") and f not in without)
        self.assertGreater(len(files), 5)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "socket")
            service = played.Service(HANDLER, path)
            self.addCleanup(service.close)
            subprocess.run([sys.executable, os.path.join(HERE, "run-transcript.py"), *options, path,
                            *(os.path.join(HERE, f) for f in files)], check=True)
        return service.handlers

    def test_all(self):
        self.play()

    def test_all_with_each_byte_by_itself(self):
        self.play("--bytewise")

    def test_a_client_may_hang_up_after_any_line(self):
        handlers = self.play("--cut", without=["run-ends.jsonl"])  # that one takes its time
        self.assertGreater(len(handlers), 90)
        begun = 0
        for h in handlers:
            self.assertEqual(h.wait(), 0)
            begun += self.count(h, "exec_started")
            self.eventually(lambda h=h: self.count(h, "exec_ended") == self.count(h, "exec_started"))
        self.assertGreater(begun, 50)

    @staticmethod
    def count(handler, event):
        return sum(record["CLOCHE_EVENT"] == event for record in handler.journal.records)

    def test_every_method_stands_in_one(self):
        h = self.handler()
        h.call("server.info")
        methods = {m["name"] for m in h.answer()["result"]["methods"]}
        said = ""
        for name in os.listdir(HERE):
            if name.endswith(".jsonl"):
                with open(os.path.join(HERE, name)) as f:
                    said += f.read()
        self.assertEqual({m for m in methods if f'"method":"{m}"' not in said}, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
