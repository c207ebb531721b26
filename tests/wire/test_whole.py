#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""From end to end: with the real cloche-guest."""

import contextlib
import os
import unittest

from case import Case
from played import RealGuest

class RealGuests(Case):
    """With cloche-guest itself, in namespaces of its own."""

    def test_a_run_from_end_to_end(self):
        h = self.handler(guest=RealGuest)
        answer = h.run(profile="shell", code="cat; id -u; echo e > /dev/stderr; exit 3", stdin="in\n")
        self.assert_status(answer, "exited", exit_code=3)
        self.assertEqual(h.output, {(1, "stdout"): b"in\n1000\n", (1, "stderr"): b"e\n"})
        self.assert_status(h.run(id=2, code="import sys; print(sys.argv)"), "exited")
        self.assertEqual(h.output[2, "stdout"], b"['/run/cloche/2/main']\n")

    def test_a_program_that_is_not_there(self):
        h = self.handler(guest=RealGuest)
        self.assert_status(h.run(profile="shell", argv=["no-such-program"]), "exited", exit_code=127)
        self.assertIn(b"no-such-program", h.output[1, "stderr"])

    def test_a_full_work_is_named(self):
        h = self.handler(guest=RealGuest)
        self.assert_status(h.run(profile="shell", code="head -c 9999999 /dev/zero > /work/x"),
                           "exited", limits_hit=["work"])

    def test_a_cancel_leaves_nothing(self):
        h = self.handler(guest=RealGuest)
        mark = f"1000.{os.getpid()}"
        h.call("run", {"profile": "shell", "code": f"trap '' TERM; (setsid sleep {mark} &); "
                                                   f"setsid sleep {mark} & echo on; sleep {mark}"})
        h.receive()
        self.eventually(lambda: self.is_running(mark))
        h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": 1}})
        self.assert_status(h.answer(), "cancelled")
        self.eventually(lambda: not self.is_running(mark))

    @staticmethod
    def is_running(word):
        """Whether there is a process with this word in its command line."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                if word.encode() in f.read().split(b"\0"):
                    return True
        return False

    def test_without_a_launcher_the_guest_ends_with_its_channel(self):
        h = self.handler(guest=RealGuest)
        h.call("run", {"profile": "shell", "code": "echo on; sleep 1000"})
        h.receive()
        guest, = h.launcher.sandboxes.values()
        h.launcher.sandboxes.clear()  # it will kill nothing
        h.launcher.vanish()
        self.assert_status(h.answer(), "sandbox_died", reason="launcher_lost")
        guest.process.wait(5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
