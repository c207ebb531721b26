/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Our stdin on its way to the program: read only when the service has answered what was sent
 * before, so that never more than SOURCE_OUTSTANDING_MAX pieces are under way. */

#include <stdbool.h>
#include <stdint.h>

#include "client/connection.h"

#define SOURCE_OUTSTANDING_MAX 2

typedef struct Source {
        int fd;        /* borrowed; -EBADF once there is nothing more to send */
        uint64_t exec; /* id of the run request */
        uint64_t outstanding[SOURCE_OUTSTANDING_MAX]; /* ids of requests, 0 where there is none */
        bool is_terminal;
} Source;

void source_init(Source *s, int fd, uint64_t exec);

/* Whether fd should be polled for input. A terminal that belongs to another job at the moment is
 * not: *ret_again then says to ask again soon. */
bool source_is_wanted(Source *s, bool *ret_again);

/* Reads once and queues it as request id, the end as well. Returns 0 or -errno of the connection or
 * of memory; that stdin cannot be read is its end, with the reason in *reterr_read (-errno, else
 * 0). */
int source_dispatch(Source *s, Connection *c, uint64_t id, int *reterr_read);

/* An answer to request id; an error means that the program takes no more. Returns whether the request
 * was one of ours. */
bool source_answered(Source *s, uint64_t id, bool is_error);
