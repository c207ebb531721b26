/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files that a run is given and those that it is to leave behind: --put and --get. What is to be
 * opened here is opened before anything runs, so that a wrong name costs nothing. */

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "client/copy.h"

typedef struct TransferPut {
        char *local;
        char *path; /* in the sandbox */
        int fd;
        mode_t mode;
        off_t size; /* -1 when it is not a regular file and so not known */
} TransferPut;

typedef struct TransferGet {
        char *pattern;
        char *directory;
        int dir_fd;
        size_t n_found;
} TransferGet;

typedef struct Transfer {
        TransferPut *puts;
        size_t n_puts;
        TransferGet *gets;
        size_t n_gets;
        json_object *fetched; /* array of { path, size, local }; NULL before the first */
        bool has_failed;      /* a file is not here that should be */
} Transfer;

void transfer_done(Transfer *t);

/* "LOCAL" or "LOCAL:PATH", "GLOB" or "GLOB:DIR"; the last colon counts. Logging. Return 0 or -errno. */
int transfer_add_put(Transfer *t, const char *text);
int transfer_add_get(Transfer *t, const char *text);

static inline bool transfer_is_empty(const Transfer *t) {
        return t->n_puts == 0 && t->n_gets == 0;
}

/* Whether all that goes in fits into one request, beside a program. */
bool transfer_fits(const Transfer *t);

/* Adds the members files and collect to the params of a run. Logging. Returns 0 or -errno. */
int transfer_format(const Transfer *t, json_object *params);

/* Writes what a run gave back in the member files of its result. Logging; what could not be had is
 * noted in has_failed. Returns 0 or -ENOMEM. */
int transfer_land(Transfer *t, json_object *result);

/* The same with a sandbox that lives, whatever the sizes. Logging. The first returns 0 or -errno, at
 * the first file that fails; the second goes on with the next, and returns -errno only when it makes
 * no sense to: -EINTR after a signal. */
int transfer_put(const Transfer *t, const Copier *c);
int transfer_get(Transfer *t, const Copier *c);
