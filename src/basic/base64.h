/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Base64 with the alphabet of RFC 4648 section 4, padded. All pure. */

#include <stddef.h>

/* *ret is malloc()ed and NUL-terminated; *ret_size (may be NULL) is its length. Returns 0 or
 * -ENOMEM. */
int base64_encode(const void *data, size_t size, char **ret, size_t *ret_size);

/* Strict: no white space, all of the padding, no stray bits. *ret is malloc()ed, also for no bytes.
 * Returns 0, -EBADMSG or -ENOMEM. */
int base64_decode(const char *text, size_t size, void **ret, size_t *ret_size);
