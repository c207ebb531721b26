# SPDX-License-Identifier: LGPL-2.1-or-later
"""The backend of matplotlib under the driver: figures are drawn in memory, and shown to the client as
PNG pictures."""

import io

from matplotlib import _pylab_helpers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backend_bases import FigureManagerBase

import cloche_driver


class Picture:
    """A figure as it was when it was shown."""

    def __init__(self, figure):
        memory = io.BytesIO()
        figure.savefig(memory, format="png")
        self.png = memory.getvalue()
        self.name = repr(figure)

    def __repr__(self):
        return self.name

    def _repr_png_(self):
        return self.png


class FigureManager(FigureManagerBase):
    """pyplot.show() shows all figures and closes them, so that each is seen once."""

    @classmethod
    def pyplot_show(cls, *, block=None):
        for manager in list(_pylab_helpers.Gcf.get_all_fig_managers()):
            cloche_driver.show(Picture(manager.canvas.figure))
            _pylab_helpers.Gcf.destroy(manager)

    def show(self):
        cloche_driver.show(Picture(self.canvas.figure))


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
