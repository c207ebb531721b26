#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An OpenAI-compatible model on loopback that does not think: it calls the tools of a script in
their order and then says what the last of them returned. Everything around it, the agent, its tools
and what they do, is real.

  scripted_model.py SCRIPT LOG

SCRIPT is a JSON file: [{"tool": NAME, "arguments": {…}}, …]. In an argument's string, "{sandbox}"
stands for the sandbox that an earlier call has opened. Says the port that it listens on, as one line
on stdout. LOG gets each request's tools and last message, one JSON object a line."""

import http.server
import json
import re
import sys

SCRIPT, LOG = sys.argv[1:]
MODEL = "scripted"


def text_of(content):
    """A message's content is text, or parts of which some are."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


def fill(value, sandbox):
    if isinstance(value, dict):
        return {k: fill(v, sandbox) for k, v in value.items()}
    return value.replace("{sandbox}", sandbox) if isinstance(value, str) else value


def next_move(request):
    """The call that is next, or what to say at the end."""
    with open(SCRIPT, encoding="utf-8") as file:
        script = json.load(file)
    results = [text_of(m["content"]) for m in request["messages"] if m["role"] == "tool"]
    if len(results) >= len(script):
        return {"content": f"The tools say: {results[-1]}"}
    sandbox = re.search(r'"sandbox": ?"([0-9a-f]+)"', "".join(results))
    move = script[len(results)]
    name = next((t["function"]["name"] for t in request.get("tools", [])
                 if t["function"]["name"].endswith(move["tool"])), None)
    if name is None:
        return {"content": f"There is no tool {move['tool']}"}
    arguments = json.dumps(fill(move["arguments"], sandbox[1] if sandbox else ""))
    return {"tool_calls": [{"index": 0, "id": f"call_{len(results)}", "type": "function",
                            "function": {"name": name, "arguments": arguments}}]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        self.answer("application/json", json.dumps(
            {"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode())

    def do_POST(self):  # pylint: disable=invalid-name
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        move = next_move(request)
        with open(LOG, "a", encoding="utf-8") as log:
            print(json.dumps({"tools": [t["function"]["name"] for t in request.get("tools", [])],
                              "last": request["messages"][-1], "move": move}), file=log)
        reason = "tool_calls" if "tool_calls" in move else "stop"
        head = {"id": "chat", "created": 0, "model": MODEL}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not request.get("stream"):
            self.answer("application/json", json.dumps(head | {
                "object": "chat.completion", "usage": usage, "choices": [
                    {"index": 0, "finish_reason": reason,
                     "message": {"role": "assistant", "content": None} | move}]}).encode())
            return
        chunks = [{"choices": [{"index": 0, "delta": {"role": "assistant"} | move,
                                "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
                  {"choices": [], "usage": usage}]
        lines = [json.dumps(head | {"object": "chat.completion.chunk"} | c) for c in chunks]
        self.answer("text/event-stream",
                    "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
