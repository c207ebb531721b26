# SPDX-License-Identifier: LGPL-2.1-or-later

"""One datagram, and the descriptors that come with it."""

import array
import socket


def send_fds(sock, data, fds):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def receive(sock, size=8192):
    """One datagram and its descriptors; (b"", []) at the end."""
    try:
        data, ancillary, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(20 * 4),
                                             socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    fds = array.array("i")
    for _, _, content in ancillary:
        fds.frombytes(content[:len(content) - len(content) % 4])
    return data, list(fds)
