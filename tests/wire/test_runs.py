#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How runs end, what a guest can do about it, and the streams of the program."""

import struct
import time
import unittest

import played_guest
from case import MIB, SANITIZED, Case, Gate

class Ends(Case):
    """Each of the statuses."""

    def test_timeout(self):
        h = self.handler()
        answer = h.run(profile="shell", code="echo before; sleep 100", timeout_ms=300)
        self.assert_status(answer, "timeout", limits_hit=["time"])
        self.assertEqual(h.output[1, "stdout"], b"before\n")
        self.assertTrue(300_000 <= answer["result"]["usage"]["wall_usec"] < 10_000_000)

    def test_cancel(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "echo on; sleep 100"}, id="r")
        while h.output.get(("r", "stdout")) != b"on\n":
            message = h.receive()
            h.output[message["params"]["id"], "stdout"] = message["params"]["text"].encode()
        h.call("exec.cancel", {"id": "r"}, id="c")
        answers = {a["id"]: a for a in (h.answer(), h.answer())}
        self.assertEqual(answers["c"]["result"], {})
        self.assert_status(answers["r"], "cancelled")
        h.call("exec.cancel", {"id": "r"}, id="c")
        self.assert_error(h.answer(), "not_running")

    def test_cancel_before_the_start(self):
        h = self.handler()
        h.call("run", {"profile": "mute", "code": "echo never"}, id=1)
        h.call("exec.cancel", {"id": 1}, id=2)
        answers = {a["id"]: a for a in (h.answer(), h.answer())}
        self.assertEqual(answers[2]["result"], {})
        self.assert_status(answers[1], "cancelled")
        self.assertEqual(len(h.launcher.closed), 1)
        self.assertEqual(h.output, {})

    def test_output_limit_is_kept_to_the_byte(self):
        h = self.handler()
        answer = h.run(profile="shell", code="yes | head -c 100000; sleep 100",
                       limits={"output_bytes": 50001})
        self.assert_status(answer, "output_limit", limits_hit=["output"])
        self.assertEqual(h.output[1, "stdout"], b"y\n" * 25000 + b"y")
        self.assert_status(h.run(id=2, profile="shell", code="yes | head -c 50001",
                                 limits={"output_bytes": 50001}), "exited", limits_hit=[])
        self.assertEqual(len(h.output[2, "stdout"]), 50001)

    def test_output_limit_counts_both_streams(self):
        h = self.handler()
        answer = h.run(profile="shell", code="echo 12345; echo 12345 >&2; sleep 100",
                       limits={"output_bytes": 11})
        self.assert_status(answer, "output_limit")
        self.assertEqual(sum(map(len, h.output.values())), 11)

    def test_output_that_is_cut_after_the_exit_shows_too(self):
        h = self.handler()
        self.assert_status(h.run(profile="shell", code="echo 123456789", limits={"output_bytes": 4}),
                           "output_limit")

    def test_oom(self):
        h = self.handler()
        self.assert_status(h.run(profile="oom", code="kill -9 $$"), "oom", limits_hit=["memory"])
        self.assert_status(h.run(profile="oom", code="exit 5"), "exited", exit_code=5,
                           limits_hit=["memory"])
        self.assert_status(h.run(profile="oomall", code=""), "oom", limits_hit=["memory"])
        self.assert_status(h.run(profile="shell", code="kill -9 $$"), "signaled", signal="SIGKILL")

    def test_other_limits_are_named(self):
        h = self.handler()
        self.assert_status(h.run(profile="forks", code=""), "exited", limits_hit=["tasks"])
        self.assert_status(h.run(profile="full", code=""), "exited", limits_hit=["work"])
        self.assert_status(h.run(profile="unable", code=""), "exited", exit_code=126,
                           reason="not_started", limits_hit=["tasks"])

    def test_a_sandbox_that_is_ended_from_outside(self):
        h = self.handler()
        self.assert_status(h.run(profile="killed", code=""), "sandbox_died", reason="killed")
        self.assert_status(h.run(profile="lifetime", code=""), "timeout", reason="lifetime")
        self.assert_status(h.run(profile="quits", code=""), "sandbox_died", reason="guest_lost")

    def test_a_background_process_does_not_hold_up_the_result(self):
        h = self.handler()
        begin = time.monotonic()
        answer = h.run(profile="shell", code="(sleep 0.1; echo late; sleep 1000) & echo hi")
        self.assert_status(answer, "exited", exit_code=0)
        self.assertEqual(h.output[1, "stdout"], b"hi\nlate\n")
        self.assertTrue(0.4 < time.monotonic() - begin < 10)

    def test_nothing_that_was_written_is_lost(self):
        h = self.handler()
        for i in range(20):
            self.assert_status(h.run(id=i, profile="shell", code="seq 20000; seq 5 >&2"), "exited")
            self.assertEqual(h.output[i, "stdout"], "".join(f"{n}\n" for n in range(1, 20001)).encode())
            self.assertEqual(h.output[i, "stderr"], b"1\n2\n3\n4\n5\n")


class Guests(Case):
    """The guest may lie in everything."""

    def test_a_guest_that_never_was_ready_is_an_error(self):
        h = self.handler()
        for name in "gone", "early":
            self.assert_error(h.run(profile=name, code=""), "guest_failed")
        self.eventually(lambda: len(h.launcher.closed) == 2)

    def test_a_guest_that_is_not_ready_in_time(self):
        h = self.handler()
        self.assert_error(h.run(profile="mute", code=""), "guest_failed")

    def test_a_guest_that_breaks_the_protocol_is_killed(self):
        h = self.handler()
        for name in "noise", "other":
            self.assert_status(h.run(profile=name, code="sleep 100"), "sandbox_died",
                               reason="guest_protocol_error")
        # its end came with descriptors: what it says there is not believed either
        before = h.descriptors()
        self.assert_status(h.run(profile="fds", code=""), "sandbox_died", reason="guest_protocol_error")
        self.assertEqual(h.descriptors(), before)
        # the second frame is a violation, whenever it is read
        answer = h.run(profile="twice", code="sleep 100")
        if "result" in answer:
            self.assert_status(answer, "sandbox_died", reason="guest_protocol_error")
        else:
            self.assert_error(answer, "guest_failed")
        self.assert_status(h.run(profile="after", code="exit 3"), "exited", exit_code=3)
        self.eventually(lambda: len(h.launcher.closed) == 5)

    def test_output_that_looks_like_frames_is_output(self):
        h = self.handler()
        frame = struct.pack("=HHIIiQ", played_guest.EXITED, 1, 1, 1, 0, 0)
        program = f"import sys; sys.stdout.buffer.write({frame!r} * 1000); sys.exit(9)"
        self.assert_status(h.run(code=program), "exited", exit_code=9)
        self.assertEqual(h.output[1, "stdout"], frame * 1000)


class Streams(Case):
    def test_every_byte_arrives_as_it_was_written(self):
        h = self.handler()
        program = """if True:
            import os, sys, time
            for piece in (b"a\\xc3", b"\\xa9", b"\\xf0\\x9f", b"\\x98\\x80", bytes(range(256)), b"\\xe2\\x82"):
                os.write(1, piece)
                time.sleep(0.05)"""
        self.assert_status(h.run(code=program), "exited")
        self.assertEqual(h.output[1, "stdout"],
                         "aé😀".encode() + bytes(range(256)) + b"\xe2\x82")

    def test_text_is_text_and_bytes_are_base64(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": r"printf 'h\303\251'; printf '\377' >&2"})
        kinds = {}
        while "result" not in (message := h.receive()):
            p = message["params"]
            kinds[p["stream"]] = p.get("text", p.get("base64"))
        self.assertEqual(kinds, {"stdout": "hé", "stderr": "/w=="})

    def test_a_slow_reader_gets_all_and_costs_little(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "yes | head -c 30000000"})
        time.sleep(1.5)  # nothing is read; the handler waits
        if not SANITIZED:
            self.assertLess(h.memory(), 16 * MIB)
        total = 0
        while "result" not in (message := h.receive()):
            total += len(message["params"]["text"])
        self.assertEqual(total, 30_000_000)
        if not SANITIZED:
            self.assertLess(h.memory(), 16 * MIB)

    def test_output_without_newlines_and_full_of_escapes_costs_little(self):
        h = self.handler()
        h.call("run", {"profile": "shell",
                       "code": r"head -c 5000000 /dev/zero | tr '\0' '\1'; head -c 5000000 /dev/zero"})
        time.sleep(1)
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"], b"\1" * 5_000_000 + bytes(5_000_000))
        if not SANITIZED:
            self.assertLess(h.memory(), 16 * MIB)

    def test_other_requests_are_answered_while_output_flows(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "yes"}, id="flood")
        h.call("server.info", id="info")
        self.assertEqual(h.answer()["id"], "info")
        h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": "flood"}})
        self.assert_status(h.answer(), "cancelled")

    def test_input_by_and_by(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "cat", "stdin": "one ", "stdin_open": True}, id=1)
        for params in {"text": "two "}, {"base64": "/w=="}, {"text": "", "eof": True}:
            h.call("exec.stdin", {"id": 1} | params, id=2)
            self.assertEqual(h.answer(), {"jsonrpc": "2.0", "id": 2, "result": {}})
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"], b"one two \xff")

    def test_input_as_base64(self):
        h = self.handler()
        self.assert_status(h.run(profile="shell", code="cat", stdin_base64="AP/+Cg=="), "exited")
        self.assertEqual(h.output[1, "stdout"], b"\0\xff\xfe\n")

    def test_input_is_closed_unless_it_was_to_stay_open(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "cat; sleep 1"}, id=1)
        h.call("exec.stdin", {"id": 1, "text": "x"}, id=2)
        self.assert_error(h.answer(), "stdin_closed")
        h.call("exec.stdin", {"id": 9, "text": "x"}, id=2)
        self.assert_error(h.answer(), "not_running")
        for params, field in [({"id": 1}, "text"), ({"id": 1, "text": "", "base64": ""}, "base64"),
                              ({"id": 1, "base64": "*"}, "base64"), ({"text": ""}, "id")]:
            h.call("exec.stdin", params, id=2)
            self.assert_error(h.answer(), "invalid_params", field)

    def test_a_program_that_closes_its_input(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "exec 0<&-; echo closed; sleep 100",
                       "stdin_open": True}, id=1)
        self.assertEqual(h.receive()["params"]["text"], "closed\n")
        self.eventually(lambda: self.stdin_error(h) == "stdin_closed")

    @staticmethod
    def stdin_error(h):
        h.call("exec.stdin", {"id": 1, "text": "x"}, id=2)
        return h.answer().get("error", {}).get("data", {}).get("reason")

    def test_more_input_than_may_wait_is_refused_and_pacing_works(self):
        h = self.handler()
        megabyte = "x" * 900_000
        gate = Gate()
        h.call("run", {"profile": "shell", "code": 'eval "$WAIT"; wc -c', "stdin_open": True,
                       "env": gate.env}, id=1)
        for i in range(5):
            h.call("exec.stdin", {"id": 1, "text": megabyte}, id=10 + i)
        answers = {}
        while len(answers) < 5:
            answer = h.answer()
            answers[answer["id"]] = answer
            if answer["id"] == 14:  # refused while the others wait
                self.assertNotIn(13, answers)
                gate.open()
        self.assert_error(answers[14], "stdin_full")
        for i in range(10, 14):
            self.assertEqual(answers[i]["result"], {})
        h.call("exec.stdin", {"id": 1, "text": megabyte, "eof": True}, id=20)
        self.assertEqual(h.answer()["id"], 20)
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"].strip(), b"4500000")

    def test_who_waits_for_room_is_told_when_the_program_ends(self):
        h = self.handler()
        gate = Gate()
        h.call("run", {"profile": "shell", "code": 'eval "$WAIT"', "stdin_open": True,
                       "env": gate.env}, id=1)
        for i in range(4):
            h.call("exec.stdin", {"id": 1, "text": "x" * 900_000}, id=10 + i)
        h.call("server.info", id=0)
        answers = {}
        while len(answers) < 6:
            answer = h.answer()
            answers[answer["id"]] = answer
            if answer["id"] == 0:  # all input has arrived
                gate.open()
        self.assert_status(answers[1], "exited")
        self.assert_error(answers[13], "stdin_closed")

    def test_requests_have_a_bound(self):
        h = self.handler()
        gate = Gate()
        h.call("run", {"profile": "shell", "code": 'eval "$WAIT"', "stdin_open": True,
                       "env": gate.env}, id="run")
        for i in range(3):
            h.call("exec.stdin", {"id": "run", "text": "x" * 900_000}, id="fill%d" % i)
        for i in range(260):
            h.call("exec.stdin", {"id": "run", "text": "x"}, id=i)
        h.call("server.info", id="last")
        reasons = []
        while len(reasons) < 265:
            answer = h.answer()
            reasons.append(answer.get("error", {}).get("data", {}).get("reason"))
            if answer["id"] == "last":
                gate.open()
        # two fills find room; the run, one fill and 254 others are under way, and no more
        self.assertEqual(reasons.count(None), 3)
        self.assertEqual(reasons.count("stdin_closed"), 255)
        self.assertEqual(reasons.count("too_many_requests"), 265 - 3 - 255)


if __name__ == "__main__":
    unittest.main(verbosity=2)
