/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A sandbox that a client holds on to, from its request to open it to the word that it has ended. */

#include "handler/request.h"
#include "handler/sandbox.h"

/* Opens one; the request is answered when it is ready. env may be NULL. Returns 0, a METHOD_E_… or
 * -errno. */
int session_open(Handler *h, Request *request, const char *profile, const LauncherLimits *limits,
                 json_object *env);

/* Closes it (s is one that sandbox_find() found); the request is answered when all is dead. */
void session_close(Sandbox *s, Request *request);
