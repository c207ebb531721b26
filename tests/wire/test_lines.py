#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Many lines, and lines of every kind, on one connection."""

import json
import os
import threading
import unittest

from case import HERE, Case

# y_*.json is JSON as we take it, n_*.json is not (tests/unit/test-json.c reads them as well).
VECTORS = os.path.join(HERE, "..", "unit", "data", "json")
PIPELINED = 10_000


def vectors(kind):
    """The vectors that a line can hold, by name: on the wire a newline is the end of one."""
    found = {}
    for name in sorted(os.listdir(VECTORS)):
        if name.startswith(kind):
            with open(os.path.join(VECTORS, name), "rb") as f:
                data = f.read().removesuffix(b"\n")
            if b"\n" not in data:
                found[name] = data
    return found


class Vectors(Case):
    """Each is a line, and after each the connection goes on."""

    def answer_to(self, h, line):
        h.send(line)
        return h.answer()

    def test_what_is_json_is_read_as_such(self):
        h = self.handler()
        good = vectors("y_")
        self.assertGreaterEqual(len(good), 80)
        for name, line in good.items():
            with self.subTest(name):
                answer = self.answer_to(h, line)
                if name.startswith("y_message_"):  # one that is a request, even
                    self.assertEqual(answer["id"], json.loads(line)["id"])
                else:
                    self.assert_error(answer, "invalid_request")

    def test_what_is_no_json_is_a_parse_error(self):
        h = self.handler()
        bad = vectors("n_")
        self.assertGreaterEqual(len(bad), 110)
        for name, line in bad.items():
            with self.subTest(name):
                answer = self.answer_to(h, line)
                self.assert_error(answer, "parse_error")
                self.assertIsNone(answer["id"])
        h.call("server.info")
        self.assertIn("result", h.answer())

    def test_as_a_member_of_a_request_they_are_the_same(self):
        """Nobody who reads the same bytes another way can make another request of them."""
        h = self.handler()
        for kind, reason in ("y_", "invalid_params"), ("n_", "parse_error"):
            for name, value in vectors(kind).items():
                line = b'{"jsonrpc":"2.0","id":7,"method":"server.info","params":{"a":%s}}' % value
                with self.subTest(name):
                    answer = self.answer_to(h, line)
                    if reason == "invalid_params" and answer["error"]["data"]["reason"] == "parse_error":
                        # one level deeper, one member more: what was just within a bound is not
                        self.assertRegex(name, "depth|members")
                        continue
                    self.assertEqual(answer["error"]["data"]["reason"], reason)
                    self.assertEqual(answer["id"], 7 if kind == "y_" else None)


class Pipelined(Case):
    def test_ten_thousand_requests_without_a_look_at_an_answer(self):
        h = self.handler()
        lines = []
        for i in range(PIPELINED):
            # a run now and then: what is behind it does not wait for it
            method, params = (("run", {"profile": "shell", "argv": ["true"]}) if i % 1000 == 0 else
                              ("sandbox.list", {}) if i % 2 else ("ping", {}))
            lines.append(json.dumps({"jsonrpc": "2.0", "id": i, "method": method, "params": params}))
        sender = threading.Thread(target=h.client.sendall, args=("\n".join(lines).encode() + b"\n",))
        sender.start()
        order = []
        for _ in lines:
            answer = h.answer()
            self.assertIn("result", answer)
            order.append(answer["id"])
        sender.join()
        self.assertEqual(sorted(order), list(range(PIPELINED)))
        at_once = [i for i in order if i % 1000 > 0]
        self.assertEqual(at_once, sorted(at_once))
        h.call("server.info", id="after")
        self.assertEqual(h.answer()["id"], "after")


if __name__ == "__main__":
    unittest.main(verbosity=2)
