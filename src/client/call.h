/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One request and its answer, for the verbs that need no more, and what every verb says when the
 * service cannot be reached or answers an error. Logging: each failure is told on stderr here. */

#include <json-c/json.h>

#include "client/address.h"
#include "client/connection.h"

/* Connects. Returns 0 or -errno. */
int call_connect(const Address *address, Connection **ret);

/* Asks and waits. *ret_result is owned by the caller. Returns 0, or -errno: -EREMOTEIO when the
 * answer was an error. */
int call(const Address *address, const char *method, json_object **ret_result);

/* An "error" member of an answer. */
void call_show_error(json_object *error);

/* The connection ended (error 0) or failed (-errno) before the answer. answered says whether
 * anything had come before that. */
void call_show_lost(const Address *address, int error, bool answered);
