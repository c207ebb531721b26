# SPDX-License-Identifier: LGPL-2.1-or-later

"""A directory of JSON lines from several servers: who had the most failed logins, and where in our
code is the message made? Only with the usual command line tools."""

import json

SERVERS = {"alpha": 3, "beta": 5}


def files():
    for server, n in SERVERS.items():
        lines = [{"server": server, "user": user, "event": "login", "ok": i % n != 0}
                 for user in ("ann", "ben", "cleo") for i in range(30 if user == "ben" else 10)]
        yield f"logs/{server}.jsonl", "".join(json.dumps(line) + "\n" for line in lines)
    yield "src/login.py", "def login():\n    pass\n\ndef fail(user):\n    log('event=login')\n"
    yield "src/deep/er/other.py", "# nothing about it\n"


CODE = r"""set -euo pipefail
jq -r 'select(.event == "login" and (.ok | not)) | [.user, .server] | @tsv' logs/*.jsonl |
    sort | uniq -c | sort -k1,1nr -k2 | awk '{ print $2 "," $3 "," $1 }' >failed.csv
head -n 2 failed.csv
jq -s 'group_by(.server) | map({key: .[0].server, value: (map(select(.ok)) | length)}) | from_entries' \
    logs/*.jsonl --compact-output
rg --line-number --no-heading 'event=login' src
find src -name '*.py' -print0 | xargs -0 wc -l | tail -n 1 | tr -s ' '
rg --quiet 'no such thing' . || echo "not found: $?"
"""


def task(agent):
    sandbox = agent.open("shell", files=dict(files()))
    assert sandbox.code(CODE).good().splitlines() == [
        "ben,alpha,10", "ben,beta,6", '{"alpha":32,"beta":40}',
        "src/login.py:5:    log('event=login')", " 6 total", "not found: 1"]
    assert sandbox.get("failed.csv").decode().splitlines() == [
        "ben,alpha,10", "ben,beta,6", "ann,alpha,4", "cleo,alpha,4", "ann,beta,2", "cleo,beta,2"]
