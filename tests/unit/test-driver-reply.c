/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "handler/driver-reply.h"

static int parse(const char *line, DriverReply *ret) {
        return driver_reply_parse(line, strlen(line), ret);
}

static void takes_what_the_manual_says(void **state) {
        _cleanup_driver_reply_ DriverReply ready = {}, result = {}, done = {}, error = {};

        (void)state;
        assert_int_equal(parse("{\"ready\":true}", &ready), 0);
        assert_int_equal(ready.kind, DRIVER_REPLY_READY);

        assert_int_equal(
                parse("{\"result\":7,\"data\":{\"text/plain\":\"4\",\"text/html\":\"<b>\"}}",
                      &result),
                0);
        assert_int_equal(result.kind, DRIVER_REPLY_RESULT);
        assert_int_equal(result.run, 7);
        assert_string_equal(
                json_object_to_json_string_ext(result.data, JSON_C_TO_STRING_PLAIN |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE),
                "{\"text/plain\":\"4\",\"text/html\":\"<b>\"}");

        assert_int_equal(parse("{\"done\":7,\"exit_code\":255,\"later\":[1]}", &done), 0);
        assert_int_equal(done.kind, DRIVER_REPLY_DONE);
        assert_int_equal(done.exit_code, 255);
        assert_null(done.error);

        assert_int_equal(
                parse("{\"done\":7,\"exit_code\":1,\"error\":{\"name\":\"E\",\"value\":\"\","
                      "\"traceback\":\"t\",\"more\":1}}",
                      &error),
                0);
        assert_string_equal(json_object_to_json_string_ext(error.error, JSON_C_TO_STRING_PLAIN),
                            "{\"name\":\"E\",\"value\":\"\",\"traceback\":\"t\"}");
}

static void refuses_what_makes_no_sense(void **state) {
        static const char *const lines[] = {
                "",
                "ready",
                "[]",
                "null",
                "{}",
                "{\"done\":7}",
                "{\"done\":7,\"exit_code\":256}",
                "{\"done\":-1,\"exit_code\":0}",
                "{\"done\":4294967296,\"exit_code\":0}",
                "{\"done\":\"7\",\"exit_code\":0}",
                "{\"done\":7,\"exit_code\":1,\"error\":null}",
                "{\"done\":7,\"exit_code\":1,\"error\":{\"name\":\"E\",\"value\":\"\"}}",
                "{\"done\":7,\"exit_code\":1,\"error\":{\"name\":1,\"value\":\"\",\"traceback\":\"\"}}",
                "{\"result\":7}",
                "{\"result\":7,\"data\":{}}",
                "{\"result\":7,\"data\":[\"text/plain\"]}",
                "{\"result\":7,\"data\":{\"text/plain\":\"\",\"image/png\":1}}",
                "{\"result\":7,\"data\":{\"text/html\":\"\"}}",
                "{\"result\":7,\"data\":{\"text/plain\":\"\\u0000\"}}",
                "{\"result\":7,\"data\":{\"text/plain\":\"\",\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\","
                "\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\",\"k\":\"\","
                "\"l\":\"\"}}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                DriverReply reply = { .run = 99 };

                if (parse(lines[i], &reply) != -EBADMSG || reply.run != 99)
                        fail_msg("taken: %s", lines[i]);
        }
}

static void cuts_an_error_at_a_character(void **state) {
        _cleanup_driver_reply_ DriverReply reply = {};
        _cleanup_free_ char *value = malloc(ERROR_SIZE_MAX + 8), *line = NULL;
        json_object *cut;

        (void)state;
        assert_non_null(value);
        memset(value, 'x', ERROR_SIZE_MAX - 1);
        (void)snprintf(value + ERROR_SIZE_MAX - 1, 9, "\u00e9yyy");
        assert_true(
                asprintf(&line,
                         "{\"done\":1,\"exit_code\":1,\"error\":{\"name\":\"\",\"value\":\"%s\","
                         "\"traceback\":\"\"}}",
                         value) > 0);
        assert_int_equal(parse(line, &reply), 0);
        assert_true(json_object_object_get_ex(reply.error, "value", &cut));
        assert_int_equal(json_object_get_string_len(cut), ERROR_SIZE_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_what_the_manual_says),
                cmocka_unit_test(refuses_what_makes_no_sense),
                cmocka_unit_test(cuts_an_error_at_a_character),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
