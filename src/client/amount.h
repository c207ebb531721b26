/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Amounts as people write them on a command line (512M, 1.5G, 90s, 2min, 0.5) and as they like to
 * read them. Pure. The parsers accept a decimal number with at most six digits after its point and
 * one unit, and nothing else: no sign, no exponent, no white space. They return 0, -EINVAL for
 * anything else and -ERANGE for what does not fit. A fraction of the smallest unit is dropped. */

#include <stddef.h>
#include <stdint.h>

/* Buffer. Units are powers of 1024 in either case, with or without "iB": K, M, G, T; none is bytes.
 */
int amount_parse_size(const char *text, uint64_t *ret_bytes);

/* Microseconds. Units: ms, s, sec, m, min, h; none is seconds. */
int amount_parse_duration(const char *text, uint64_t *ret_usec);

/* CPUs as percent of one: 0.5 is 50, 2 is 200. No unit. */
int amount_parse_cpus(const char *text, uint64_t *ret_percent);

/* A plain number without a point. */
int amount_parse_count(const char *text, uint64_t *ret);

/* What a formatted amount needs at most, NUL included. */
#define AMOUNT_SIZE 32

/* "512 MiB", "1.5 GiB", "100 B". Returns buffer. */
const char *amount_format_size(char buffer[static AMOUNT_SIZE], uint64_t bytes);

/* "350 ms", "2 s", "1.5 s", "5 min", "24 h". Returns buffer. */
const char *amount_format_duration(char buffer[static AMOUNT_SIZE], uint64_t usec);
