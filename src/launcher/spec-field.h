/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The table of SpecGenerator fields: which a profile may set, and to what. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct SpecField {
        const char *name;
        const char *
                cause; /* what an administrator wrote to get here: Quadlet keys or podman options */
        const char
                *values; /* beside an empty one: NULL none, "*" any, or words separated by spaces */
        /* Only when values is NULL: 0, or -EPERM with what is wrong in problem. */
        int (*check)(json_object *value, char *problem, size_t problem_size);
        const char *instead; /* what a profile should say, NULL when there is nothing */
} SpecField;

/* In the order in which they are looked at: where one option sets two fields, the telling one is
 * first. */
extern const SpecField spec_fields[];
extern const size_t spec_fields_n;

/* NULL when the table does not know it. */
const SpecField *spec_field_find(const char *name);

/* Whether this value of the field is one that a profile may set. Returns 0, or -EPERM with a
 * sentence that names the field, its cause, its value, and what to do instead. */
int spec_field_check(const SpecField *field, json_object *value, char *problem,
                     size_t problem_size);
