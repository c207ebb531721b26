# SPDX-License-Identifier: LGPL-2.1-or-later
"""The driver of the profile `python`: runs one piece of code after another in one interpreter.

What it speaks with Cloche: on stdin a line "N PATH" for each piece of code, whose streams are beside
PATH in fd/0, fd/1 and fd/2; on stdout lines of JSON: {"ready":true} once, {"display":N,"data":{…}} for
what is to be seen, {"done":N,"exit_code":C} at each end. SIGINT ends the code, not the interpreter.

The code runs in a module __main__ of its own. The value of a last line that is an expression is
printed, as at a prompt, and shown besides when it knows how to show itself (_repr_png_ and the like).
Figures of matplotlib are shown when they are, or when the code ends. `await` works at the top level.
"""

import ast
import asyncio
import base64
import builtins
import inspect
import json
import linecache
import os
import signal
import sys
import traceback
import types

TEXT_TYPES = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_latex_": "text/latex",
}
BINARY_TYPES = {"_repr_png_": "image/png", "_repr_jpeg_": "image/jpeg"}
LINE_MAX = 1 << 20  # of one reply: a picture beyond it is left out, with a word on stderr


class Replies:
    """The way back to Cloche, which only the driver's own process may use."""

    def __init__(self, fd):
        self.file = os.fdopen(fd, "w", buffering=1, encoding="utf-8")
        self.pid = os.getpid()
        self.number = None

    def send(self, message):
        if os.getpid() == self.pid:
            self.file.write(json.dumps(message, separators=(",", ":")) + "\n")
            self.file.flush()

    def display(self, data):
        message = {"display": self.number, "data": data}
        if len(json.dumps(message)) >= LINE_MAX:
            print("too large to be shown: save it to a file instead", file=sys.stderr)
        elif self.number is not None:
            self.send(message)


def show(value):
    """Shows a value in all the forms that it has one for. Also for code to call, as display()."""
    data = {}
    for method, media_type in TEXT_TYPES.items() | BINARY_TYPES.items():
        try:
            form = getattr(value, method, lambda: None)()
        except Exception:  # noqa: a value that cannot show itself is still a value
            continue
        if isinstance(form, bytes) and method in BINARY_TYPES:
            form = base64.b64encode(form).decode()
        if isinstance(form, str):
            data[media_type] = form
    if data:
        data["text/plain"] = repr(value)
        replies.display(data)
    return bool(data)


def display(*values):
    for value in values:
        if not show(value):
            print(repr(value))


def print_value(value):
    if value is None:
        return
    builtins._ = value
    print(repr(value))
    show(value)


def show_figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot and pyplot.get_fignums():
        pyplot.show()


def take_apart(source, name):
    """The code, and the expression at its end that is to be printed (or None)."""
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return (compile(tree, name, "exec", flags, dont_inherit=True),
            compile(last, name, "eval", flags, dont_inherit=True) if last else None)


def evaluate(code):
    value = eval(code, main.__dict__)
    if code.co_flags & inspect.CO_COROUTINE:
        value = loop.run_until_complete(value)
    return value


def execute(source, name):
    code, last = take_apart(source, name)
    evaluate(code)
    if last:
        print_value(evaluate(last))
    show_figures()


def exit_code_of(error):
    """As the interpreter itself would end with this SystemExit."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def print_error():
    """The traceback without our own frames."""
    kind, error, trace = sys.exc_info()
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)


class Interrupts:
    """SIGINT ends code while code runs, and nothing else."""

    def __init__(self):
        self.running = False
        signal.signal(signal.SIGINT, self.interrupt)

    def interrupt(self, number, frame):
        if self.running:
            raise KeyboardInterrupt

    def guard(self, source, name):
        try:
            self.running = True
            execute(source, name)
            return 0
        except SystemExit as error:
            self.running = False
            return exit_code_of(error)
        except BaseException:
            self.running = False
            print_error()
            return 1
        finally:
            self.running = False


def connect(directory):
    """Makes the streams of this piece of code 0, 1 and 2."""
    for fd, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        opened = os.open(f"{directory}/fd/{fd}", flags)
        os.dup2(opened, fd, inheritable=True)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        setattr(sys, name, open(fd, "w", encoding="utf-8", errors="backslashreplace",
                                closefd=False, buffering=1))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def disconnect():
    flush()
    for fd in (0, 1, 2):
        os.dup2(nothing, fd, inheritable=True)
    flush()  # what nobody would take must not come out with the next code's output


def run(number, path):
    replies.number = number
    connect(os.path.dirname(path))
    with open(path, encoding="utf-8") as file:
        source = file.read()
    name = f"<code {number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    code = interrupts.guard(source, name)
    if os.getpid() != replies.pid:  # code that forked and came back here
        os._exit(code)
    disconnect()
    replies.number = None
    replies.send({"done": number, "exit_code": code})


commands = os.fdopen(os.dup(0), encoding="utf-8")
replies = Replies(os.dup(1))
nothing = os.open(os.devnull, os.O_RDWR)
disconnect()

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if path != here]
sys.path.append(here)  # for the backend of matplotlib, behind everything else
sys.path.insert(0, "")
sys.argv = [""]
os.environ.setdefault("MPLBACKEND", "module://cloche_matplotlib")
builtins.display = display
main = types.ModuleType("__main__")
main.__dict__["__builtins__"] = builtins
driver, sys.modules["__main__"] = sys.modules["__main__"], main
sys.modules["cloche_driver"] = driver
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
interrupts = Interrupts()

replies.send({"ready": True})
for line in commands:
    number, path = line.split(" ", 1)
    run(int(number), path.rstrip("\n"))
