/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* THE TABLE: every method a client can call. From its rows come the parser, the schema in
 * server.info and the dispatch. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/field.h"

typedef struct Handler Handler;
typedef struct Request Request;

/* What can come of a request that is not a result; reply.c gives each its error on the wire. */
enum {
        _METHOD_E_SUCCESS,
        METHOD_E_PARSE,   /* not JSON */
        METHOD_E_REQUEST, /* not a request, or not one that may come now */
        METHOD_E_METHOD,  /* no such method */
        METHOD_E_PARAMS,  /* the problem names the field */
        METHOD_E_TOO_MANY_REQUESTS,
        METHOD_E_TOO_MANY_SANDBOXES,
        METHOD_E_UNKNOWN_PROFILE,
        METHOD_E_NO_INTERPRETER, /* code for a profile that runs none */
        METHOD_E_GUEST,          /* the sandbox came up and its guest did not */
        METHOD_E_AUDIT,          /* the journal cannot be written and policy needs it */
        METHOD_E_LAUNCHER,       /* there is no launcher */
        METHOD_E_NOT_RUNNING,
        METHOD_E_STDIN_FULL,
        METHOD_E_STDIN_CLOSED,
        METHOD_E_UNKNOWN_SANDBOX,
        METHOD_E_SANDBOX_ENDED, /* while the request was under way */
        METHOD_E_DRIVER,        /* the program that keeps the interpreter's state did not start */
        METHOD_E_CANCELLED,
        METHOD_E_NO_TERMINAL,
        METHOD_E_FILE_NOT_FOUND,
        METHOD_E_FILE_DENIED,
        METHOD_E_IS_A_DIRECTORY,
        METHOD_E_NOT_A_DIRECTORY,
        METHOD_E_NOT_A_FILE,
        METHOD_E_NO_SPACE,
        METHOD_E_READ_ONLY,
        METHOD_E_NOT_EMPTY,
        METHOD_E_FILE, /* anything else; the problem says what */
};

typedef struct Method {
        const char *name;
        const char *description;
        const Field *fields;
        size_t n_fields;
        size_t params_size; /* of the struct that fields describe */
        bool may_notify;    /* does something also when it comes without an id */
        /* params points to that struct. Returns 0 when it has replied or will (the request is then
         * its own), or a METHOD_E_… with what it says in reterr, or -errno: then the caller
         * replies. */
        int (*handle)(Handler *h, Request *request, const void *params, RpcProblem *reterr);
} Method;

/* What one of run's files is made of (RunFile). */
extern const Field *const run_file_fields;
extern const size_t n_run_file_fields;

extern const Method *const methods;
size_t method_count(void);

/* NULL when there is none. */
const Method *method_find(const char *name);
