/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/rpc.h"

static int parse(const char *line, RpcRequest *ret, RpcProblem *reterr) {
        return rpc_request_parse(line, strlen(line), ret, reterr);
}

static void takes_a_request_apart(void **state) {
        _cleanup_rpc_request_ RpcRequest r = {};
        _cleanup_problem_ RpcProblem p = {};

        (void)state;
        assert_int_equal(
                parse("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"run\",\"params\":{\"a\":1}}", &r,
                      &p),
                0);
        assert_int_equal(json_object_get_int(r.id), 7);
        assert_string_equal(json_object_get_string(r.method), "run");
        assert_int_equal(json_object_object_length(r.params), 1);
}

static void params_may_be_absent(void **state) {
        _cleanup_rpc_request_ RpcRequest r = {};
        _cleanup_problem_ RpcProblem p = {};

        (void)state;
        assert_int_equal(parse("{\"id\":\"x\",\"method\":\"a\",\"jsonrpc\":\"2.0\"}", &r, &p), 0);
        assert_int_equal(json_object_object_length(r.params), 0);
}

static void a_request_without_an_id_is_a_notification(void **state) {
        _cleanup_rpc_request_ RpcRequest r = {};
        _cleanup_problem_ RpcProblem p = {};

        (void)state;
        assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", &r, &p), 0);
        assert_null(r.id);
}

static void what_is_not_json_is_a_parse_error_with_a_reason(void **state) {
        static const char *const lines[] = {
                "",
                " ",
                "{",
                "nonsense",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"a\"}",
                "{}{}",
                "\xff",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                _cleanup_rpc_request_ RpcRequest r = {};
                _cleanup_problem_ RpcProblem p = {};

                assert_int_equal(parse(lines[i], &r, &p), RPC_E_PARSE);
                assert_non_null(p.detail);
                assert_null(r.id);
        }
}

static void refuses_what_is_no_request(void **state) {
        static const struct {
                const char *line;
                bool has_id; /* that the refusal can carry */
        } cases[] = {
                { "null",                                                            false },
                { "1",                                                               false },
                { "\"run\"",                                                         false },
                { "[]",                                                              false },
                { "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}]",               false },
                { "{}",                                                              false },
                { "{\"id\":1,\"method\":\"a\"}",                                     true  },
                { "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"a\"}",                     true  },
                { "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}",                 true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1}",                                  true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}",                     true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}",                  true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":[]}",   true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":null}", true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"extra\":1}",     true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",                    true  },
                { "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}",              false },
                { "{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"a\"}",               false },
                { "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"a\"}",              false },
                { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"a\"}",                false },
                { "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"a\"}",               false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_rpc_request_ RpcRequest r = {};
                _cleanup_problem_ RpcProblem p = {};

                if (parse(cases[i].line, &r, &p) != RPC_E_INVALID || !p.detail ||
                    (r.id != NULL) != cases[i].has_id)
                        fail_msg("%s", cases[i].line);
        }
}

static void an_id_has_a_longest_form(void **state) {
        _cleanup_json_ json_object *good = NULL, *bad = NULL;
        char text[REQUEST_ID_LENGTH_MAX + 1];

        (void)state;
        memset(text, 'i', sizeof(text));
        good = json_object_new_string_len(text, REQUEST_ID_LENGTH_MAX);
        bad = json_object_new_string_len(text, REQUEST_ID_LENGTH_MAX + 1);
        assert_true(rpc_id_is_valid(good));
        assert_false(rpc_id_is_valid(bad));
        assert_false(rpc_id_is_valid(NULL));
}

static void ids_are_equal_by_type_and_value(void **state) {
        _cleanup_json_ json_object *one = json_object_new_int(1), *same = json_object_new_int64(1),
                                   *text = json_object_new_string("1");

        (void)state;
        assert_true(rpc_id_is_equal(one, same));
        assert_false(rpc_id_is_equal(one, text));
}

static void expect(json_object *message, const char *text) {
        _cleanup_json_ json_object *owned = message;

        assert_string_equal(json_object_to_json_string_ext(owned, JSON_C_TO_STRING_PLAIN), text);
}

static void formats_the_three_kinds_of_message(void **state) {
        _cleanup_json_ json_object *id = json_object_new_string("a");
        char field[] = "limits.tasks", detail[] = "must be an integer";
        const RpcProblem problem = { field, detail };
        json_object *m = NULL;

        (void)state;
        assert_int_equal(rpc_format_result(id, json_object_new_object(), &m), 0);
        expect(m, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}");
        assert_int_equal(rpc_format_notification("output", json_object_new_object(), &m), 0);
        expect(m, "{\"jsonrpc\":\"2.0\",\"method\":\"output\",\"params\":{}}");
        assert_int_equal(rpc_format_error(NULL, RPC_ERROR_PARSE, NULL, NULL, &m), 0);
        expect(m, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":"
                  "\"A message must be one line that holds one JSON value\","
                  "\"data\":{\"reason\":\"parse_error\"}}}");
        assert_int_equal(rpc_format_error(id, RPC_ERROR_INVALID_PARAMS, &problem, "j", &m), 0);
        expect(m, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"error\":{\"code\":-32602,\"message\":"
                  "\"The parameters do not fit the method: correct the field\","
                  "\"data\":{\"reason\":\"invalid_params\",\"field\":\"limits.tasks\","
                  "\"detail\":\"must be an integer\",\"journal\":\"j\"}}}");
}

static void a_missing_part_is_a_failed_allocation(void **state) {
        _cleanup_json_ json_object *m = NULL;

        (void)state;
        assert_int_equal(rpc_format_result(NULL, NULL, &m), -ENOMEM);
        assert_int_equal(rpc_format_notification("output", NULL, &m), -ENOMEM);
        assert_null(m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_a_request_apart),
                cmocka_unit_test(params_may_be_absent),
                cmocka_unit_test(a_request_without_an_id_is_a_notification),
                cmocka_unit_test(what_is_not_json_is_a_parse_error_with_a_reason),
                cmocka_unit_test(refuses_what_is_no_request),
                cmocka_unit_test(an_id_has_a_longest_form),
                cmocka_unit_test(ids_are_equal_by_type_and_value),
                cmocka_unit_test(formats_the_three_kinds_of_message),
                cmocka_unit_test(a_missing_part_is_a_failed_allocation),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
