/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client's side: bytes in as lines, messages out, with every bound of a connection kept. What
 * the lines mean is its owner's. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef enum ConnectionFault {
        CONNECTION_FAULT_TOO_LONG,   /* a line beyond LINE_SIZE_MAX */
        CONNECTION_FAULT_TIMEOUT,    /* HANDSHAKE_TIMEOUT_USEC or LINE_TIMEOUT_USEC is over */
        CONNECTION_FAULT_UNFINISHED, /* the client stopped sending in the middle of a line */
} ConnectionFault;

/* All are called from the event loop. None may free the connection. */
typedef struct ConnectionEvents {
        void (*on_line)(const char *line, size_t size, void *userdata); /* line is borrowed */
        void (*on_fault)(ConnectionFault fault, void *userdata);        /* no line comes after it */
        void (*on_end)(void *userdata);  /* the client sends no more; it may still read */
        void (*on_room)(void *userdata); /* no longer congested, or all has been taken */
        void (*on_gone)(void *userdata); /* the client takes no more: the last call */
} ConnectionEvents;

typedef struct Connection Connection;

/* fd is the client's socket, consumed also on failure. Nothing is read before
 * connection_begin(). Returns 0 or -errno. */
int connection_new(Connection **ret, sd_event *event, int fd, const ConnectionEvents *events,
                   void *userdata);
Connection *connection_free(Connection *c);

/* Begins to read; the handshake's time runs from here. Returns 0 or -errno. */
int connection_begin(Connection *c);

/* Queues one message as a line. message is consumed; NULL is -ENOMEM. Returns 0 or -errno. */
int connection_send(Connection *c, json_object *message);

/* Whether more is queued than may be: whoever sends what was not asked for must wait for on_room.
 * Requests are not read either. */
bool connection_is_congested(const Connection *c);

/* Whether everything that was queued has been taken. */
bool connection_is_flushed(const Connection *c);

/* Handles no line for this long; what is queued still goes out. */
int connection_hold(Connection *c, uint64_t usec);

/* Reads no more and queues no more; what is queued still goes out. */
void connection_finish(Connection *c);
