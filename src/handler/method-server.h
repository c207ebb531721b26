/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* server.info: who is served by what, within which limits, with which methods. */

#include "handler/methods.h"

int method_server_info(Handler *h, Request *request, const void *params, RpcProblem *reterr);

/* The limits a client can meet, by the names they have in server.info: the i-th name, NULL behind
 * the last, with its value. Pure. */
const char *method_server_limit(size_t i, uint64_t *ret_value);
