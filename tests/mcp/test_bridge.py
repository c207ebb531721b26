#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche mcp` between a host and a service that are both played here: every byte passes, in both
directions and however slow one of them is, and each way it can end has its exit code. Run by meson
with the path of the program as the first argument."""

import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "client"))

from test_cloche import TestCase  # pylint: disable=wrong-import-position

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
DATA = random.Random(7).randbytes(3 << 20)  # more than all queues on the way hold together


def read_all(connection):
    data = b""
    while piece := connection.recv(1 << 16):
        data += piece
    return data


class Bridge(TestCase):
    def start_mcp(self, **options):
        return self.start("mcp", **{"stdin": subprocess.PIPE} | options)

    @staticmethod
    def hang_up(process):
        process.stdin.close()
        process.stdin = None

    def serve_raw(self, play):
        """Plays the service's end with the bare socket."""
        self.serve(lambda peer: play(peer.socket))

    def assert_ended(self, process, code, says=None, stdout=b""):
        """Takes what is left of both streams."""
        out, errors = process.communicate(timeout=20)
        self.assertEqual((process.returncode, out), (code, stdout), errors)
        if says is None:
            self.assertEqual(errors, b"")
        else:
            self.assertIn(says, errors)

    def test_a_request_and_its_answer_pass_through(self):
        def play(connection):
            self.assertEqual(connection.recv(999), REQUEST)
            connection.sendall(ANSWER)
            self.assertEqual(read_all(connection), b"")

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), ANSWER)
        self.assert_ended(process, 0)

    def test_bytes_pass_unchanged_whatever_they_are(self):
        self.serve_raw(lambda connection: connection.sendall(read_all(connection)))
        ended = self.cloche("mcp", input=DATA)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(len(ended.stdout), len(DATA))
        self.assertTrue(ended.stdout == DATA)

    def test_both_directions_flow_at_once(self):
        received = []

        def play(connection):
            sender = threading.Thread(target=lambda: connection.sendall(DATA))
            sender.start()
            received.append(read_all(connection))
            sender.join()

        self.serve_raw(play)
        ended = self.cloche("mcp", input=DATA)
        self.assertTrue(ended.stdout == DATA)
        self.doCleanups()
        self.assertTrue(received == [DATA])

    def test_what_the_service_says_after_the_end_of_input_still_comes(self):
        def play(connection):
            self.assertEqual(read_all(connection), REQUEST)
            time.sleep(0.2)
            connection.sendall(ANSWER)

        self.serve_raw(play)
        ended = self.cloche("mcp", input=REQUEST)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, ANSWER, b""))

    def test_a_service_that_does_not_read_holds_the_host_back(self):
        release = threading.Event()
        received = []

        def play(connection):
            release.wait(20)
            received.append(read_all(connection))

        self.serve_raw(play)
        process = self.start_mcp()
        os.set_blocking(process.stdin.fileno(), False)
        written = self.fill(process.stdin.fileno())
        self.assertLess(written, 2 << 20)
        release.set()
        self.hang_up(process)
        self.assert_ended(process, 0)
        self.doCleanups()
        self.assertEqual(len(received[0]), written)

    @staticmethod
    def fill(fd):
        """Writes until nothing is taken for a while. Returns how many bytes were."""
        written = 0
        while select.select([], [fd], [], 0.5)[1]:
            try:
                written += os.write(fd, bytes(1 << 16))
            except BlockingIOError:
                pass
        return written

    def test_a_host_that_does_not_read_holds_the_service_back(self):
        sent = []
        full = threading.Event()

        def play(connection):
            connection.recv(999)
            connection.setblocking(False)
            sent.append(self.fill(connection.fileno()))
            full.set()
            connection.settimeout(20)
            self.assertEqual(read_all(connection), b"")

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        self.assertTrue(full.wait(20))
        self.assertLess(sent[0], 2 << 20)
        self.hang_up(process)
        self.assertEqual(len(process.stdout.read()), sent[0])
        self.assertEqual(process.wait(20), 0)

    def test_an_idle_bridge_rests(self):
        def play(connection):
            connection.sendall(ANSWER)
            read_all(connection)

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        process.stdout.readline()
        before = self.processor_time(process.pid)
        time.sleep(0.5)
        self.assertLessEqual(self.processor_time(process.pid) - before, 1)
        self.assert_ended(process, 0)

    @staticmethod
    def processor_time(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_it_rests_while_the_host_takes_the_last_words_of_a_service_that_is_gone(self):
        self.serve_raw(lambda connection: connection.sendall(DATA[:1 << 17]))
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        time.sleep(0.3)
        before = self.processor_time(process.pid)
        time.sleep(0.5)
        self.assertLessEqual(self.processor_time(process.pid) - before, 1)
        self.assertTrue(process.stdout.read() == DATA[:1 << 17])
        self.assertEqual(process.wait(20), 125)
        self.assertIn(b"closed the connection", process.stderr.read())

    def test_connects_when_the_host_says_something_and_not_before(self):
        process = self.start_mcp()
        self.assertEqual(select.select([self.listener], [], [], 0.3)[0], [])
        process.stdin.write(REQUEST)
        process.stdin.flush()
        self.assertEqual(select.select([self.listener], [], [], 10)[0], [self.listener])

    def test_a_host_that_ends_at_once_is_no_failure(self):
        self.serve_raw(read_all)
        ended = self.cloche("mcp")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))

    def test_a_service_that_ends_first_is_told_on_stderr_alone(self):
        def play(connection):
            connection.recv(999)
            connection.sendall(ANSWER)

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        # its stdin is still open: only the service has ended
        self.assertEqual(process.wait(20), 125)
        self.assert_ended(process, 125, b"journalctl", ANSWER)

    def test_a_connection_that_is_closed_unheard_may_be_one_too_many(self):
        self.serve_raw(lambda connection: connection.recv(999))
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        self.assertEqual(process.wait(20), 125)
        self.assert_ended(process, 125, b"too many connections")

    def test_a_host_that_is_gone_ends_it_as_sigpipe_would(self):
        gone = threading.Event()

        def play(connection):
            connection.recv(999)
            gone.set()
            self.assertEqual(read_all(connection), b"")

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        self.assertTrue(gone.wait(20))
        process.stdout.close()
        self.assertEqual(process.wait(20), 141)
        self.assertEqual(process.stderr.read(), b"")

    def test_a_signal_ends_it_and_the_connection(self):
        def play(connection):
            connection.sendall(ANSWER)
            connection.recv(999)
            self.assertEqual(read_all(connection), b"")

        self.serve_raw(play)
        process = self.start_mcp()
        process.stdin.write(REQUEST)
        process.stdin.flush()
        process.stdout.readline()
        process.terminate()
        self.assertEqual(process.wait(20), -signal.SIGTERM)

    def test_a_full_disk_under_the_output_is_told(self):
        def play(connection):
            connection.sendall(ANSWER)
            read_all(connection)

        self.serve_raw(play)
        with open("/dev/full", "wb") as full:
            process = self.start_mcp(stdout=full)
            process.stdin.write(REQUEST)
            process.stdin.flush()
            self.assertEqual(process.wait(20), 125)
        self.assertIn(b"cannot write the output: No space left", process.stderr.read())

    def test_a_host_whose_pipes_are_sockets_is_served_as_well(self):
        """As Node starts its children."""
        self.serve_raw(lambda connection: connection.sendall(read_all(connection)))
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = self.start_mcp(stdin=theirs, stdout=theirs)
            sender = threading.Thread(target=lambda: (ours.sendall(DATA),
                                                      ours.shutdown(socket.SHUT_WR)))
            sender.start()
            self.assertTrue(read_all(ours) == DATA)
            sender.join()
        self.assertEqual(process.wait(20), 0)

    def test_a_missing_socket_is_told_on_stderr_alone(self):
        ended = self.cloche("--socket", f"{self.directory}/none", "mcp")
        self.assertEqual((ended.returncode, ended.stdout), (125, b""))
        self.assertIn(b"there is no such socket", ended.stderr)
        ended = self.cloche("mcp", "--socket", f"{self.directory}/none")
        self.assertEqual(ended.returncode, 125)

    def test_words_after_the_verb_are_refused(self):
        ended = self.cloche("mcp", "serve")
        self.assertEqual((ended.returncode, ended.stdout), (125, b""))
        self.assertIn(b"nothing to say after the options: serve", ended.stderr)

    def test_help_says_what_it_is_for(self):
        ended = self.cloche("mcp", "--help")
        self.assertEqual(ended.returncode, 0)
        self.assertIn(b"Model Context Protocol", ended.stdout)


if __name__ == "__main__":
    unittest.main()
