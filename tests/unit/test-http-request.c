/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "launcher/http-request.h"

static int parse(const char *text, HttpRequest *ret) {
        /* a copy of exactly that size, so that reading past it is seen */
        size_t size = strlen(text);
        _cleanup_free_ char *copy = malloc(size ? size : 1);
        int r;

        memcpy(copy, text, size);
        r = http_request_parse(copy, size, ret);
        if (r == 1) { /* what it points to lives on in text */
                ret->method = text + (ret->method - copy);
                ret->target = text + (ret->target - copy);
                ret->body = text + (ret->body - copy);
        }
        return r;
}

static void takes_a_request_apart(_unused_ void **state) {
        static const char text[] = "POST /v5/libpod/x?a=b&c=/ HTTP/1.1\r\n"
                                   "Host: d\r\nContent-Length: 3\r\nX:\r\n\r\nabcGET /";
        HttpRequest r;

        assert_int_equal(parse(text, &r), 1);
        assert_memory_equal(r.method, "POST ", 5);
        assert_int_equal(r.method_size, 4);
        assert_memory_equal(r.target, "/v5/libpod/x?", 13);
        assert_int_equal(r.target_size, 12);
        assert_memory_equal(r.body, "abc", 3);
        assert_int_equal(r.body_size, 3);
        assert_int_equal(r.size, sizeof(text) - 1 - strlen("GET /"));
}

static void waits_for_every_byte(_unused_ void **state) {
        static const char text[] = "PUT / HTTP/1.1\r\ncontent-length:  2\r\n\r\nxy";
        HttpRequest r;

        for (size_t n = 0; n < sizeof(text) - 1; n++) {
                char part[sizeof(text)];

                memcpy(part, text, n);
                part[n] = 0;
                assert_int_equal(parse(part, &r), 0);
        }
        assert_int_equal(parse(text, &r), 1);
}

static void refuses_what_is_no_request(_unused_ void **state) {
        static const char *const bad[] = {
                "\r\n\r\n",
                "GET / HTTP/1.0\r\n\r\n",
                "GET / HTTP/2\r\n\r\n",
                "GET  / HTTP/1.1\r\n\r\n",
                "GET x HTTP/1.1\r\n\r\n",
                "GET HTTP/1.1\r\n\r\n",
                " GET / HTTP/1.1\r\n\r\n",
                "GET /a b HTTP/1.1\r\n\r\n",
                "GET /\x7f HTTP/1.1\r\n\r\n",
                "GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\nHost: d\r\n\r\n",
                "GET / HTTP/1.1\r\nHost\r\n\r\n",
                "GET / HTTP/1.1\r\n: x\r\n\r\n",
                "GET / HTTP/1.1\r\nHost : d\r\n\r\n",
                "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 1 \r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        };
        HttpRequest r;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (parse(bad[i], &r) != -EBADMSG)
                        fail_msg("%s", bad[i]);
}

static void bounds_head_and_body(_unused_ void **state) {
        _cleanup_free_ char *head = malloc(HTTP_HEAD_MAX + 1);
        char text[128];
        HttpRequest r;

        memset(head, 'A', HTTP_HEAD_MAX);
        head[HTTP_HEAD_MAX] = 0;
        assert_int_equal(parse(head, &r), -E2BIG);
        head[HTTP_HEAD_MAX - 1] = 0;
        assert_int_equal(parse(head, &r), 0);

        (void)snprintf(text, sizeof(text), "PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n",
                       HTTP_BODY_MAX);
        assert_int_equal(parse(text, &r), 0);
        (void)snprintf(text, sizeof(text), "PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n",
                       HTTP_BODY_MAX + 1);
        assert_int_equal(parse(text, &r), -E2BIG);
        assert_int_equal(
                parse("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", &r),
                -E2BIG);
}

static void refuses_a_nul_in_a_header(_unused_ void **state) {
        static const char text[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
        HttpRequest r;

        assert_int_equal(http_request_parse(text, sizeof(text) - 1, &r), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_a_request_apart),
                cmocka_unit_test(waits_for_every_byte),
                cmocka_unit_test(refuses_what_is_no_request),
                cmocka_unit_test(bounds_head_and_body),
                cmocka_unit_test(refuses_a_nul_in_a_header),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
