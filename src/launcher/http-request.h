/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One HTTP/1.1 request out of a buffer, as Podman's client writes them: request line, headers, and
 * a body of Content-Length bytes. Anything beyond that (other versions, transfer codings, folded
 * headers, a length said twice) is an error. Pure. */

#include <stddef.h>

#define HTTP_HEAD_MAX (16 * 1024)
#define HTTP_BODY_MAX (1024 * 1024)

/* Pieces of the buffer it was parsed from, not NUL-terminated. */
typedef struct HttpRequest {
        const char *method;
        size_t method_size;
        const char *target; /* without its query */
        size_t target_size;
        const char *body;
        size_t body_size;
        size_t size; /* of the whole request */
} HttpRequest;

/* Returns 1 when the buffer begins with a whole request, 0 when more bytes must come, -EBADMSG, or
 * -E2BIG for a head or body above its limit. */
int http_request_parse(const char *data, size_t size, HttpRequest *ret);
