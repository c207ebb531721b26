/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "handler/notice.h"

static void expect(const char *data, size_t size, bool is_text, const char *text) {
        _cleanup_json_ json_object *id = json_object_new_string("r"), *m = NULL;

        assert_int_equal(notice_format_output(id, "stdout", data, size, is_text, &m), 0);
        assert_string_equal(json_object_to_json_string_ext(
                                    m, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                            text);
}

static void text_goes_as_text(void **state) {
        (void)state;
        expect("h\xc3\xa9\n\"\x1b/", 7, true,
               "{\"jsonrpc\":\"2.0\",\"method\":\"output\",\"params\":{\"id\":\"r\","
               "\"stream\":\"stdout\",\"text\":\"h\xc3\xa9\\n\\\"\\u001b/\"}}");
}

static void bytes_go_as_base64(void **state) {
        (void)state;
        expect("\xff\0\xfe", 3, false,
               "{\"jsonrpc\":\"2.0\",\"method\":\"output\",\"params\":{\"id\":\"r\","
               "\"stream\":\"stdout\",\"base64\":\"/wD+\"}}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_goes_as_text),
                cmocka_unit_test(bytes_go_as_base64),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
