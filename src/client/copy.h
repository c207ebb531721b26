/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One file into a sandbox, or out of one, whatever its size. All are logging, and return 0 or -errno;
 * -EINTR after a signal, which is not told. */

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "client/session.h"

typedef struct Copier {
        Session *session;    /* borrowed */
        const char *sandbox; /* its id, borrowed; NULL when the other end knows which one */
        bool is_alone;       /* nobody else uses the connection meanwhile */
        uint64_t *size_left; /* how many bytes may still come out; borrowed, NULL: any number */
} Copier;

/* The params that every method of a file has: sandbox and path. Returns 0 or -ENOMEM. */
int copy_format(const Copier *c, const char *path, json_object **ret);

/* Reads fd, which is called local, to its end and makes it path in the sandbox. mode: permissions,
 * 0…0777. */
int copy_put(const Copier *c, int fd, const char *local, const char *path, mode_t mode);

/* Makes path of the sandbox the file name in a directory of ours. directory is what that is called
 * when something goes wrong. *ret_size (may be NULL) is how many bytes it has. -EFBIG when more came
 * than is left to come. */
int copy_get(const Copier *c, const char *path, int dir_fd, const char *directory, const char *name,
             uint64_t *ret_size);

/* Tells that a file could not be written by this name (-errno of a landing). */
void copy_show_landing(int error, const char *directory, const char *name);
