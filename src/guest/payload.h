/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one execution runs: START's memfd taken apart into argv, environment, directory and code. The
 * pieces point into the mapped memfd, which the Payload owns. */

#include <stddef.h>

#include "wire/guest-frame.h"

typedef struct Payload {
        void *map;
        size_t map_size;
        char **argv; /* NULL at its end, like env */
        char **env;
        const char *cwd; /* NULL: the container's own */
        const char *code;
        size_t code_size;
} Payload;

/* Maps fd (borrowed) and takes it apart. Returns 0; -EBADMSG when it is not sealed, not of exactly
 * the frame's sizes, or its strings are not what the frame says; or -errno. */
int payload_load(int fd, const GuestStart *start, Payload *ret);

/* The same for code that came later: size bytes, of which ret's code becomes. Returns 0, -EBADMSG when
 * fd is not sealed or not of that size, or -errno. */
int payload_load_code(int fd, size_t size, Payload *ret);

/* Splits size bytes of NUL-terminated strings: n_argv words, n_env variables and, with has_cwd, the
 * directory; ret's argv, env and cwd become those. Pure but for the two arrays, which are
 * malloc()ed; everything points into strings. Returns 0, -EBADMSG, or -ENOMEM; *ret is then
 * untouched. */
int payload_split(char *strings, size_t size, const GuestStart *start, Payload *ret);

/* base with every variable of env added or replaced; the last of equal names counts. Both are
 * borrowed, the array is malloc()ed. NULL when there is no memory. */
char **payload_merge_env(char **base, char **env);

/* Unmaps and frees; safe on a zeroed Payload, which it leaves behind. */
void payload_done(Payload *p);
