/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/base64.h"
#include "basic/cleanup.h"

static void does_the_examples_of_rfc_4648(void **state) {
        static const struct {
                const char *data;
                const char *text;
        } cases[] = {
                { "",       ""         },
                { "f",      "Zg=="     },
                { "fo",     "Zm8="     },
                { "foo",    "Zm9v"     },
                { "foob",   "Zm9vYg==" },
                { "fooba",  "Zm9vYmE=" },
                { "foobar", "Zm9vYmFy" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;

                assert_int_equal(base64_encode(cases[i].data, strlen(cases[i].data), &text, &size),
                                 0);
                assert_string_equal(text, cases[i].text);
                assert_int_equal(size, strlen(text));
                assert_int_equal(base64_decode(text, strlen(text), &data, &size), 0);
                assert_int_equal(size, strlen(cases[i].data));
                assert_memory_equal(data, cases[i].data, size);
        }
}

static void brings_every_byte_back_at_every_length(void **state) {
        uint8_t bytes[300];

        (void)state;
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 7 + 3);
        for (size_t n = 0; n <= sizeof(bytes); n++) {
                _cleanup_free_ char *text = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;

                assert_int_equal(base64_encode(bytes, n, &text, NULL), 0);
                assert_int_equal(base64_decode(text, strlen(text), &data, &size), 0);
                assert_int_equal(size, n);
                assert_memory_equal(data, bytes, n);
        }
}

static void takes_one_form_only(void **state) {
        static const char *const cases[] = {
                "Z",      "Zg",    "Zg=",      "Zg===",      "====",         "=",    "Z===",
                "Zm9v\n", " Zm9v", "Zm9v Zm8", "Zg==Zg==",   "Zm=v",         "Zh==", "Zm9=",
                "Zm9-",   "Zm9_",  "Zm9*",     "\xc3\xa9==", "Zg==\n\n\n\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ void *data = NULL;
                size_t size;

                if (base64_decode(cases[i], strlen(cases[i]), &data, &size) != -EBADMSG)
                        fail_msg("%s", cases[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(does_the_examples_of_rfc_4648),
                cmocka_unit_test(brings_every_byte_back_at_every_length),
                cmocka_unit_test(takes_one_form_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
