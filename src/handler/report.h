/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the client of a request gets to see of a running program: each piece at once, or all of it
 * in the result. What code gives back always comes there. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "handler/request.h"

typedef struct Report Report;

/* request is borrowed. captures: output goes into the result. is_code: it may have results of its own.
 * Returns 0 or -ENOMEM. */
int report_new(Report **ret, Request *request, bool captures, bool is_code);
Report *report_free(Report *r);

/* A piece of a stream, "stdout" for 0 and "stderr" for 1. */
void report_output(Report *r, unsigned stream, const char *data, size_t size, bool is_text);

/* What code gives back: an object of strings by media type, borrowed, of size bytes as JSON. Beyond
 * RESULTS_MAX or RESULTS_SIZE_MAX it is left out. */
void report_result(Report *r, json_object *data, size_t size);

/* The error that code ended by, borrowed. */
void report_error(Report *r, json_object *error);

/* Adds what was captured, results and an error to the result. Returns 0 or -ENOMEM. */
int report_finish(Report *r, json_object *result);
