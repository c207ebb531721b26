#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The handler and those that it depends on: launcher, journal, kernel."""

import hashlib
import os
import select
import unittest

import played
from case import CONFINED, Case
from played import CONNECTION, DIGEST

class Launchers(Case):
    def test_without_a_launcher_it_still_answers(self):
        h = self.handler(launcher=False)
        for method, params, reason in [("server.info", {}, "launcher_unavailable"),
                                       ("profile.list", {}, "launcher_unavailable"),
                                       ("run", {"argv": ["true"]}, "launcher_unavailable"),
                                       ("exec.cancel", {"id": 1}, "not_running"),
                                       ("no.such", {}, "method_not_found")]:
            h.call(method, params)
            self.assert_error(h.answer(), reason)

    def test_a_connection_that_is_refused_is_told_why_and_ended(self):
        for name, reason in [("connections", "too_many_connections"), ("uid", "not_allowed"),
                             ("audit", "audit_unavailable")]:
            h = self.handler(refuse=name)
            h.call("server.info")
            answer = h.answer()
            self.assert_error(answer, reason)
            self.assertEqual(answer["error"]["data"]["detail"], "told why")
            self.assertTrue(h.is_at_end())
            self.assertEqual(h.wait(), 0)

    def test_nothing_is_read_before_the_launcher_has_spoken(self):
        h = self.handler(silent=True)
        h.call("server.info")
        self.assertFalse(select.select([h.client], [], [], 0.5)[0])
        h.launcher.vanish()
        self.assert_error(h.answer(), "launcher_unavailable")

    def test_a_launcher_that_is_lost(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "echo on; sleep 100"}, id=1)
        self.assertEqual(h.receive()["params"]["text"], "on\n")
        h.call("run", {"profile": "mute", "code": ""}, id=2)
        self.eventually(lambda: len(h.launcher.sandboxes) == 2)
        h.launcher.vanish()
        answers = {a["id"]: a for a in (h.answer(), h.answer())}
        self.assert_status(answers[1], "sandbox_died", reason="launcher_lost")
        self.assertNotIn("cpu_user_usec", answers[1]["result"]["usage"])
        self.assert_error(answers[2], "launcher_unavailable")
        self.assert_error(h.run(id=3, profile="shell", code=""), "launcher_unavailable")
        h.call("server.info")
        self.assertEqual(h.answer()["result"]["connection"], CONNECTION)

    def test_a_message_that_makes_no_sense_ends_the_link(self):
        h = self.handler()
        h.call("server.info")
        h.answer()
        h.launcher.sock.send(b"nonsense")
        self.eventually(lambda: self.run_reason(h) == "launcher_unavailable")

    @staticmethod
    def run_reason(h):
        return h.run(profile="shell", code="").get("error", {}).get("data", {}).get("reason")

    def test_a_new_launcher_is_asked_again(self):
        h = self.handler(lose_opens=1, lose_closes=1)
        h.call("run", {"profile": "shell", "code": "exit 3"})
        self.eventually(lambda: h.launcher.lost == 1)
        h.launcher.resume()  # OPEN comes again, and its CLOSE is forgotten
        self.eventually(lambda: len(h.launcher.closed) == 1)
        h.launcher.resume()
        self.assert_status(h.answer(), "exited", exit_code=3)
        self.assertEqual(h.launcher.received.count(played.OPEN), 2)
        self.eventually(lambda: h.launcher.received.count(played.CLOSE) == 2)

    def test_a_request_that_two_launchers_lost_is_given_up(self):
        h = self.handler(lose_opens=9)
        h.call("run", {"profile": "shell", "code": ""})
        for n in 1, 2:
            self.eventually(lambda: h.launcher.lost == n)
            h.launcher.resume()
        self.assert_error(h.answer(), "launcher_unavailable")
        self.assertEqual(h.launcher.lost, 2)

    def test_what_runs_lives_on_under_a_new_launcher(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "sleep 0.5; echo done"})
        self.eventually(lambda: h.launcher.sandboxes)
        h.launcher.resume()
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"], b"done\n")

    def test_a_sandbox_that_nobody_waits_for_is_closed(self):
        h = self.handler()
        h.call("server.info")
        h.answer()
        h.launcher.opened(999, "shell", played.LIMITS)
        self.eventually(lambda: len(h.launcher.closed) == 1)
        self.assert_status(h.run(profile="shell", code=""), "exited")

    def test_the_launcher_learns_who_the_client_is(self):
        h = self.handler()
        h.call("server.info")
        h.answer()
        self.assertEqual(h.launcher.uid, os.getuid())


class Records(Case):
    def test_the_story_of_a_run(self):
        h = self.handler()
        code = "echo é; exit 3"
        h.run(id="r", profile="shell", code=code, env={"TOKEN": "secret", "B": ""}, timeout_ms=5000)
        self.eventually(lambda: h.launcher.closed)
        sandbox = h.launcher.closed[0][0]
        started, ended = h.records()
        for record, seq, event in (started, "1", "exec_started"), (ended, "2", "exec_ended"):
            self.assertEqual(record["CLOCHE_EVENT"], event)
            self.assertEqual(record["CLOCHE_SEQ"], seq)
            self.assertEqual(record["CLOCHE_CONNECTION"], CONNECTION)
            self.assertEqual(record["CLOCHE_SANDBOX"], sandbox)
            self.assertEqual(record["CLOCHE_PROFILE"], "shell")
            self.assertEqual(record["CLOCHE_IMAGE_DIGEST"], DIGEST)
            self.assertEqual(record["CLOCHE_REQUEST_ID"], '"r"')
            self.assertNotIn("secret", str(record))
        self.assertEqual(started["CLOCHE_CODE_SHA256"], hashlib.sha256(code.encode()).hexdigest())
        self.assertEqual(started["CLOCHE_ENV_NAMES"], "TOKEN B")
        self.assertEqual(started["CLOCHE_TIMEOUT_USEC"], "5000000")
        self.assertEqual(ended["CLOCHE_STATUS"], "exited")
        self.assertEqual(ended["CLOCHE_EXIT_CODE"], "3")
        self.assertEqual(ended["CLOCHE_STDOUT_BYTES"], "3")

    def test_an_argv_cannot_write_records_of_its_own(self):
        h = self.handler()
        argv = ["echo", "\nPRIORITY=0\n_UID=0\nMESSAGE=fake", "\x1b[2J", "x" * 100_000]
        h.run(profile="shell", argv=argv)
        started = h.records()[0]
        self.assertEqual(started["PRIORITY"], "6")
        self.assertNotIn("_UID", started)
        self.assertNotIn("\n", started["MESSAGE"])
        self.assertTrue(started["CLOCHE_ARGV"].startswith('["echo","\\nPRIORITY=0'))
        self.assertEqual(started["CLOCHE_CODE_SHA256"],
                         hashlib.sha256(b"".join(a.encode() + b"\0" for a in argv)).hexdigest())

    def test_refused_requests_are_recorded(self):
        h = self.handler()
        h.run(profile="shell", argv=["true"], limits={"tasks": 1})
        h.run(profile="refused-image", argv=["true"])
        h.send(b"nonsense")
        h.answer()
        records = h.records()
        self.assertEqual([(r["CLOCHE_METHOD"], r["CLOCHE_REASON"]) for r in records],
                         [("run", "invalid_params"), ("run", "image_missing"), ("", "parse_error")])
        self.assertIn("limits.tasks", records[0]["CLOCHE_DETAIL"])

    def test_without_a_journal_policy_decides(self):
        required = self.handler(journal=False, audit=True)
        answer = required.run(profile="shell", code="echo ran")
        self.assert_error(answer, "audit_unavailable")
        self.assertEqual(required.output, {})
        self.eventually(lambda: len(required.launcher.closed) == 1)
        relaxed = self.handler(journal=False)
        self.assert_status(relaxed.run(profile="shell", code="echo ran"), "exited")

    def test_a_journal_that_went_away(self):
        h = self.handler(audit=True)
        self.assert_status(h.run(profile="shell", code=""), "exited")
        h.journal.close()
        self.assert_error(h.run(profile="shell", code=""), "audit_unavailable")


class Confinement(Case):
    """In confined-handler.c, which can open, connect to and start nothing."""

    def test_it_needs_nothing_but_what_was_passed(self):
        os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # that needs a process of its own
        h = self.handler(program=CONFINED)
        for method in "server.info", "profile.list":
            h.call(method)
            self.assertIn("result", h.answer())
        self.assert_status(h.run(profile="shell", code="cat", stdin="x"), "exited")
        self.assert_status(h.run(profile="shell", code="sleep 9", timeout_ms=100), "timeout")
        self.assert_status(h.run(profile="noise", code=""), "sandbox_died")
        h.send(b"nonsense")
        self.assert_error(h.answer(), "parse_error")
        self.assertEqual(len(h.records()), 7)
        h.call("run", {"profile": "shell", "code": "echo on; sleep 100"})
        h.receive()
        h.client.close()
        self.assertEqual(h.wait(), 0)
        self.assertEqual(h.records()[-1]["CLOCHE_REASON"], "client_gone")

    def test_without_the_journal_it_goes_on(self):
        os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
        h = self.handler(program=CONFINED)
        h.journal.close()
        self.assert_status(h.run(profile="shell", code=""), "exited")


if __name__ == "__main__":
    unittest.main(verbosity=2)
