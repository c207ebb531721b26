/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is to be run, and by which profile: the code on the command line, a file, or words. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"

typedef struct Program {
        bool has_code; /* else argv counts */
        Buffer code;
        char *const *argv; /* borrowed */
        size_t n_argv;
        const char *profile; /* borrowed or static */
} Program;

void program_done(Program *p);
#define _cleanup_program_ _cleanup_(program_done)

/* Each fills *ret, with profile as given or, when that is NULL, the default. The first two copy.
 * They return 0 or -errno. program_load() reads at most LINE_SIZE_MAX bytes (-EFBIG above that);
 * the file "-" is stdin. -ENOTSUP: no profile was given and the file's name does not tell one. */
int program_from_code(const char *code, const char *profile, Program *ret);
int program_load(const char *file, const char *profile, Program *ret);
void program_from_argv(char *const *argv, size_t n, const char *profile, Program *ret);

/* The profile for a file of this name: by its suffix, NULL when that says nothing. */
const char *program_profile_for(const char *file);
