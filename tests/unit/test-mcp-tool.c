/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "wire/mcp-tool.h"

static json_object *json(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

static json_object *get(json_object *o, const char *name) {
        json_object *value = NULL;

        assert_true(json_object_object_get_ex(o, name, &value));
        return value;
}

static void each_is_found_by_its_name_and_stands_for_one_method(void **state) {
        (void)state;
        assert_int_equal(mcp_tool_count(), 10);
        for (size_t i = 0; i < mcp_tool_count(); i++) {
                const McpTool *t = mcp_tool_get(i);
                const char *dot = strchr(t->method, '.');

                assert_ptr_equal(mcp_tool_find(t->name), t);
                assert_int_equal(strlen(t->name), strlen(t->method));
                for (size_t k = 0; t->name[k]; k++)
                        assert_int_equal(t->name[k],
                                         dot && t->method + k == dot ? '_' : t->method[k]);
        }
        assert_null(mcp_tool_find("sandbox.open"));
        assert_null(mcp_tool_find("server_info"));
        assert_null(mcp_tool_find(""));
}

static void an_entry_has_all_that_a_client_asks_for(void **state) {
        (void)state;
        for (size_t i = 0; i < mcp_tool_count(); i++) {
                static const char *const strings[] = { "name", "title", "description" };
                static const char *const hints[] = { "readOnlyHint", "destructiveHint",
                                                     "idempotentHint", "openWorldHint" };
                _cleanup_json_ json_object *entry = NULL;

                assert_int_equal(
                        mcp_tool_format(mcp_tool_get(i), json("{\"type\":\"object\"}"), &entry), 0);
                for (size_t k = 0; k < ARRAY_SIZE(strings); k++)
                        assert_true(json_object_get_string_len(get(entry, strings[k])) > 0);
                for (size_t k = 0; k < ARRAY_SIZE(hints); k++)
                        assert_true(json_object_is_type(get(get(entry, "annotations"), hints[k]),
                                                        json_type_boolean));
                assert_string_equal(json_object_get_string(get(get(entry, "outputSchema"), "type")),
                                    "object");
                assert_string_equal(json_object_get_string(get(get(entry, "inputSchema"), "type")),
                                    "object");
        }
}

static void what_only_reads_is_told_so_and_what_destroys_as_well(void **state) {
        static const struct {
                const char *name;
                bool reads, destroys;
        } cases[] = {
                { "run",          false, false },
                { "sandbox_exec", false, true  },
                { "file_get",     true,  false },
                { "file_remove",  false, true  },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *entry = NULL;
                json_object *hints;

                assert_int_equal(mcp_tool_format(mcp_tool_find(cases[i].name), json("{}"), &entry),
                                 0);
                hints = get(entry, "annotations");
                assert_int_equal(json_object_get_boolean(get(hints, "readOnlyHint")),
                                 cases[i].reads);
                assert_int_equal(json_object_get_boolean(get(hints, "destructiveHint")),
                                 cases[i].destroys);
        }
}

static void hidden_parameters_are_neither_listed_nor_taken(void **state) {
        _cleanup_json_ json_object *entry = NULL, *params = NULL,
                                   *arguments = json("{\"code\":\"1\",\"pty\":true}");
        _cleanup_problem_ RpcProblem p = {};
        const McpTool *run = mcp_tool_find("run");

        (void)state;
        assert_int_equal(
                mcp_tool_format(run,
                                json("{\"properties\":{\"code\":{},\"stdin_open\":{},"
                                     "\"pty\":{},\"rows\":{},\"cols\":{},\"capture\":{}}}"),
                                &entry),
                0);
        assert_string_equal(
                json_object_to_json_string_ext(get(get(entry, "inputSchema"), "properties"),
                                               JSON_C_TO_STRING_PLAIN),
                "{\"code\":{}}");
        assert_int_equal(mcp_tool_params(run, arguments, &params, &p), MCP_E_INVALID);
        assert_string_equal(p.field, "pty");
}

static void an_execution_always_captures(void **state) {
        _cleanup_json_ json_object *arguments = json("{\"code\":\"1\",\"cwd\":null}"),
                                   *params = NULL, *bare = NULL, *other = NULL;
        _cleanup_problem_ RpcProblem p = {};

        (void)state;
        assert_int_equal(mcp_tool_params(mcp_tool_find("sandbox_exec"), arguments, &params, &p), 0);
        assert_string_equal(json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN),
                            "{\"code\":\"1\",\"cwd\":null,\"capture\":true}");
        /* what the client sent stays as it was */
        assert_int_equal(json_object_object_length(arguments), 2);
        assert_int_equal(mcp_tool_params(mcp_tool_find("run"), NULL, &bare, &p), 0);
        assert_string_equal(json_object_to_json_string_ext(bare, JSON_C_TO_STRING_PLAIN),
                            "{\"capture\":true}");
        assert_int_equal(mcp_tool_params(mcp_tool_find("sandbox_list"), NULL, &other, &p), 0);
        assert_string_equal(json_object_to_json_string_ext(other, JSON_C_TO_STRING_PLAIN), "{}");
}

static void the_list_is_that_of_its_era(void **state) {
        _cleanup_json_ json_object *old = NULL, *new = NULL;

        (void)state;
        assert_int_equal(mcp_tool_list_format(MCP_ERA_SESSION, json("[]"), &old), 0);
        assert_string_equal(json_object_to_json_string_ext(old, JSON_C_TO_STRING_PLAIN),
                            "{\"tools\":[]}");
        assert_int_equal(mcp_tool_list_format(MCP_ERA_STATELESS, json("[]"), &new), 0);
        assert_string_equal(json_object_get_string(get(new, "resultType")), "complete");
        assert_string_equal(json_object_get_string(get(new, "cacheScope")), "public");
        assert_true(json_object_get_int(get(new, "ttlMs")) > 0);
        assert_int_equal(json_object_array_length(get(new, "tools")), 0);
}

static void what_could_not_be_allocated_is_told(void **state) {
        _cleanup_json_ json_object *entry = NULL, *list = NULL;

        (void)state;
        assert_int_equal(mcp_tool_format(mcp_tool_get(0), NULL, &entry), -ENOMEM);
        assert_int_equal(mcp_tool_list_format(MCP_ERA_STATELESS, NULL, &list), -ENOMEM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_is_found_by_its_name_and_stands_for_one_method),
                cmocka_unit_test(an_entry_has_all_that_a_client_asks_for),
                cmocka_unit_test(what_only_reads_is_told_so_and_what_destroys_as_well),
                cmocka_unit_test(hidden_parameters_are_neither_listed_nor_taken),
                cmocka_unit_test(an_execution_always_captures),
                cmocka_unit_test(the_list_is_that_of_its_era),
                cmocka_unit_test(what_could_not_be_allocated_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
