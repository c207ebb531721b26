#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plays conversations against a service: run-transcript.py [OPTION] SOCKET FILE…

    --bytewise      every byte that is sent is a packet of its own
    --cut           each file as often as it sends something: the client hangs up after its first
                    line, then after its second, …, with whatever is under way then

Each file is one connection. Its lines:
    # a comment
    > text          send this line
    < pattern       the next message that is no output of a run
    ~ pattern       the same; neighbouring ~ lines may come in any order
    = [id, s, t]    what the run has written to stream s by now is exactly t
    ? [id, s, t]    wait until it has written t
    ! shut          send no more
    ! end           the service closes the connection
A pattern is JSON. In it, "<any>", "<int>", "<string>", "<id>" and "<digest>" stand for any such
value, and a member "..." for members that are not named. "<id:S>" is an id that is kept: later lines
have it wherever they say $S$."""

import argparse
import base64
import itertools
import json
import re
import socket
import sys

TIMEOUT = 60
WILD = {
    "<any>": lambda v: True,
    "<int>": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "<string>": lambda v: isinstance(v, str),
    "<id>": lambda v: isinstance(v, str) and re.fullmatch("[0-9a-f]{32}", v),
    "<digest>": lambda v: isinstance(v, str) and re.fullmatch("sha256:[0-9a-f]{64}", v),
}


def matches(pattern, value, kept):
    if isinstance(pattern, str) and pattern in WILD:
        return bool(WILD[pattern](value))
    if isinstance(pattern, str) and pattern.startswith("<id:") and WILD["<id>"](value):
        kept[pattern[4:-1]] = value
        return True
    if isinstance(pattern, dict):
        named = {k: v for k, v in pattern.items() if k != "..."}
        return isinstance(value, dict) and named.keys() <= value.keys() and \
            ("..." in pattern or named.keys() == value.keys()) and \
            all(matches(v, value[k], kept) for k, v in named.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and len(pattern) == len(value) and \
            all(matches(p, v, kept) for p, v in zip(pattern, value))
    return type(pattern) is type(value) and pattern == value


class Failure(Exception):
    pass


class Player:
    def __init__(self, path, bytewise=False):
        self.piece = 1 if bytewise else 1 << 20
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(path)
        self.buffer = b""
        self.output = {}
        self.kept = {}

    def receive(self):
        """The next message; None at the end."""
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(1 << 16)
            except socket.timeout:
                raise Failure("nothing comes") from None
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def take_output(self, message):
        if not message or message.get("method") != "output":
            return False
        p = message["params"]
        data = p["text"].encode() if "text" in p else base64.b64decode(p["base64"], validate=True)
        key = p["id"], p["stream"]
        self.output[key] = self.output.get(key, b"") + data
        return True

    def answer(self):
        while self.take_output(message := self.receive()):
            pass
        return message

    def expect(self, patterns):
        """As many messages as patterns, in any order."""
        while patterns:
            message = self.answer()
            found = [i for i, p in enumerate(patterns) if matches(p, message, self.kept)]
            if not found:
                raise Failure("got      " + json.dumps(message, ensure_ascii=False) + "\n" +
                              "\n".join("expected " + json.dumps(p, ensure_ascii=False)
                                        for p in patterns))
            del patterns[found[0]]

    def written(self, key):
        return self.output.get(tuple(key), b"")

    def send(self, data):
        for i in range(0, len(data), self.piece):
            self.socket.sendall(data[i:i + self.piece])

    def play(self, sign, text):
        if sign == ">":
            self.send(text.encode() + b"\n")
        elif sign == "<":
            self.expect([json.loads(text)])
        elif sign == "=":
            *key, expected = json.loads(text)
            if self.written(key) != expected.encode():
                raise Failure(f"written: {self.written(key)!r}")
        elif sign == "?":
            *key, expected = json.loads(text)
            while expected.encode() not in self.written(key):
                if not self.take_output(message := self.receive()):
                    raise Failure(f"instead of output: {message}")
        elif (sign, text) == ("!", "shut"):
            self.socket.shutdown(socket.SHUT_WR)
        elif (sign, text) == ("!", "end"):
            self.expect([None])
        else:
            raise Failure("this is no line of a transcript")


def play(path, name, bytewise=False, n_lines=None):
    """Plays a file, or its first lines. Returns None, or what went wrong."""
    unordered = []
    number = 0
    player = Player(path, bytewise)
    try:
        with open(name, encoding="utf-8") as lines:
            for number, line in enumerate(itertools.islice(lines, n_lines), 1):
                sign, text = line[:1], line[2:].rstrip("\n")
                for name_kept, value in player.kept.items():
                    text = text.replace(f"${name_kept}$", value)
                if unordered and sign != "~":
                    player.expect(unordered)
                if sign == "~":
                    unordered.append(json.loads(text))
                elif sign not in "#\n":
                    player.play(sign, text)
        if n_lines is None:
            player.expect(unordered)
    except (Failure, OSError) as e:
        return f"{name}:{number}: {e}"
    finally:
        player.socket.close()
    return None


def cut(path, name):
    """Plays a file up to each line that sends something: a hang-up in as many states."""
    with open(name, encoding="utf-8") as lines:
        ends = [i for i, line in enumerate(lines, 1) if line[0] in ">!"]
    return next(filter(None, (play(path, name, n_lines=i) for i in ends)), None)


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    how = options.add_mutually_exclusive_group()
    how.add_argument("--bytewise", action="store_true")
    how.add_argument("--cut", action="store_true")
    options.add_argument("socket")
    options.add_argument("file", nargs="+")
    options = options.parse_args()
    failures = 0
    for name in options.file:
        failure = (cut(options.socket, name) if options.cut else
                   play(options.socket, name, options.bytewise))
        failures += failure is not None
        print(failure or f"{name}: ok", flush=True)
    print(f"{len(options.file) - failures} passed, {failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
