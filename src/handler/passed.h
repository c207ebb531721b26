/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The descriptors that the service manager has passed, told apart by what they are. */

#include "handler/handler.h"

/* Finds a unix stream socket (the client), a unix seqpacket socket (the launcher) and a unix
 * datagram socket (journald) among the passed descriptors; -EBADF for what is not there. They stay
 * open and close on exec. Returns 0, or -ENOTCONN when there is no client. */
int passed_find(HandlerFds *ret);
