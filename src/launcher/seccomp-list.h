/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A list of system calls (policy/seccomp/default.list says how one is written) as rows. Pure: text
 * in, rows out; which names exist and what contradicts what is seccomp.c's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_CALL_SIZE      64 /* a name, NUL included */
#define SECCOMP_VALUES_MAX     16 /* alternatives of one condition */
#define SECCOMP_ARGUMENTS_MAX  6  /* conditions of one row; what a system call has */
#define SECCOMP_ARCHES_MAX     8
#define SECCOMP_LIST_TEXT_SIZE 256 /* a problem in words, NUL included */

typedef struct SeccompCondition {
        unsigned argument; /* 0…5 */
        uint64_t mask;
        uint64_t values[SECCOMP_VALUES_MAX];
        size_t n_values; /* at least 1 */
} SeccompCondition;

/* One call of one line. */
typedef struct SeccompRow {
        unsigned line;
        int error; /* 0: allowed, else the errno it is denied with */
        char call[SECCOMP_CALL_SIZE];
        bool is_optional;
        SeccompCondition conditions[SECCOMP_ARGUMENTS_MAX];
        size_t n_conditions; /* all must hold; each has another argument */
} SeccompRow;

typedef struct SeccompList {
        int default_error; /* errno */
        char arches[SECCOMP_ARCHES_MAX][SECCOMP_CALL_SIZE];
        size_t n_arches;
        SeccompRow *rows;
        size_t n_rows;
} SeccompList;

/* Returns 0 with *ret owned by the caller (seccomp_list_done()); -EINVAL with the line's number
 * (from 1) and the problem in words; -ENOMEM. */
int seccomp_list_parse(const char *text, SeccompList *ret, unsigned *reterr_line,
                       char reterr_problem[static SECCOMP_LIST_TEXT_SIZE]);
/* Safe on a zeroed list. */
void seccomp_list_done(SeccompList *list);
