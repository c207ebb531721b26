/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A compiled filter and its verdict on any call, worked out by interpreting it: no call is made, so
 * no answer of the kernel's can hide a mistake, and other architectures can be asked for too. */

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Filter {
        struct sock_filter *program;
        size_t n;
} Filter;

/* Compiles the list at path; fails the test, with the reason, when it cannot be. */
Filter filter_load(const char *path);
void filter_done(Filter *f);

/* 0 when the call passes, its errno when it does not, -1 when it kills. By name and first three
 * arguments on this architecture (ENOSYS for a name that it does not have), or by number. */
int filter_judge(const Filter *f, const char *call, uint64_t a, uint64_t b, uint64_t c);
int filter_judge_number(const Filter *f, uint32_t arch, int nr, const uint64_t args[static 6]);
