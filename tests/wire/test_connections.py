#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How a client and its handler part."""

import os
import signal
import socket
import time
import unittest

import played
from case import HANDLER, SANITIZED, Case, gone

class Connections(Case):
    def test_a_client_that_only_stops_sending_gets_its_results(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "sleep 0.3; echo done"})
        h.client.shutdown(socket.SHUT_WR)
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"], b"done\n")
        self.assertTrue(h.is_at_end())
        self.assertEqual(h.wait(), 0)

    def test_when_a_client_stops_sending_open_inputs_end(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "cat; echo end", "stdin_open": True})
        h.client.shutdown(socket.SHUT_WR)
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"], b"end\n")
        self.assertEqual(h.wait(), 0)

    def test_a_client_that_is_gone_takes_everything_with_it(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "trap '' TERM HUP; echo $$; setsid sleep 1000"})
        pid = int(h.receive()["params"]["text"])
        h.client.close()
        self.assertEqual(h.wait(5), 0)
        self.eventually(lambda: gone(pid), 5)
        ended = h.records()[-1]
        self.assertEqual((ended["CLOCHE_EVENT"], ended["CLOCHE_STATUS"], ended["CLOCHE_REASON"]),
                         ("exec_ended", "cancelled", "client_gone"))

    def test_sigterm_ends_it_and_is_recorded(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "echo on; sleep 100"})
        h.receive()
        os.kill(h.pid, signal.SIGTERM)
        self.assertEqual(h.wait(2), 0)
        ended = h.records()[-1]
        self.assertEqual((ended["CLOCHE_EVENT"], ended["CLOCHE_STATUS"], ended["CLOCHE_REASON"]),
                         ("exec_ended", "cancelled", "stopped"))

    def test_a_client_that_stops_sending_and_then_leaves(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "sleep 100"})
        h.client.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        h.client.close()
        self.assertEqual(h.wait(2), 0)

    def test_without_a_client_it_does_not_start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pid = played.spawn([HANDLER], [theirs.fileno()])
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1)
        ours.close()
        theirs.close()

    def test_nothing_grows_over_many_runs(self):
        h = self.handler()
        for i in range(20):
            h.run(id=i, profile="shell", argv=["echo", "x"])
        time.sleep(0.5)  # the last sandbox is closed after the answer
        before, memory = h.descriptors(), h.memory("VmRSS")
        for i in range(300):
            self.assert_status(h.run(id=i, profile="shell", argv=["echo", "x"]), "exited")
        self.eventually(lambda: h.descriptors() == before)
        if not SANITIZED:
            self.assertLess(h.memory("VmRSS") - memory, 512 * 1024)

    def test_garbage_does_not_grow_it_either(self):
        h = self.handler()
        h.call("server.info")
        h.answer()
        before = h.descriptors()
        self.nonsense(h, 100)
        self.assertEqual(h.descriptors(), before)

    def nonsense(self, h, n):
        h.client.sendall(b"[[[\n" * n)
        for _ in range(n):
            self.assert_error(h.answer(), "parse_error")

    def test_nonsense_fills_the_journal_only_so_fast(self):
        h = self.handler()
        begin = time.monotonic()
        self.nonsense(h, 64)
        self.nonsense(h, 150)
        self.assertGreater(time.monotonic() - begin, 2.9)
        h.call("server.info")
        self.assertIn("result", h.answer())
        # while it is held back, its runs go on
        h.call("run", {"profile": "shell", "argv": ["echo", "on"]}, id=5)
        h.client.sendall(b"[[[\n" * 300)
        ids = []
        while 5 not in ids:
            ids.append(h.answer()["id"])
        self.assertLess(len(ids), 200)


class Slow(Case):
    """Time limits of half a minute, all at once."""

    def test_clients_that_let_one_wait(self):
        silent, started, idle, deaf = (self.handler() for _ in range(4))
        begin = time.monotonic()
        for h in started, idle, deaf:
            h.call("server.info", id="first")
            self.assertEqual(h.answer()["id"], "first")
        started.client.sendall(b'{"jsonrpc"')
        deaf.call("run", {"profile": "shell", "code": "yes"})

        self.assert_error(silent.answer(), "parse_error")
        self.assertTrue(4.5 < time.monotonic() - begin < 20)
        self.assertTrue(silent.is_at_end())
        self.assertEqual(silent.wait(), 0)

        started.client.settimeout(60)
        self.assert_error(started.answer(), "parse_error")
        self.assertTrue(29 < time.monotonic() - begin < 60)
        self.assertTrue(started.is_at_end())

        self.assertEqual(deaf.wait(40), 0)
        self.assertGreater(time.monotonic() - begin, 29)

        idle.call("server.info", id="last")
        self.assertEqual(idle.answer()["id"], "last")


if __name__ == "__main__":
    unittest.main(verbosity=2)
