/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one door to json-c. Parsing a peer's bytes goes through json_parse(), which is stricter than
 * json-c: RFC 8259 grammar, UTF-8 without surrogates, no NUL character, no duplicate member names,
 * bounded depth and members, integers within ±JSON_INTEGER_MAX and no number that a double cannot
 * hold. Everything that owns a json_object here is declared _cleanup_json_. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"
#include "basic/utf8.h"

static inline void cleanup_json(json_object **o) {
        (void)json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* Parses exactly one value (white space around it is allowed). Pure. Returns 0, with NULL in *ret
 * for the value null; -EBADMSG for text that is not strict JSON; -E2BIG when it is deeper or wider
 * than JSON_DEPTH_MAX and JSON_MEMBERS_MAX; -ENOMEM. On failure *reterr_what (may be NULL) is a
 * short reason, a static string. */
int json_parse(const char *text, size_t size, json_object **ret, const char **reterr_what);

/* Builders. Each returns 0 or -ENOMEM, and consumes value, also on failure. A NULL value is
 * -ENOMEM, so that calls nest: json_set(o, "n", json_object_new_int64(7)). */
int json_set(json_object *object, const char *name, json_object *value);
int json_append(json_object *array, json_object *value);
int json_set_string(json_object *object, const char *name, const char *value);
int json_set_uint(json_object *object, const char *name, uint64_t value);
int json_set_bool(json_object *object, const char *name, bool value);
