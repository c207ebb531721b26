# SPDX-License-Identifier: LGPL-2.1-or-later
"""The backend of matplotlib under the driver: figures are drawn in memory, and shown to the client as
PNG pictures."""

import io

from matplotlib import _pylab_helpers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backend_bases import FigureManagerBase

import cloche_driver


def picture_of(figure):
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    return {"text/plain": repr(figure), "image/png": memory.getvalue()}


def show_all():
    """Each open figure is seen once, whatever its backend."""
    for manager in list(_pylab_helpers.Gcf.get_all_fig_managers()):
        figure = manager.canvas.figure
        _pylab_helpers.Gcf.destroy(manager)
        cloche_driver.send_result(picture_of(figure))


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        show_all()

    def show(self):
        cloche_driver.send_result(picture_of(self.canvas.figure))


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
