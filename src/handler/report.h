/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the client of a request gets to see of a running program: each piece at once, or all of it
 * in the result. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "handler/request.h"

typedef struct Report Report;

/* request is borrowed. captures: into the result. Returns 0 or -ENOMEM. */
int report_new(Report **ret, Request *request, bool captures);
Report *report_free(Report *r);

/* A piece of a stream, "stdout" for 0 and "stderr" for 1. */
void report_output(Report *r, unsigned stream, const char *data, size_t size, bool is_text);

/* Something to show: an object of strings by media type, borrowed. */
void report_display(Report *r, json_object *data);

/* Adds what was captured to the result. Returns 0 or -ENOMEM. */
int report_finish(Report *r, json_object *result);
