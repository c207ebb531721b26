/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connection with somebody waiting at it: one request after the other, each waited for unless a
 * signal comes first. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/address.h"
#include "client/connection.h"

typedef struct Session {
        const Address *address; /* borrowed */
        Connection *connection;
        int signal_fd; /* -EBADF: signals do what they always do */
        int signo;     /* the signal that ended a wait, 0 when none did */
        uint64_t last_id;
        bool answered; /* something came */
} Session;

#define SESSION_NONE ((Session){ .signal_fd = -EBADF })
void session_done(Session *s);
#define _cleanup_session_ _cleanup_(session_done)

/* Connects; address is borrowed. Logging. Returns 0 or -errno. */
int session_open(Session *s, const Address *address);

/* From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT are blocked and read, those excepted that were
 * ignored. Logging. Returns 0 or -errno. */
int session_take_signals(Session *s);

/* Takes one signal and keeps its number in s->signo. Returns whether there was one. */
bool session_take_signal(Session *s);

/* Queues a request; params is consumed. Returns its id in *ret_id. Logging when it is longer than a
 * request may be. Returns 0, -E2BIG or -ENOMEM. */
int session_send(Session *s, const char *method, json_object *params, uint64_t *ret_id);

/* Waits for the next message. Returns 0, -EINTR after a signal, -ECONNRESET at the end of the
 * connection, -EBADMSG for what is not the protocol, another -errno. */
int session_receive(Session *s, json_object **ret);

/* Whether this message answers that request, or is an error without an id, which then answers
 * everything. */
bool session_is_answer(json_object *message, uint64_t id);

/* Takes an answer apart. Returns 0 with the result, -EREMOTEIO with the error, -EBADMSG. Both are
 * borrowed. */
int session_take_answer(json_object *message, json_object **ret_result, json_object **reterr);

/* Asks and waits for the answer; notifications are passed over. Returns 0 with the result, which is
 * owned by the caller; -EREMOTEIO with the error in *reterr, which is too; else as
 * session_receive(). */
int session_call(Session *s, const char *method, json_object *params, json_object **ret_result,
                 json_object **reterr);

/* Tells what one of these returned, and nothing of an -EINTR. error may be NULL. Returns the code to
 * exit with. */
int session_tell(const Session *s, int r, json_object *error);

/* The reason in an error, "" when it has none; borrowed. */
const char *session_reason_of(json_object *error);

/* One request and its answer on a connection of their own, for the verbs that need no more; signals
 * do what they always do. *ret_result is owned by the caller. Logging. Returns 0, or -errno:
 * -EREMOTEIO when the answer was an error. */
int session_ask(const Address *address, const char *method, json_object **ret_result);
