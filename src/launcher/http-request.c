/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The other side is a Go program that we started, so this need not be lenient; it is bounded and
 * strict so that a surprise becomes an error and not a guess. The head is looked at again from its
 * beginning each time bytes come: a request has three of them and comes in one or two pieces. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "launcher/http-request.h"

typedef struct Line {
        const char *p;
        size_t size;
} Line;

/* Takes one line without its CRLF from *p; false when it is none. */
static bool take_line(const char **p, const char *end, Line *ret) {
        const char *nl = memchr(*p, '\n', (size_t)(end - *p));

        if (!nl || nl == *p || nl[-1] != '\r')
                return false;
        *ret = (Line){ .p = *p, .size = (size_t)(nl - *p) - 1 };
        *p = nl + 1;
        return true;
}

static bool is_token_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_size(Line l) {
        size_t n = 0;

        while (n < l.size && is_token_char(l.p[n]))
                n++;
        return n;
}

static bool is_printable(const char *p, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (p[i] <= 0x20 || p[i] > 0x7e)
                        return false;
        return true;
}

static int parse_request_line(Line l, HttpRequest *r) {
        static const char version[] = " HTTP/1.1";
        size_t method = token_size(l), tail = sizeof(version) - 1;
        const char *query;

        if (method == 0 || l.size <= method + 1 + tail || l.p[method] != ' ' ||
            memcmp(l.p + l.size - tail, version, tail) != 0)
                return -EBADMSG;
        r->method = l.p;
        r->method_size = method;
        r->target = l.p + method + 1;
        r->target_size = l.size - method - 1 - tail;
        if (r->target[0] != '/' || !is_printable(r->target, r->target_size))
                return -EBADMSG;
        query = memchr(r->target, '?', r->target_size);
        if (query)
                r->target_size = (size_t)(query - r->target);
        return 0;
}

static bool is_header(Line l, size_t name, const char *wanted) {
        return name == strlen(wanted) && strncasecmp(l.p, wanted, name) == 0;
}

static int parse_length(Line l, size_t name, size_t *ret) {
        const char *p = l.p + name + 1, *end = l.p + l.size;
        size_t n = 0;

        while (p < end && *p == ' ')
                p++;
        if (p == end)
                return -EBADMSG;
        for (; p < end; p++) {
                if (*p < '0' || *p > '9')
                        return -EBADMSG;
                n = n * 10 + (size_t)(*p - '0');
                if (n > HTTP_BODY_MAX)
                        return -E2BIG;
        }
        *ret = n;
        return 0;
}

static int parse_header(Line l, HttpRequest *r, bool *has_length) {
        size_t name = token_size(l);

        if (name == 0 || name == l.size || l.p[name] != ':' || memchr(l.p, 0, l.size))
                return -EBADMSG;
        if (is_header(l, name, "Transfer-Encoding"))
                return -EBADMSG;
        if (!is_header(l, name, "Content-Length"))
                return 0;
        if (*has_length)
                return -EBADMSG;
        *has_length = true;
        return parse_length(l, name, &r->body_size);
}

int http_request_parse(const char *data, size_t size, HttpRequest *ret) {
        size_t head = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
        const char *blank = head ? memmem(data, head, "\r\n\r\n", 4) : NULL, *p = data, *end;
        HttpRequest request = {};
        bool has_length = false;
        Line l;
        int r;

        if (!blank)
                return size >= HTTP_HEAD_MAX ? -E2BIG : 0;
        end = blank + 2; /* behind the last header's line */

        if (!take_line(&p, end, &l))
                return -EBADMSG;
        r = parse_request_line(l, &request);
        while (r >= 0 && p < end)
                r = take_line(&p, end, &l) ? parse_header(l, &request, &has_length) : -EBADMSG;
        if (r < 0)
                return r;

        request.body = end + 2;
        request.size = (size_t)(request.body - data) + request.body_size;
        if (size < request.size)
                return 0;
        *ret = request;
        return 1;
}
