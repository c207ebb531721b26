# SPDX-License-Identifier: LGPL-2.1-or-later
"""The driver of Python, as cloche-driver(7) wants one: runs one piece of code after another in one
interpreter.

The code runs in a module __main__ of its own. The value of an expression at its end is a result, as is
what it gives to display(), and each figure of matplotlib that is open at its end. `await` works at the top
level. All else that IPython knows (%magic, !shell, IPython.display) works where the image has IPython, which
is loaded when code asks for it and not before: it takes longer to load than all the rest.

Whatever the code does to its streams, its environment or its signals, the next piece begins with new ones.
A child that comes back here from a fork ends here.
"""

# Modules that the code brings along must not be ours by accident: what is in PYTHONPATH comes later.
import os
import sys

whole_path = sys.path[:]
sys.path[:] = [path for path in sys.path if path not in os.environ.get("PYTHONPATH", "").split(":")]

# pylint: disable=wrong-import-position
import ast
import atexit
import builtins
import ctypes
import gc
import importlib.util
import io
import json
import linecache
import re
import select
import signal
import threading
import traceback
import types

import cloche_format

LINE_MAX = 1 << 20  # bytes of one reply, as cloche-driver(7) has it
TEXT_MAX = 200_000  # characters of a text/plain; of more the middle is left out, as it is of …
ERROR_MAX = 15_000  # … an error's value and its traceback: 60 kB at most, whatever the characters
NO_MODULE = ("There is no network here to download it: modules come with the profile's image. A wheel that "
             "was put into the sandbox is installed by `pip install --no-deps --target=/work FILE.whl`.")
IPYTHON_SYNTAX = re.compile(r"^\s*[%!?]|\?\s*$|=\s*[%!]", re.MULTILINE)  # what might be
CO_COROUTINE = 0x80  # as in inspect, which is slow to import


class Interrupts:
    """SIGINT ends code while code runs, and nothing else; and never in the middle of a reply. One that comes
    before the code has begun is for that code if that was sent already, and else for code that is through."""

    def __init__(self):
        self.running = self.starting = self.held = self.pending = False

    def listen(self):
        signal.signal(signal.SIGINT, self.interrupt)

    def interrupt(self, _number, _frame):
        if self.running and not self.held:
            raise KeyboardInterrupt
        if self.running or self.starting or select.select([commands], [], [], 0)[0]:
            self.pending = True

    def release(self):
        """Now is a good moment for one that came before."""
        self.held = False
        if self.running and self.pending:
            self.pending = False
            raise KeyboardInterrupt


class Replies:
    """The way back to Cloche, which only the driver's own process may use."""

    def __init__(self, fd):
        self.fd = fd
        self.pid = os.getpid()
        self.number = None  # of the code that runs
        self.lock = threading.Lock()

    def is_ours(self):
        return os.getpid() == self.pid

    def write(self, line):
        with self.lock:
            is_main = threading.current_thread() is threading.main_thread()
            interrupts.held = interrupts.held or is_main
            try:
                while line:
                    line = line[os.write(self.fd, line):]
            finally:
                if is_main:
                    interrupts.release()

    def send(self, message):
        """False when it is too long."""
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if len(line) > LINE_MAX:
            return False
        if self.is_ours():
            self.write(line)
        return True

    def send_result(self, data):
        """As much of it as can be sent."""
        while not self.send({"result": self.number, "data": data}):
            kind = max(data.keys() - {"text/plain"}, key=lambda k: len(data[k]))
            del data[kind]
            data["text/plain"] += f"\n[{kind}: too large to be shown, save it to a file instead]"


def send_result(forms):
    """Forms of something, by media type: strings, bytes, or what can be JSON."""
    data = cloche_format.encode_all({"text/plain": "", **forms})
    data["text/plain"] = cloche_format.cut(data["text/plain"], TEXT_MAX)
    if replies.number is not None:
        replies.send_result(data)


def forms_of(value):
    if ipython.shell:
        return ipython.shell.display_formatter.format(value)[0]
    figure = sys.modules.get("matplotlib.figure")
    if figure and isinstance(value, figure.Figure):
        import cloche_matplotlib  # pylint: disable=import-outside-toplevel
        return cloche_matplotlib.picture_of(value)
    return cloche_format.forms_of(value)


def display(*values, **_options):
    """Shows each value in all the forms that it has."""
    for value in values:
        send_result(forms_of(value))


class IPython:
    """IPython, from the moment that code asks for it. As a finder of modules it hears of an import."""

    def __init__(self):
        self.shell = None

    def find_spec(self, name, _path=None, _target=None):
        if name != "IPython":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec:
            execute_module = spec.loader.exec_module

            def exec_module(module):
                execute_module(module)
                self.load()
            spec.loader.exec_module = exec_module
        return spec

    def load(self):
        """The shell, None where there is no IPython."""
        if not self.shell and importlib.util.find_spec("IPython"):
            import cloche_ipython  # pylint: disable=import-outside-toplevel
            self.shell = cloche_ipython.make_shell(main)
        return self.shell


def parse(source, name):
    """The code as a tree; IPython's syntax only where it is none of Python's."""
    if "get_ipython" in source:
        ipython.load()
    try:
        return ast.parse(source, name)
    except SyntaxError as error:
        if not IPYTHON_SYNTAX.search(source) or not ipython.load():
            raise error.with_traceback(None)
        return ast.parse(ipython.shell.transform_cell(source), name)


def take_apart(source, name):
    """The code, and the expression at its end whose value is a result (or None)."""
    tree = parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return (compile(tree, name, "exec", flags, dont_inherit=True),
                compile(last, name, "eval", flags, dont_inherit=True) if last else None)
    except SyntaxError as error:
        raise error.with_traceback(None)


class Loop:
    """The event loop of code with `await` at its top level."""

    def __init__(self):
        self.loop = None

    def run(self, coroutine):
        import asyncio  # pylint: disable=import-outside-toplevel; it is slow to import
        if not self.loop:
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        task = self.loop.create_task(coroutine)
        try:
            self.loop.run_until_complete(asyncio.wait([task]))
        except BaseException as error:
            if task.done():
                raise task.exception() or error
            task.cancel()
            self.loop.run_until_complete(asyncio.wait([task]))
            try:
                task.result()
            except asyncio.CancelledError as cancelled:
                raise error.with_traceback(cancelled.__traceback__) from None  # where the code was
            raise
        return task.result()


def evaluate(code):
    value = eval(code, main.__dict__)  # pylint: disable=eval-used
    if code.co_flags & CO_COROUTINE:
        value = loop.run(value)
    return value


def show_figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot and pyplot.get_fignums():
        import cloche_matplotlib  # pylint: disable=import-outside-toplevel
        cloche_matplotlib.show_all()


def execute(source, name):
    code, last = take_apart(source, name)
    evaluate(code)
    if last:
        value = evaluate(last)
        if value is not None:
            builtins._ = value
            display(value)
    show_figures()


def say(text):
    """On stderr, if the code has left one."""
    try:
        sys.stderr.write(text)
    except Exception:  # pylint: disable=broad-except; code may put anything there, or close it
        pass


def exit_code_of(error):
    """As the interpreter itself would end with this SystemExit."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    say(f"{error.code}\n")
    return 1


def hide_ours(report):
    """Takes our own frames out of a traceback, and out of those that led to it."""
    while report:
        report.stack = traceback.StackSummary.from_list(
            frame for frame in report.stack if os.path.dirname(frame.filename) != here)
        report = report.__cause__ or report.__context__


def is_missing(name):
    """Whether there is nothing at all of that module."""
    try:
        return not importlib.util.find_spec(name.partition(".")[0])
    except Exception:  # pylint: disable=broad-except; an error of this class may say anything
        return False


def describe(error):
    """An error as the client gets it; a person finds it on stderr."""
    if isinstance(error, ModuleNotFoundError) and is_missing(error.name):
        error.add_note(NO_MODULE)
    report = traceback.TracebackException.from_exception(error)
    hide_ours(report)
    text = cloche_format.cut(cloche_format.clean("".join(report.format())), ERROR_MAX)
    try:
        value = str(error)
    except Exception:  # pylint: disable=broad-except; an error may be wrong itself
        value = "<its __str__() fails>"
    say(text)
    return {"name": type(error).__name__, "traceback": text,
            "value": cloche_format.cut(cloche_format.clean(value), ERROR_MAX)}


def guard(source, name):
    """Returns the exit code, and the error that it ended by or None."""
    try:
        try:
            interrupts.running = True
            interrupts.release()
            execute(source, name)
        finally:
            interrupts.running = interrupts.pending = False
    except SystemExit as error:
        return exit_code_of(error), None
    except BaseException as error:  # pylint: disable=broad-except
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        try:
            return code, describe(error)
        except BaseException as another:  # pylint: disable=broad-except; there may be no memory left
            return code, {"name": type(error).__name__, "value": "", "traceback": repr(another)}
    return 0, None


def open_stream(fd):
    """As the interpreter makes it, which may have been told not to buffer."""
    raw = io.FileIO(fd, "w", closefd=False)
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(raw if unbuffered else io.BufferedWriter(raw), encoding="utf-8",
                            errors="backslashreplace", line_buffering=True, write_through=unbuffered)


def connect(directory):
    """Makes the streams of this piece of code 0, 1 and 2."""
    for fd, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        opened = os.open(f"{directory}/fd/{fd}", flags)
        os.dup2(opened, fd, inheritable=True)
        if opened != fd:
            os.close(opened)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = sys.__stdout__ = open_stream(1)
    sys.stderr = sys.__stderr__ = open_stream(2)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # pylint: disable=broad-except; code may put anything there, or close it
            pass


def disconnect():
    flush()
    for fd in (0, 1, 2):
        os.dup2(nothing, fd, inheritable=True)
    flush()  # what nobody would take must not come out with the next code's output


class Surroundings:
    """The environment and the directory of one piece of code, and those to come back to."""

    def __init__(self, env, cwd):
        self.env = {name: os.environ.get(name) for name in env}
        self.cwd = os.getcwd() if cwd is not None else None
        os.environ.update(env)
        if cwd is not None:
            os.chdir(os.path.join(home, cwd))  # Cloche has looked that it is there

    def leave(self):
        for name, value in self.env.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self.cwd is not None:
            os.chdir(self.cwd)


def done(number, code, error):
    replies.send({"done": number, "exit_code": code, **({"error": error} if error else {})})


def run(command):
    number, path = command["run"], command["path"]
    try:
        connect(os.path.dirname(path))
    except OSError:  # it was ended before it began
        disconnect()
        done(number, 1, None)
        return
    replies.number = number
    with open(path, encoding="utf-8") as file:
        source = file.read()
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    main.__file__ = sys.argv[0] = path
    interrupts.listen()
    surroundings = Surroundings(command.get("env", {}), command.get("cwd"))
    code, error = guard(source, path)
    if not replies.is_ours():  # a child of the code, which came back here
        flush()
        os._exit(code)
    if command.get("last"):
        end(number, code, error)
    surroundings.leave()
    disconnect()
    replies.number = None
    done(number, code, error)


def let_go():
    """What Python does to the objects of a program when it ends: they may have something to say at their end, and
    C libraries what they have kept to write. Python itself does it all over again, with every module that was
    loaded, which takes longer than most programs run; what such a module holds is not heard any more."""
    if threading.active_count() == 1:  # others would find their names gone; Python lets them run no further
        builtins._ = None
        names = [name for name in main.__dict__ if not name.startswith("__")]
        for name in sorted(names, key=lambda name: not name.startswith("_")):
            main.__dict__[name] = None
        gc.collect()
    flush()
    ctypes.CDLL(None).fflush(None)


def end(number, code, error):
    """Ends as a program does: threads are awaited, exit handlers called and objects let go of before it is
    done. Its streams end then, and Python does not: what it would do now is for nobody (see let_go), and takes
    the processor from those who pass the result on. Cloche ends it."""
    def tell():
        let_go()
        interrupts.running = False
        disconnect()
        done(number, code, error)
        os.read(commands.fileno(), 1)  # which comes to an end with everything else
    ends.append(tell)
    interrupts.running = True
    sys.exit(code)


def tell_end():
    """The last of the exit handlers: the first one is."""
    for tell in ends:
        tell()


commands = os.fdopen(os.dup(0), encoding="utf-8")
interrupts = Interrupts()
replies = Replies(os.dup(1))
nothing = os.open(os.devnull, os.O_RDWR)
ends = []
atexit.register(tell_end)
interrupts.listen()
disconnect()

here = os.path.dirname(os.path.abspath(__file__))
home = os.getcwd()
# our own modules are behind everything else
sys.path[:] = ["", *(path for path in whole_path if path != here), here]
sys.argv = [""]
os.environ.setdefault("MPLBACKEND", "module://cloche_matplotlib")
loop = Loop()
ipython = IPython()
sys.meta_path.insert(0, ipython)
builtins.display = display
main = types.ModuleType("__main__")
main.__dict__["__builtins__"] = builtins
driver, sys.modules["__main__"] = sys.modules["__main__"], main
sys.modules["cloche_driver"] = driver

for module in os.environ.pop("CLOCHE_PRELOAD", "").split():
    importlib.import_module(module)
gc.freeze()  # what there is now is not the code's: looking for its garbage leaves it out
replies.send({"ready": True})
for line in commands:
    interrupts.starting = True
    run(json.loads(line))
    interrupts.starting = interrupts.pending = False
