/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "client/run-request.h"

static RunRequest new_request(void) {
        return RUN_REQUEST_NONE;
}

static void assert_formats_as(const RunRequest *request, const char *expected) {
        _cleanup_json_ json_object *params = NULL;
        const char *what;

        assert_int_equal(run_request_format(request, &params, &what), 0);
        assert_string_equal(json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN),
                            expected);
}

static void says_only_what_was_asked_for(void **state) {
        _cleanup_run_request_ RunRequest request = new_request();

        (void)state;
        assert_int_equal(program_from_code("1", NULL, &request.program), 0);
        assert_formats_as(&request, "{\"profile\":\"python\",\"code\":\"1\"}");
}

static void says_everything_that_was_asked_for(void **state) {
        static char words[][8] = { "echo", "", "é" };
        char *const argv[] = { words[0], words[1], words[2] };
        _cleanup_run_request_ RunRequest request = new_request();

        (void)state;
        program_from_argv(argv, ARRAY_SIZE(argv), "p", &request.program);
        assert_int_equal(setenv("CLOCHE_TEST_HERE", "here", 1), 0);
        assert_int_equal(run_request_add_env(&request, "A=b=c"), 0);
        assert_int_equal(run_request_add_env(&request, "CLOCHE_TEST_HERE"), 0);
        assert_int_equal(run_request_add_env(&request, "A=last"), 0);
        request.timeout_usec = 1500 * USEC_PER_MSEC;
        request.memory_bytes = 1;
        request.tasks = 2;
        request.cpu_percent = 3;
        request.work_bytes = 4;
        request.output_bytes = 5;
        request.cwd = "d";
        request.stdin_open = true;
        assert_formats_as(&request, "{\"profile\":\"p\",\"argv\":[\"echo\",\"\",\"é\"],"
                                    "\"cwd\":\"d\",\"timeout_ms\":1500,\"stdin_open\":true,"
                                    "\"env\":{\"A\":\"last\",\"CLOCHE_TEST_HERE\":\"here\"},"
                                    "\"limits\":{\"memory_bytes\":1,\"tasks\":2,\"cpu_percent\":3,"
                                    "\"work_bytes\":4,\"output_bytes\":5}}");
}

static void says_of_a_sandbox_what_it_is_and_of_an_execution_what_it_does(void **state) {
        _cleanup_run_request_ RunRequest request = new_request();
        _cleanup_json_ json_object *open = NULL, *exec = NULL;
        const char *what;

        (void)state;
        assert_int_equal(program_from_code("1", "p", &request.program), 0);
        assert_int_equal(run_request_add_env(&request, "A=1"), 0);
        request.memory_bytes = 1;
        request.output_bytes = 5;
        request.timeout_usec = USEC_PER_SEC;
        assert_int_equal(run_request_format_open(&request, &open, &what), 0);
        assert_string_equal(json_object_to_json_string_ext(open, JSON_C_TO_STRING_PLAIN),
                            "{\"profile\":\"p\",\"env\":{\"A\":\"1\"},"
                            "\"limits\":{\"memory_bytes\":1}}");
        assert_int_equal(run_request_format_exec(&request, "s", &exec, &what), 0);
        assert_string_equal(json_object_to_json_string_ext(exec, JSON_C_TO_STRING_PLAIN),
                            "{\"sandbox\":\"s\",\"code\":\"1\",\"timeout_ms\":1000,"
                            "\"output_bytes\":5}");
}

static void refuses_a_variable_without_a_name_or_a_value(void **state) {
        _cleanup_run_request_ RunRequest request = new_request();

        (void)state;
        assert_int_equal(run_request_add_env(&request, "=x"), -EINVAL);
        assert_int_equal(run_request_add_env(&request, ""), -EINVAL);
        assert_int_equal(run_request_add_env(&request, "CLOCHE_TEST_NOT_HERE"), -ENOENT);
        assert_null(request.env);
}

static void assert_refused(RunRequest *request, const char *expected) {
        _cleanup_json_ json_object *params = NULL;
        const char *what = NULL;

        assert_int_equal(run_request_format(request, &params, &what), -EILSEQ);
        assert_string_equal(what, expected);
        assert_null(params);
}

static void refuses_what_is_not_text_and_says_where(void **state) {
        static char word[] = "\xff";
        char *const argv[] = { word };
        _cleanup_run_request_ RunRequest code = new_request(), words = new_request(),
                                         env = new_request(), profile = new_request();

        (void)state;
        assert_int_equal(program_from_code("\xc0\x80", NULL, &code.program), 0);
        assert_refused(&code, "code");
        buffer_done(&code.program.code);
        assert_int_equal(buffer_append(&code.program.code, "a\0b", 3), 0);
        assert_refused(&code, "code");

        program_from_argv(argv, 1, NULL, &words.program);
        assert_refused(&words, "argv");

        assert_int_equal(program_from_code("", NULL, &env.program), 0);
        assert_int_equal(run_request_add_env(&env, "A=\xff"), 0);
        assert_refused(&env, "env");

        assert_int_equal(program_from_code("", "\xff", &profile.program), 0);
        assert_refused(&profile, "profile");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_only_what_was_asked_for),
                cmocka_unit_test(says_everything_that_was_asked_for),
                cmocka_unit_test(says_of_a_sandbox_what_it_is_and_of_an_execution_what_it_does),
                cmocka_unit_test(refuses_a_variable_without_a_name_or_a_value),
                cmocka_unit_test(refuses_what_is_not_text_and_says_where),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
