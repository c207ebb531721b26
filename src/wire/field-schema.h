/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A table of fields as JSON Schema (2020-12), for clients that ask what a method takes. */

#include <json-c/json.h>
#include <stddef.h>

#include "wire/field.h"

/* The schema of an object with these fields. Pure. Returns 0 or -ENOMEM. */
int field_schema_format(const Field *fields, size_t n_fields, json_object **ret);
