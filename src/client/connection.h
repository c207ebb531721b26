/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client's end of one connection: requests out, messages in, one JSON-RPC message a line.
 * Nothing here waits: the caller polls connection_fd() for connection_events().
 *
 * Trust: the service is believed, but a line is still bounded and parsed strictly, because a
 * --socket may lead anywhere. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "basic/cleanup.h"
#include "basic/limits.h"

#define CONNECTION_LINE_MAX (16 * MIB) /* one message that comes in, its newline excluded */

typedef struct Connection Connection;

/* fd is a connected stream socket (consumed, also on failure). Returns 0 or -errno. */
int connection_new(Connection **ret, int fd);
Connection *connection_free(Connection *c);
DEFINE_CLEANUP(Connection, connection_free)
#define _cleanup_connection_ _cleanup_(connection_freep)

int connection_fd(const Connection *c);
short connection_events(const Connection *c);

/* Queues a request. params is consumed, also on failure. Returns 0, -E2BIG when the message would
 * be longer than a line may be (*reterr_size then has its length), or -ENOMEM. */
int connection_request(Connection *c, uint64_t id, const char *method, json_object *params,
                       size_t *reterr_size);

/* Queues any message, borrowed; for the end that answers. Returns 0, -E2BIG or -ENOMEM. */
int connection_send(Connection *c, json_object *message);

/* Bytes that are queued and that the socket has not taken. */
size_t connection_queued(const Connection *c);

/* Writes what the socket takes. Returns 0 or -errno. A peer that is gone is no error here: what is
 * queued is dropped, and connection_fill() comes to the end after the peer's last words. */
int connection_flush(Connection *c);

/* Reads what is there. Returns 1, 0 at the end of the connection, -errno. */
int connection_fill(Connection *c);

/* The next complete message. Returns 1, 0 when there is none yet, -EBADMSG for a line that is too
 * long or not a JSON object, -ENOMEM. */
int connection_next(Connection *c, json_object **ret);
