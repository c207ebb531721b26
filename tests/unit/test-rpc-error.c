/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/rpc-error.h"

static void every_error_has_all_of_its_parts(void **state) {
        (void)state;
        for (RpcError e = 0; e < _RPC_ERROR_MAX; e++) {
                const char *reason = rpc_error_reason(e), *message = rpc_error_message(e);

                assert_non_null(reason);
                assert_int_equal(strspn(reason, "abcdefghijklmnopqrstuvwxyz_"), strlen(reason));
                assert_true(message && strlen(message) > 10);
        }
}

static void no_two_errors_share_a_number_or_a_name(void **state) {
        (void)state;
        for (RpcError a = 0; a < _RPC_ERROR_MAX; a++)
                for (RpcError b = a + 1; b < _RPC_ERROR_MAX; b++) {
                        assert_int_not_equal(rpc_error_code(a), rpc_error_code(b));
                        assert_string_not_equal(rpc_error_reason(a), rpc_error_reason(b));
                }
}

static void numbers_are_those_that_clients_know(void **state) {
        static const struct {
                RpcError error;
                int code;
        } codes[] = {
                { RPC_ERROR_PARSE,                -32700 },
                { RPC_ERROR_INVALID_REQUEST,      -32600 },
                { RPC_ERROR_METHOD_NOT_FOUND,     -32601 },
                { RPC_ERROR_INVALID_PARAMS,       -32602 },
                { RPC_ERROR_INTERNAL,             -32603 },
                { RPC_ERROR_TOO_MANY_CONNECTIONS, -32000 },
                { RPC_ERROR_NO_INTERPRETER,       -32016 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                assert_int_equal(rpc_error_code(codes[i].error), codes[i].code);
        for (RpcError e = RPC_ERROR_TOO_MANY_CONNECTIONS; e < _RPC_ERROR_MAX; e++) {
                int code = rpc_error_code(e);

                /* between them are MCP's */
                assert_true((code >= -32019 && code <= -32000) ||
                            (code >= -32069 && code <= -32050));
        }
}

static void a_problem_can_be_set_again(void **state) {
        _cleanup_problem_ RpcProblem p = {};

        (void)state;
        assert_int_equal(rpc_problem_set(&p, "a", "%d", 1), 0);
        assert_int_equal(rpc_problem_set(&p, NULL, "%s", "two"), 0);
        assert_null(p.field);
        assert_string_equal(p.detail, "two");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_error_has_all_of_its_parts),
                cmocka_unit_test(no_two_errors_share_a_number_or_a_name),
                cmocka_unit_test(numbers_are_those_that_clients_know),
                cmocka_unit_test(a_problem_can_be_set_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
