#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""From the bytes of a client to a method, and what each method answers."""

import json
import os
import socket
import unittest

import played
from case import LINE_MAX, MIB, Case
from played import CONNECTION, DIGEST

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
        self.assertEqual(set(methods), {
            "server.info", "profile.list", "run", "sandbox.open", "sandbox.exec", "sandbox.close",
            "sandbox.list", "exec.stdin", "exec.signal", "exec.resize", "exec.cancel", "file.put",
            "file.get", "file.list", "file.remove"})
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
