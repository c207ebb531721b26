/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files that a run gives back: those that match its patterns, by name, size and content. */

#include <json-c/json.h>

#include "handler/request.h"
#include "handler/sandbox.h"
#include "wire/rpc-error.h"

typedef struct Collection Collection;

/* Called once; the collection is then freed. files (given away) is an array when failure is 0. */
typedef void (*collection_done_t)(json_object *files, int failure, const RpcProblem *problem,
                                  void *userdata);

/* patterns (borrowed) is an array of strings, relative to the directory that programs begin in.
 * Returns 0, a METHOD_E_… or -errno. */
int collection_new(Collection **ret, Sandbox *s, Request *request, json_object *patterns,
                   collection_done_t done, void *userdata);
/* For the end of the handler. */
Collection *collection_free(Collection *c);
