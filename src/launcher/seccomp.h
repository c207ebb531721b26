/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The filter of the code in a sandbox: a list of system calls compiled to the program that the
 * guest loads. The guest links no libseccomp; the launcher compiles once and hands the same
 * descriptor to every guest with SETUP. */

#include <stddef.h>

/* Compiles the list at path (policy/seccomp/default.list says how one is written) for this
 * machine's architecture. Returns 0 with *ret_program, a malloc()ed struct sock_filter[] of
 * *ret_size bytes; or -errno, and then *reterr_text says what is wrong and where
 * ("…/default.list:12: …"), malloc()ed, NULL only without memory: -EINVAL for a list that is not
 * right, -EOPNOTSUPP on an architecture that it does not name, what open and read say. */
int seccomp_compile(const char *path, char **reterr_text, void **ret_program, size_t *ret_size);
