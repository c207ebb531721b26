# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a task is written with: an agent at the other end of Cloche's socket, who sends code and files
and judges what comes back."""

import base64

from client import Client, Ended, Running

# Of one message: file.put takes no more at once, and JSON needs room around it.
PIECE = 500_000
# Seconds until a task is given up. The machine is slow, and may have others to serve.
PATIENCE = 240


def as_content(data):
    """Bytes or text, as a parameter of the protocol."""
    if isinstance(data, bytes):
        return {"base64": base64.b64encode(data).decode()}
    return {"text": data}


def content_of(entry):
    return base64.b64decode(entry["base64"]) if "base64" in entry else entry["text"].encode()


class Done(Ended):
    """What came of one piece of code or one program."""

    def __init__(self, result, stdout, stderr):
        super().__init__(result, stdout, stderr)
        self.out = stdout.decode()
        self.err = stderr.decode()
        self.results = result.get("results", [])
        self.error = result.get("error")
        self.wall = self.usage["wall_usec"] / 1e6

    def __repr__(self):
        shown = {**self.result, "results": [{kind: text[:500] for kind, text in r.items()}
                                            for r in self.results]}
        shown.pop("files", None)
        return f"{shown} stdout={self.out[-2000:]!r} stderr={self.err[-2000:]!r}"

    @property
    def files(self):
        """The content of each file that a run gave back, by its path."""
        for entry in self.result["files"]:
            assert "problem" not in entry, entry
        return {entry["path"]: content_of(entry) for entry in self.result["files"]}

    @property
    def value(self):
        """The only result, as text."""
        (result,) = self.results
        return result["text/plain"]

    @property
    def pictures(self):
        return [base64.b64decode(r["image/png"]) for r in self.results if "image/png" in r]


class Agent:
    """Has one connection, and remembers what everything it had done has used."""

    def __init__(self, mode):
        self.client: Client = mode.connect()
        self.done = []

    def start(self, method, **params):
        """For who wants to do something while it runs; `finish` what comes of it."""
        return Running(self.client, self.client.send(method, params))

    def finish(self, running):
        result = self.client.answer(running.id, PATIENCE)
        self.done.append(Done(result, running.stdout, running.stderr))
        return self.done[-1]

    def run(self, profile, code=None, *, argv=None, files=None, collect=(), **params):
        """One program in a sandbox of its own."""
        if code is not None:
            params["code"] = code
        if argv is not None:
            params["argv"] = argv
        if files:
            params["files"] = [{"path": path, **as_content(data)} for path, data in files.items()]
        if collect:
            params["collect"] = list(collect)
        return self.finish(self.start("run", profile=profile, **params))

    def open(self, profile, files=None, **params):
        """A sandbox that stays, with these files in it."""
        sandbox = Sandbox(self, profile, params)
        for path, data in (files or {}).items():
            sandbox.put(path, data)
        return sandbox


class Sandbox:
    def __init__(self, agent, profile, params):
        self.agent = agent
        self.id = agent.client.call("sandbox.open", {"profile": profile, **params},
                                    PATIENCE)["sandbox"]

    def call(self, method, **params):
        return self.agent.client.call(method, {"sandbox": self.id, **params}, PATIENCE)

    def start(self, code=None, *, argv=None, **params):
        what = {"code": code} if argv is None else {"argv": list(argv)}
        return self.agent.start("sandbox.exec", sandbox=self.id, **what, **params)

    def code(self, code, **params):
        return self.agent.finish(self.start(code, **params))

    def argv(self, *argv, **params):
        return self.agent.finish(self.start(argv=argv, **params))

    def put(self, path, data):
        data = data if isinstance(data, bytes) else data.encode()
        for offset in range(0, max(len(data), 1), PIECE):
            at = {"offset": offset} if offset else {}
            self.call("file.put", path=path, **as_content(data[offset:offset + PIECE]), **at)

    def get(self, path):
        data = b""
        while True:
            piece = self.call("file.get", path=path, offset=len(data))
            data += content_of(piece)
            if piece["eof"]:
                return data

    def list(self, path="/work"):
        entries = self.call("file.list", path=path, recursive=True)["entries"]
        return {entry["name"]: entry for entry in entries}
