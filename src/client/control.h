/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A sandbox of ours shared with other programs of the same user: they speak the service's own
 * protocol at a socket (control-name.h), with this sandbox filled in, and what they ask for goes
 * over our connection. So "cloche cp" reaches a sandbox that lives and dies with our connection. */

#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>

#include "basic/cleanup.h"
#include "client/session.h"

#define CONTROL_CLIENTS_MAX 4
#define CONTROL_POLL_MAX    (CONTROL_CLIENTS_MAX + 1)

typedef struct Control Control;

/* fd listens and is borrowed, as is session. sandbox is copied. Returns 0 or -ENOMEM. */
int control_new(Control **ret, Session *session, int fd, const char *sandbox);
Control *control_free(Control *c);
DEFINE_CLEANUP(Control, control_free)
#define _cleanup_control_ _cleanup_(control_freep)

/* What to wait for, and what came of it. The second returns 0 or -errno of our own connection or of
 * memory; a client that does what it should not is let go. */
void control_prepare(const Control *c, struct pollfd p[static CONTROL_POLL_MAX]);
int control_dispatch(Control *c, const struct pollfd p[static CONTROL_POLL_MAX]);

/* Whether a message of the service is for one of the clients; it is then passed on. */
bool control_take_message(Control *c, json_object *message);
