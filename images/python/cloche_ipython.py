# SPDX-License-Identifier: LGPL-2.1-or-later
"""IPython in the driver: its syntax, its magics, and its display() as a way to Cloche. Importing this imports
IPython."""

import builtins
import os
import tempfile

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

import cloche_driver


class Publisher(DisplayPublisher):
    def publish(self, data, *_arguments, **_more):  # pylint: disable=arguments-differ
        cloche_driver.send_result(data)


class Shell(InteractiveShell):
    """It runs no code itself but for cell magics."""

    display_pub_class = Type(Publisher)
    system = InteractiveShell.system_raw  # !command has the code's own streams, and no terminal

    def enable_gui(self, gui=None):
        """There is none, and nothing to be done for `%matplotlib inline`."""


def png_of(figure):
    import cloche_matplotlib  # pylint: disable=import-outside-toplevel; it imports matplotlib
    return cloche_matplotlib.picture_of(figure)["image/png"]


def make_shell(main):
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    os.environ.setdefault("IPYTHONDIR", os.path.join(tempfile.gettempdir(), "ipython"))
    names = set(main.__dict__)
    shell = Shell.instance(config=config, user_module=main, user_ns=main.__dict__)
    for name in set(main.__dict__) - names:
        if not name.startswith("_"):
            del main.__dict__[name]
    builtins.get_ipython = shell.get_ipython
    shell.display_formatter.formatters["image/png"].for_type_by_name(
        "matplotlib.figure", "Figure", png_of)
    return shell
