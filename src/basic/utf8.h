/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Strict UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF. All pure. */

#include <stdbool.h>
#include <stddef.h>

/* How long the character is that begins at text: 1…4, 0 when these bytes begin none, and
 * UTF8_INCOMPLETE when they may begin one that size cuts off. size is at least 1. */
#define UTF8_INCOMPLETE ((size_t)-1)
size_t utf8_character_size(const char *text, size_t size);

/* Whether these bytes are UTF-8 from end to end. NUL is a character here. */
bool utf8_is_valid(const char *text, size_t size);

/* How many of the last bytes (0…3) begin a character without finishing it. What stands before them
 * is not looked at. */
size_t utf8_incomplete_tail(const char *text, size_t size);

/* The largest length up to max at which valid text can be cut without splitting a character. */
size_t utf8_cut(const char *text, size_t size, size_t max);

/* Makes valid text of a NUL-terminated string, in place: a byte that is part of no character
 * becomes a question mark. Returns text. */
char *utf8_scrub(char *text);
