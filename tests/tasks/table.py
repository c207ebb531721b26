# SPDX-License-Identifier: LGPL-2.1-or-later

"""What each task has used, as a table for people and as JSON for programs."""

import json

COLUMNS = ("task", "mode", "outcome", "executions", "status", "wall_s", "cpu_s", "memory_mib",
           "elapsed_s")
WORDS = ("task", "mode", "outcome", "status")
rows = []


def add(task, mode, outcome, done, elapsed):
    """`done`: what came of each execution of the task; their results say what it used: wall and CPU
    time in seconds of all together, and the most memory of any in MiB. `elapsed`: seconds of the
    whole task, with making the sandbox and with checking."""
    used = [d.usage for d in done]
    cpu = sum(u.get("cpu_user_usec", 0) + u.get("cpu_system_usec", 0) for u in used)
    memory = max((u.get("memory_peak_bytes", 0) for u in used), default=0)
    rows.append({"task": task, "mode": mode, "outcome": outcome, "executions": len(done),
                 "status": "+".join(dict.fromkeys(d.status for d in done)) or "-",
                 "wall_s": round(sum(u["wall_usec"] for u in used) / 1e6, 2),
                 "cpu_s": round(cpu / 1e6, 2), "memory_mib": round(memory / (1 << 20), 1),
                 "elapsed_s": round(elapsed, 2)})


def lines():
    table = [COLUMNS] + [tuple(str(row[c]) for c in COLUMNS) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    for words in table:
        yield "  ".join(word.ljust(width) if name in WORDS else word.rjust(width)
                        for name, word, width in zip(COLUMNS, words, widths)).rstrip()
    yield "tasks.json " + json.dumps(rows, separators=(",", ":"))
