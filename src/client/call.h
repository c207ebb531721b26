/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connection begun, and what every verb says when the service cannot be reached, answers an error
 * or goes away. Logging: each failure is told on stderr here. */

#include <json-c/json.h>

#include "client/address.h"
#include "client/connection.h"

/* Connects. Returns 0 or -errno. */
int call_connect(const Address *address, Connection **ret);

/* An "error" member of an answer. */
void call_show_error(json_object *error);

/* The connection ended (error 0) or failed (-errno) before the answer. answered says whether
 * anything had come before that. */
void call_show_lost(const Address *address, int error, bool answered);
