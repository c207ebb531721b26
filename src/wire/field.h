/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A method's parameters, described once as a table: how they are read into a struct, and how they
 * are told to a client (field-schema.h). What is not in the table is refused by its name. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/rpc-error.h"

typedef enum FieldType {
        FIELD_STRING,  /* const char *; min and max are bytes */
        FIELD_UINT,    /* uint64_t, LIMIT_UNSET when absent; an integer from min to max */
        FIELD_BOOL,    /* bool */
        FIELD_STRINGS, /* json_object *: an array of min to max strings of ≤ ARG_SIZE_MAX bytes
                        */
        FIELD_ENV, /* json_object *: min to max members NAME: string, NAME=string ≤ ARG_SIZE_MAX */
        FIELD_OBJECTS, /* json_object *: an array of min to max objects, each described by fields */
        FIELD_OBJECT,  /* a struct of its own at this offset, described by fields */
        FIELD_ID,      /* json_object *: a JSON-RPC id */
} FieldType;

typedef struct Field {
        const char *name;
        FieldType type;
        size_t offset; /* in the struct that field_parse() fills */
        bool mandatory;
        uint64_t min;
        uint64_t max;
        const struct Field *fields;
        size_t n_fields;
        size_t size; /* FIELD_OBJECTS: of the struct that fields describe */
        const char *description;
} Field;

enum {
        _FIELD_E_SUCCESS,
        FIELD_E_INVALID, /* reterr names the field and says what it may be */
};

/* Fills *ret, whose places are all set, to 0 or LIMIT_UNSET where the field is absent. Pointers are
 * borrowed from params. Returns 0, FIELD_E_INVALID (*ret is then of no use) or -ENOMEM. */
int field_parse(const Field *fields, size_t n_fields, json_object *params, void *ret,
                RpcProblem *reterr);
