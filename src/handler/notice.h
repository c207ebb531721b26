/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a client hears unasked: output while it runs, and the end of a sandbox. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* The notification of one piece of output of the run with this id (borrowed, like data): text as it
 * is, which must be UTF-8, anything else as base64. Returns 0 or -ENOMEM. */
int notice_format_output(json_object *id, const char *stream, const char *data, size_t size,
                         bool is_text, json_object **ret);

/* The notification that a sandbox ended by itself. Returns 0 or -ENOMEM. */
int notice_format_ended(const char *sandbox, const char *reason, json_object **ret);
