/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one execution runs: START's memfd taken apart into argv, environment and code. The pieces
 * point into the mapped memfd, which the Payload owns. */

#include <stddef.h>

#include "wire/guest-frame.h"

typedef struct Payload {
        void *map;
        size_t map_size;
        char **argv; /* NULL at its end, like env */
        char **env;
        const char *code;
        size_t code_size;
} Payload;

/* Maps fd (borrowed) and takes it apart. Returns 0; -EBADMSG when it is not sealed, not of exactly
 * the frame's sizes, or its strings are not what the frame says; or -errno. */
int payload_load(int fd, const GuestStart *start, Payload *ret);

/* Splits size bytes of NUL-terminated strings into the two arrays. Pure but for its memory.
 * Returns 0, -EBADMSG, or -ENOMEM; *ret_argv and *ret_env are malloc()ed and point into strings. */
int payload_split(char *strings, size_t size, size_t n_argv, size_t n_env, char ***ret_argv,
                  char ***ret_env);

/* base with every variable of env added or replaced; the last of equal names counts. Both are
 * borrowed, the array is malloc()ed. NULL when there is no memory. */
char **payload_merge_env(char **base, char **env);

/* Unmaps and frees; safe on a zeroed Payload, which it leaves behind. */
void payload_done(Payload *p);
