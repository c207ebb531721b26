#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of Cloche with nothing but Python's standard library: a sandbox with state and files.
client.py [SOCKET]"""

import base64
import itertools
import json
import os
import socket
import sys


class Cloche:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        self.ids = itertools.count(1)

    def call(self, method, **params):
        """Asks and waits for the answer; output that comes before it is printed."""
        request = {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            message = json.loads(line)
            if message.get("method") == "output":
                params = message["params"]
                data = (params["text"].encode() if "text" in params
                        else base64.b64decode(params["base64"]))
                (sys.stderr if params["stream"] == "stderr" else sys.stdout).buffer.write(data)
            elif message.get("id") == request["id"]:
                sys.stdout.flush()
                if "error" in message:
                    raise RuntimeError(message["error"])
                return message["result"]
        raise EOFError("the service closed the connection")


def find_socket():
    own = os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/"), "cloche/cloche.sock")
    return os.environ.get("CLOCHE_SOCKET") or (
        own if os.path.exists(own) else "/run/cloche/cloche.sock")


cloche = Cloche(sys.argv[1] if len(sys.argv) > 1 else find_socket())
box = cloche.call("sandbox.open", profile="python")["sandbox"]
cloche.call("file.put", sandbox=box, path="data.csv", text="a,b\n1,2\n3,4\n")
cloche.call("sandbox.exec", sandbox=box, code="import csv\nrows = list(csv.DictReader(open('data.csv')))")
ended = cloche.call("sandbox.exec", sandbox=box,  # `rows` is still there
                    code="total = sum(int(r['b']) for r in rows)\nprint('total', total)\n"
                         "with open('out.txt', 'w') as out: print(total, file=out)")
print(ended["status"], ended["exit_code"], "state", ended["state"])
file = cloche.call("file.get", sandbox=box, path="out.txt")
print("out.txt", file["size"], "bytes:", file["text"].strip())
cloche.call("sandbox.close", sandbox=box)
