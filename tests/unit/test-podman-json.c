/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "launcher/podman-json.h"

static int parse(const char *text, json_object **ret) {
        /* without a NUL behind it, so that reading past it is seen */
        size_t size = strlen(text);
        _cleanup_free_ char *copy = malloc(size + 1);

        memcpy(copy, text, size);
        copy = realloc(copy, size > 0 ? size : 1);
        assert_non_null(copy);
        return podman_json_parse(copy, size, ret);
}

static void takes_what_podman_writes(_unused_ void **state) {
        static const char *const good[] = {
                "{}",
                "[]",
                " [1,2]\r\n\t\n",
                "{\"a\":\"\xc3\xa4\\n\\u00e4\"}\n",
                "{\"\xf0\x9f\x94\x94\":null}",
                "{\"a\":-1.5e3,\"b\":true}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_json_ json_object *o = NULL;

                if (parse(good[i], &o) != 0)
                        fail_msg("%s", good[i]);
                assert_non_null(o);
        }
}

static void keeps_numbers_that_need_64_bits(_unused_ void **state) {
        _cleanup_json_ json_object *o = NULL;

        assert_int_equal(parse("[18446744073709551615,-9223372036854775808]", &o), 0);
        assert_true(json_object_get_uint64(json_object_array_get_idx(o, 0)) == UINT64_MAX);
        assert_true(json_object_get_int64(json_object_array_get_idx(o, 1)) == INT64_MIN);
}

static void refuses_what_is_not_one_object_or_array(_unused_ void **state) {
        static const char *const bad[] = {
                "",
                " ",
                "null",
                "true",
                "7",
                "\"x\"",
                "{",
                "[1",
                "[1}",
                "{}{}",
                "{} x",
                "{\"a\"}",
                "\xff",
                "[\xff]",
                "[\"\xff\"]",
                "[\"\xc3\"]",
                "[\"\xed\xa0\x80\"]",
                "{a:1}",
        };
        char deep[200];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                json_object *o = NULL;

                if (parse(bad[i], &o) != -EBADMSG)
                        fail_msg("%s", bad[i]);
                assert_null(o);
        }
        memset(deep, '[', 100);
        memset(deep + 100, ']', 99);
        deep[199] = 0;
        assert_int_equal(parse(deep, &(json_object *){ NULL }), -EBADMSG);
}

static void gets_members_by_their_type(_unused_ void **state) {
        _cleanup_json_ json_object *o = NULL;

        assert_int_equal(
                parse("{\"s\":\"x\",\"n\":7,\"z\":null,\"nul\":\"a\\u0000b\",\"a\":[]}", &o), 0);
        assert_non_null(podman_json_get(o, "a", json_type_array));
        assert_null(podman_json_get(o, "a", json_type_object));
        assert_null(podman_json_get(o, "missing", json_type_array));
        assert_null(podman_json_get(NULL, "a", json_type_array));
        assert_null(
                podman_json_get(podman_json_get(o, "a", json_type_array), "a", json_type_array));
        assert_string_equal(podman_json_get_string(o, "s"), "x");
        assert_null(podman_json_get_string(o, "n"));
        assert_null(podman_json_get_string(o, "z"));
        assert_null(podman_json_get_string(o, "nul"));
        assert_null(podman_json_get_string(NULL, "s"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_what_podman_writes),
                cmocka_unit_test(keeps_numbers_that_need_64_bits),
                cmocka_unit_test(refuses_what_is_not_one_object_or_array),
                cmocka_unit_test(gets_members_by_their_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
