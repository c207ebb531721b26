/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON that Podman wrote, its client or its service. Not json_parse(): that holds a stranger's text
 * to bounds which Podman passes by rights, a list of a thousand containers by its members and an
 * unlimited ulimit (2^64-1) by its size. Here the length, which the caller bounds, and
 * JSON_DEPTH_MAX are the bounds. */

#include <json-c/json.h>
#include <stddef.h>

/* Exactly one object or array, white space around it allowed, in UTF-8. Pure. Returns 0, -EBADMSG
 * or -ENOMEM. */
int podman_json_parse(const char *text, size_t size, json_object **ret);

/* The member of an object if it is of this type, else NULL, also when object is NULL. Borrowed. */
json_object *podman_json_get(json_object *object, const char *name, json_type type);

/* The same for a string; NULL when it is missing, no string, or holds a NUL. Borrowed. */
const char *podman_json_get_string(json_object *object, const char *name);
