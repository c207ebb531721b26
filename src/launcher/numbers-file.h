/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of numbers.h on disk: one set for each sandbox, named after it, until its container has
 * mounted them. */

#include "launcher/numbers.h"
#include "launcher/spec-mount.h"

#define NUMBERS_FILES_MAX 6

typedef struct NumbersFiles {
        char *names[NUMBERS_FILES_MAX];    /* owned: each a file's path */
        SpecFile files[NUMBERS_FILES_MAX]; /* where each of them is to be seen in the sandbox */
        size_t n;
} NumbersFiles;

/* What this machine has: processors that are online, and bytes of memory. */
void numbers_file_measure(unsigned *ret_cpus, uint64_t *ret_bytes);

/* Makes <path>.meminfo and its like. A file that this kernel does not have is left out. Returns 0 or
 * -errno; what was made is then removed by numbers_file_remove(). */
int numbers_file_make(const char *path, const Numbers *numbers, NumbersFiles *ret);
void numbers_file_done(NumbersFiles *files);

/* Removes them, made or not. A container that has mounted them keeps what it has. */
void numbers_file_remove(const char *path);
