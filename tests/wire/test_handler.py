#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The real cloche-handler in a world that is played (played.py): what it does with each thing that a
client, a launcher and a guest can do to it. Run by meson with the paths of cloche-handler and
cloche-guest as the first arguments; further ones are unittest's."""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import played
from played import CONNECTION, DIGEST, Handler, RealGuest

HERE = os.path.dirname(os.path.abspath(__file__))
HANDLER = os.path.abspath(sys.argv.pop(1))
RealGuest.program = os.path.abspath(sys.argv.pop(1))
with open(HANDLER, "rb") as f:
    SANITIZED = b"__asan_init" in f.read() or bool(played.WRAPPER)
LINE_MAX = 1 << 20
MIB = 1 << 20


def gone(pid):
    """Whether a process has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Case(unittest.TestCase):
    def handler(self, **options):
        handler = Handler(HANDLER, **options)
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


class Lines(Case):
    """From bytes to a method."""

    def test_answers_what_is_no_request_and_goes_on(self):
        h = self.handler()
        for line, reason, id in [
                (b"", "parse_error", None),
                (b"\r", "parse_error", None),
                (b"nonsense", "parse_error", None),
                (b'{"jsonrpc":"2.0","id":1,"method":"server.info","method":"run"}', "parse_error", None),
                (b'\xff', "parse_error", None),
                (b"[" * 100000, "parse_error", None),
                (b'{"a":' * 100000, "parse_error", None),
                (b'{"jsonrpc":"2.0","id":1e400,"method":"server.info"}', "parse_error", None),
                (b'[{"jsonrpc":"2.0","id":1,"method":"server.info"}]', "invalid_request", None),
                (b"[]", "invalid_request", None),
                (b"7", "invalid_request", None),
                (b'{"jsonrpc":"2.0","id":null,"method":"server.info"}', "invalid_request", None),
                (b'{"jsonrpc":"2.0","id":5}', "invalid_request", 5),
                (b'{"jsonrpc":"2.0","id":"x","result":{}}', "invalid_request", "x"),
                (b'{"jsonrpc":"2.0","id":5,"method":"server.info","params":[]}', "invalid_request", 5),
                (b'{"jsonrpc":"2.0","id":5,"method":"no.such"}', "method_not_found", 5),
                (b'{"jsonrpc":"2.0","id":5,"method":""}', "method_not_found", 5)]:
            h.send(line)
            answer = h.answer()
            self.assert_error(answer, reason)
            self.assertEqual(answer["id"], id)
        h.call("server.info", id="still here")
        self.assertEqual(h.answer()["id"], "still here")

    def test_takes_a_line_of_the_largest_size_and_no_byte_more(self):
        for excess in 0, 1:
            h = self.handler()
            head = b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"profile":"shell","code":"#'
            tail = b'"}}'
            h.send(head + b"x" * (LINE_MAX + excess - len(head) - len(tail)) + tail)
            if not excess:
                self.assert_status(h.answer(), "exited", exit_code=0)
                continue
            answer = h.answer()
            self.assert_error(answer, "parse_error")
            self.assertIn(str(LINE_MAX), answer["error"]["data"]["detail"])
            self.assertTrue(h.is_at_end())
            self.assertEqual(h.wait(), 0)

    def test_an_endless_line_costs_no_more_than_its_limit(self):
        h = self.handler()
        sent = 0
        with self.assertRaises(OSError):
            while sent < 1 << 30:
                sent += h.client.send(b"x" * 65536)
        self.assertLess(sent, 3 * MIB)
        self.assertEqual(h.wait(), 0)

    def test_a_last_line_without_its_newline_is_said_to_be_one(self):
        h = self.handler()
        h.client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"server.info"}\n{"jsonrpc"')
        h.client.shutdown(socket.SHUT_WR)
        self.assertIn("result", h.answer())
        self.assert_error(h.answer(), "parse_error")
        self.assertTrue(h.is_at_end())
        self.assertEqual(h.wait(), 0)

    def test_lines_may_come_in_any_pieces(self):
        h = self.handler()
        data = b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "exec.cancel",
                                    "params": {"id": "none"}}).encode() + b"\n" for i in range(20))
        for i in range(0, len(data), 143):
            h.client.sendall(data[i:i + 143])
        for i in range(20):
            self.assertEqual(h.answer()["id"], i)

    def test_a_notification_is_not_answered(self):
        h = self.handler()
        for method in "server.info", "run", "no.such", "exec.cancel", "exec.stdin":
            h.send({"jsonrpc": "2.0", "method": method, "params": {"id": 1}})
        h.call("server.info", id="after")
        self.assertEqual(h.answer()["id"], "after")

    def test_an_id_that_is_under_way_cannot_be_used_again(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "argv": ["sleep", "100"]}, id=1)
        h.call("server.info", id=1)
        answer = h.answer()
        self.assert_error(answer, "invalid_request", "id")
        self.assertIsNone(answer["id"])
        h.call("server.info", id="1")  # another id
        self.assertEqual(h.answer()["id"], "1")
        h.call("exec.cancel", {"id": 1}, id=2)
        self.assertEqual({h.answer()["id"], h.answer()["id"]}, {1, 2})
        h.call("server.info", id=1)
        self.assertIn("result", h.answer())

    def test_descriptors_that_a_client_attaches_are_not_kept(self):
        h = self.handler()
        h.call("server.info")
        h.answer()
        before = h.descriptors()
        with open("/dev/null") as null:
            for _ in range(100):
                played.send_fds(h.client, b'{"jsonrpc":"2.0","id":1,"method":"server.info"}\n',
                                [null.fileno()] * 3)
                h.answer()
        self.assertEqual(h.descriptors(), before)


class Parameters(Case):
    def test_each_wrong_field_is_named(self):
        h = self.handler()
        run = {"profile": "shell", "argv": ["true"]}
        for params, field in [
                ({}, "code"),
                (run | {"code": "x"}, "argv"),
                (run | {"stdin": "", "stdin_base64": ""}, "stdin_base64"),
                (run | {"stdin_base64": "?"}, "stdin_base64"),
                (run | {"stdin_base64": "Zh=="}, "stdin_base64"),
                (run | {"argv": []}, "argv"),
                (run | {"argv": [""]}, "argv[0]"),
                (run | {"argv": ["a", 1]}, "argv[1]"),
                (run | {"argv": ["a"] * 1025}, "argv"),
                (run | {"argv": ["a" * 131072]}, "argv[0]"),
                (run | {"env": {"A B": "x"}}, "env.A B"),
                (run | {"env": {"A": 1}}, "env.A"),
                (run | {"profile": ""}, "profile"),
                (run | {"profile": "p" * 65}, "profile"),
                (run | {"limits": {"tasks": 1}}, "limits.tasks"),
                (run | {"limits": {"memory": 1}}, "limits.memory"),
                (run | {"limits": []}, "limits"),
                (run | {"stdin_open": 1}, "stdin_open"),
                (run | {"network": "host"}, "network"),
                (run | {"privileged": True}, "privileged"),
                (run | {"user": "0"}, "user"),
                (run | {"image": "evil"}, "image")]:
            h.call("run", params)
            self.assert_error(h.answer(), "invalid_params", field)
        self.assertEqual(h.launcher.received, [played.HELLO])

    def test_numbers_are_integers_in_range_or_nothing(self):
        h = self.handler()
        for text in ("0", "-0", "-1", "1.0", "1e3", '"5"', "null", "true", "[5]", "5.5",
                     "9007199254740991.0", "86400001"):
            h.send(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"argv":["true"],'
                   b'"timeout_ms":%s}}' % text.encode())
            self.assert_error(h.answer(), "invalid_params", "timeout_ms")
        for text in ("01", "0x10", "NaN", "1e400", "+1", "9007199254740993", "18446744073709551616",
                     "-9007199254740992"):
            h.send(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"argv":["true"],'
                   b'"timeout_ms":%s}}' % text.encode())
            self.assert_error(h.answer(), "parse_error")
        for name in "memory_bytes", "tasks", "cpu_percent", "work_bytes", "output_bytes":
            for value in 0, -1, 1.5, "1", None:
                h.call("run", {"argv": ["true"], "limits": {name: value}})
                self.assert_error(h.answer(), "invalid_params", "limits." + name)

    def test_profile_names_that_none_can_have_are_unknown(self):
        h = self.handler()
        for name in "Shell", "../shell", "-shell", "shell-", "sh ell", "shell.service", "é":
            self.assert_error(h.run(profile=name, argv=["true"]), "unknown_profile")
        self.assert_error(h.run(profile="other-name", argv=["true"]), "unknown_profile")

    def test_what_the_launcher_refuses_has_a_name(self):
        h = self.handler()
        for name, reason in [("connections", "too_many_connections"),
                             ("sandboxes", "too_many_sandboxes"), ("uid", "not_allowed"),
                             ("unknown", "unknown_profile"), ("profile", "profile_refused"),
                             ("limit", "limit_above_profile"), ("image", "image_missing"),
                             ("podman", "podman_failed"), ("scope", "scope_failed"),
                             ("guest", "guest_failed"), ("audit", "audit_unavailable"),
                             ("internal", "internal")]:
            answer = h.run(profile="refused-" + name, argv=["true"])
            self.assert_error(answer, reason)
            self.assertEqual(answer["error"]["data"]["detail"], "detail of refused-" + name)
            self.assertEqual("journal" in answer["error"]["data"], reason == "internal")

    def test_narrower_limits_are_passed_on_and_wider_ones_refused(self):
        h = self.handler()
        self.assert_status(h.run(profile="shell", argv=["true"], timeout_ms=1000,
                                 limits={"memory_bytes": 32 * MIB, "tasks": 8, "cpu_percent": 50,
                                         "work_bytes": 65536, "output_bytes": 10}), "exited")
        self.assert_error(h.run(profile="shell", argv=["true"], limits={"tasks": 129}),
                          "limit_above_profile")


class Methods(Case):
    def test_server_info(self):
        h = self.handler()
        h.call("server.info")
        info = h.answer()["result"]
        self.assertEqual(info["mode"], "system")
        self.assertEqual(info["protocol"], 1)
        self.assertEqual(info["connection"], CONNECTION)
        self.assertEqual(info["uid"], os.getuid())
        self.assertEqual(info["limits"]["line_bytes"], LINE_MAX)
        methods = {m["name"]: m for m in info["methods"]}
        self.assertEqual(set(methods), {"server.info", "profile.list", "run", "exec.cancel",
                                        "exec.stdin"})
        self.assertEqual(methods["exec.cancel"]["params"]["required"], ["id"])
        self.assertFalse(methods["run"]["params"]["additionalProperties"])

    def test_profile_list(self):
        h = self.handler()
        h.call("profile.list", id="a")
        h.call("profile.list", id="b")  # the launcher makes one list at a time
        for id in "a", "b":
            answer = h.answer()
            self.assertEqual(answer["id"], id)
            profiles = {p["name"]: p for p in answer["result"]["profiles"]}
            self.assertEqual(set(profiles), set(played.PROFILES))
            self.assertEqual(profiles["shell"]["digest"], DIGEST)
            self.assertIsNone(profiles["shell"]["problem"])
            self.assertEqual(profiles["shell"]["description"], "Ein Pr?")
            self.assertEqual(profiles["shell"]["limits"]["timeout_ms"], 300_000)
            self.assertIsNone(profiles["bare"]["digest"])
            self.assertEqual(profiles["bare"]["problem"], "its image is missing")

    def test_code_and_argv_run_with_input_and_environment(self):
        h = self.handler()
        answer = h.run(profile="shell", code="cat; echo $A-$B; echo no >&2; exit 3", stdin="in\n",
                       env={"A": "1", "B": "é=2"})
        self.assert_status(answer, "exited", exit_code=3, profile="shell", image=DIGEST, limits_hit=[])
        self.assertEqual(h.output, {(1, "stdout"): "in\n1-é=2\n".encode(), (1, "stderr"): b"no\n"})
        usage = answer["result"]["usage"]
        self.assertEqual((usage["stdout_bytes"], usage["stderr_bytes"]), (10, 3))
        self.assertEqual(usage["memory_peak_bytes"], 7 * MIB)
        self.assertGreater(usage["wall_usec"], 0)
        self.assert_status(h.run(id=2, code="print(2 + 2)"), "exited", profile="python")
        self.assertEqual(h.output[2, "stdout"], b"4\n")
        self.assert_status(h.run(id=3, profile="shell", argv=["no-such-program"]), "exited",
                           exit_code=127)
        self.assert_status(h.run(id=4, profile="shell", argv=["sh", "-c", "kill -SEGV $$"]),
                           "signaled", signal="SIGSEGV")

    def test_code_for_a_profile_without_an_interpreter(self):
        h = self.handler()
        self.assert_error(h.run(profile="bare", code="x"), "no_interpreter")
        self.assert_status(h.run(profile="bare", argv=["true"]), "exited", exit_code=0)
        self.eventually(lambda: len(h.launcher.closed) == 2)

    def test_runs_end_in_their_own_order(self):
        h = self.handler()
        for i, delay in enumerate(["0.6", "0.1", "0.3"]):
            h.call("run", {"profile": "shell", "argv": ["sleep", delay]}, id=i)
        self.assertEqual([h.answer()["id"] for _ in range(3)], [1, 2, 0])

    def test_as_many_runs_at_once_as_server_info_says(self):
        h = self.handler()
        for i in range(17):
            h.call("run", {"profile": "shell", "argv": ["sleep", "100"]}, id=i)
        answer = h.answer()
        self.assertEqual(answer["id"], 16)
        self.assert_error(answer, "too_many_sandboxes")
        for i in range(16):
            h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": i}})
        for _ in range(16):
            self.assert_status(h.answer(), "cancelled")
        self.assert_status(h.run(profile="shell", argv=["true"]), "exited")


class Ends(Case):
    """Each of the statuses."""

    def test_timeout(self):
        h = self.handler()
        answer = h.run(profile="shell", code="echo before; sleep 100", timeout_ms=300)
        self.assert_status(answer, "timeout", limits_hit=["time"])
        self.assertEqual(h.output[1, "stdout"], b"before\n")
        self.assertTrue(300_000 <= answer["result"]["usage"]["wall_usec"] < 2_000_000)

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
        self.assertTrue(0.4 < time.monotonic() - begin < 3)

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
        frame = struct.pack("=HHIIiQ", played.EXITED, 1, 1, 1, 0, 0)
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
        h.call("run", {"profile": "shell", "code": "sleep 0.5; wc -c", "stdin_open": True}, id=1)
        for i in range(5):
            h.call("exec.stdin", {"id": 1, "text": megabyte}, id=10 + i)
        answers = {}
        while len(answers) < 5:
            answer = h.answer()
            answers[answer["id"]] = answer
            if answer["id"] == 14:  # refused while the others wait
                self.assertNotIn(13, answers)
        self.assert_error(answers[14], "stdin_full")
        for i in range(10, 14):
            self.assertEqual(answers[i]["result"], {})
        h.call("exec.stdin", {"id": 1, "text": megabyte, "eof": True}, id=20)
        self.assertEqual(h.answer()["id"], 20)
        self.assert_status(h.answer(), "exited")
        self.assertEqual(h.output[1, "stdout"].strip(), b"4500000")

    def test_who_waits_for_room_is_told_when_the_program_ends(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "sleep 0.5", "stdin_open": True}, id=1)
        for i in range(4):
            h.call("exec.stdin", {"id": 1, "text": "x" * 900_000}, id=10 + i)
        answers = {a["id"]: a for a in (h.answer() for _ in range(5))}
        self.assert_status(answers[1], "exited")
        self.assert_error(answers[13], "stdin_closed")

    def test_requests_have_a_bound(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "sleep 1", "stdin_open": True}, id="run")
        for i in range(3):
            h.call("exec.stdin", {"id": "run", "text": "x" * 900_000}, id="fill%d" % i)
        for i in range(300):
            h.call("exec.stdin", {"id": "run", "text": "x"}, id=i)
        reasons = [h.answer().get("error", {}).get("data", {}).get("reason") for _ in range(304)]
        # the first fills find room; then 255 wait beside the run
        self.assertGreaterEqual(reasons.count("too_many_requests"), 300 - 255)
        self.assertGreater(reasons.count("stdin_closed"), 200)


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
        self.assertEqual(h.wait(2), 0)
        self.eventually(lambda: gone(pid), 2)
        ended = h.records()[-1]
        self.assertEqual((ended["CLOCHE_EVENT"], ended["CLOCHE_STATUS"], ended["CLOCHE_REASON"]),
                         ("exec_ended", "cancelled", "client_gone"))

    def test_sigterm_ends_it_and_is_recorded(self):
        h = self.handler()
        h.call("run", {"profile": "shell", "code": "echo on; sleep 100"})
        h.receive()
        os.kill(h.pid, signal.SIGTERM)
        self.assertEqual(h.wait(2), 0)
        self.assertEqual(h.records()[-1]["CLOCHE_EVENT"], "exec_ended")

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
        before, memory = h.descriptors(), h.memory("VmRSS")
        for i in range(300):
            self.assert_status(h.run(id=i, profile="shell", argv=["echo", "x"]), "exited")
        self.assertEqual(h.descriptors(), before)
        if not SANITIZED:
            self.assertLess(h.memory("VmRSS") - memory, 512 * 1024)

    def test_garbage_does_not_grow_it_either(self):
        h = self.handler()
        line = b"[" * 10 + b"\n"
        h.client.sendall(line * 100)
        for _ in range(100):
            self.assert_error(h.answer(), "parse_error")
        self.assertLess(h.descriptors(), 20)


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
        self.assertTrue(4.5 < time.monotonic() - begin < 7)
        self.assertTrue(silent.is_at_end())
        self.assertEqual(silent.wait(), 0)

        started.client.settimeout(40)
        self.assert_error(started.answer(), "parse_error")
        self.assertTrue(29 < time.monotonic() - begin < 35)
        self.assertTrue(started.is_at_end())

        self.assertEqual(deaf.wait(15), 0)
        self.assertTrue(29 < time.monotonic() - begin < 45)

        idle.call("server.info", id="last")
        self.assertEqual(idle.answer()["id"], "last")


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
        self.assertEqual(h.launcher.received.count(played.CLOSE), 2)

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
        import hashlib
        h = self.handler()
        code = "echo é; exit 3"
        h.run(id="r", profile="shell", code=code, env={"TOKEN": "secret", "B": ""}, timeout_ms=5000)
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
        import hashlib
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
    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "strace is not there")
    def test_it_opens_nothing_and_connects_to_nothing(self):
        with tempfile.NamedTemporaryFile() as log:
            wrapper, played.WRAPPER = played.WRAPPER, \
                ["strace", "-f", "-o", log.name, "-e",
                 "trace=open,openat,openat2,socket,connect,execve,clone,clone3,fork,vfork,bind,prctl"]
            try:
                h = self.handler()
            finally:
                played.WRAPPER = wrapper
            h.call("profile.list")
            h.answer()
            self.assert_status(h.run(profile="shell", code="cat", stdin="x"), "exited")
            self.assert_status(h.run(profile="shell", code="sleep 9", timeout_ms=100), "timeout")
            h.send(b"nonsense")
            h.answer()
            h.client.close()
            h.wait()
            with open(log.name) as f:
                calls = [line.split(None, 1)[1] for line in f]
            begin = next(i for i, c in enumerate(calls) if "PR_SET_NO_NEW_PRIVS" in c)
            # where it looks for a perturbation of its timers, sd-event can do without
            left = [c for c in calls[begin + 1:]
                    if c.startswith(("open", "socket", "connect", "execve", "clone", "fork", "vfork",
                                     "bind")) and "boot_id" not in c and "machine-id" not in c]
            self.assertEqual(left, [])


@unittest.skipUnless(os.getuid() == 0, "needs root")
class RealGuests(Case):
    """With cloche-guest itself, in namespaces of its own."""

    def test_a_run_from_end_to_end(self):
        h = self.handler(guest=RealGuest)
        answer = h.run(profile="shell", code="cat; id -u; echo e > /dev/stderr; exit 3", stdin="in\n")
        self.assert_status(answer, "exited", exit_code=3)
        self.assertEqual(h.output, {(1, "stdout"): b"in\n1000\n", (1, "stderr"): b"e\n"})
        self.assert_status(h.run(id=2, code="import sys; print(sys.argv)"), "exited")
        self.assertEqual(h.output[2, "stdout"], b"['/run/cloche/1/main']\n")

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
        h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": 1}})
        self.assert_status(h.answer(), "cancelled")
        self.eventually(lambda: subprocess.run(["pgrep", "-f", mark], stdout=subprocess.DEVNULL)
                        .returncode == 1, 5)

    def test_without_a_launcher_the_guest_ends_with_its_channel(self):
        h = self.handler(guest=RealGuest)
        h.call("run", {"profile": "shell", "code": "echo on; sleep 1000"})
        h.receive()
        guest, = h.launcher.sandboxes.values()
        h.launcher.sandboxes.clear()  # it will kill nothing
        h.launcher.vanish()
        self.assert_status(h.answer(), "sandbox_died", reason="launcher_lost")
        guest.process.wait(5)


class Transcripts(Case):
    """tests/wire/*.jsonl, which the system tests play against the real service."""

    def test_all(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "socket")
            service = played.Service(HANDLER, path)
            self.addCleanup(service.close)
            files = sorted(f for f in os.listdir(HERE) if f.endswith(".jsonl"))
            self.assertGreater(len(files), 5)
            subprocess.run([sys.executable, os.path.join(HERE, "run-transcript.py"), path,
                            *(os.path.join(HERE, f) for f in files)], check=True)

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
