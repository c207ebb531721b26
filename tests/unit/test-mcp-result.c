/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "wire/mcp-result.h"

#define PNG "iVBORw0KGgoAAAANSUhEUg=="

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

static const char *plain(json_object *o) {
        return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE);
}

static json_object *format(const char *tool, const char *result) {
        json_object *o = NULL;

        assert_int_equal(mcp_result_format(mcp_tool_find(tool), MCP_ERA_SESSION, json(result), &o),
                         0);
        return o;
}

static json_object *block(json_object *o, size_t i) {
        json_object *content = get(o, "content");

        assert_true(i < json_object_array_length(content));
        return json_object_array_get_idx(content, i);
}

static void the_text_of_an_execution_reads_like_a_terminal(void **state) {
        static const struct {
                const char *result, *text;
                bool is_error;
        } cases[] = {
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"a\\nb\\n\",\"stderr\":\"\"}",
                 "a\nb\n",                                                                                                                 false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"a\",\"stderr\":\"w\"}",
                 "a\nstderr:\nw\n",                                                                                                        false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"\",\"limits_hit\":[]}",
                 "[exit code 0]\n",                                                                                                        false },
                { "{\"status\":\"exited\",\"exit_code\":3,\"stdout\":\"x\\n\"}",
                 "x\n[exit code 3]\n",                                                                                                     true  },
                { "{\"status\":\"signaled\",\"signal\":\"SIGSEGV\"}",                                   "[killed by SIGSEGV]\n",
                 true                                                                                                                            },
                { "{\"status\":\"timeout\",\"stdout\":\"x\",\"limits_hit\":[\"time\",\"tasks\"],"
                  "\"state\":\"lost\"}",                                               "x\n[stopped: timeout; limit hit: time, tasks; the interpreter's variables and "
                  "imports are lost]\n",                                          true  },
                { "{\"status\":\"sandbox_died\",\"reason\":\"guest_lost\"}",
                 "[stopped: sandbox_died: guest_lost]\n",                                                                                  true  },
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"x\",\"limits_hit\":[\"work\"]}",
                 "x\n[exit code 0; limit hit: work]\n",                                                                                    false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"x\",\"stdout_truncated\":true}",
                 "x\n[the middle of the output is left out]\n",                                                                            false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"x\",\"state\":\"kept\"}",
                 "x\n",                                                                                                                    false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"results\":[{\"text/plain\":\"42\"},"
                  "{\"text/html\":\"<b>\"},7]}",                                       "42\n",                            false },
                { "{\"status\":\"exited\",\"exit_code\":0,\"files\":[{\"path\":\"a\",\"size\":9,"
                  "\"problem\":\"too large\"}]}",                                      "[a: too large]\n[exit code 0]\n", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *o = format("run", cases[i].result);

                assert_string_equal(json_object_get_string(get(block(o, 0), "type")), "text");
                assert_string_equal(json_object_get_string(get(block(o, 0), "text")),
                                    cases[i].text);
                assert_int_equal(json_object_array_length(get(o, "content")), 1);
                assert_int_equal(json_object_get_boolean(get(o, "isError")), cases[i].is_error);
                assert_string_equal(plain(get(o, "structuredContent")), cases[i].result);
        }
}

static void an_image_is_an_image_and_leaves_its_number_behind(void **state) {
        _cleanup_json_ json_object *o = format(
                "sandbox_exec",
                "{\"status\":\"exited\",\"exit_code\":0,\"results\":[{\"text/plain\":\"<Figure>\","
                "\"image/png\":\"" PNG "\"},{\"image/svg+xml\":\"<svg/>\"}]}");

        (void)state;
        assert_int_equal(json_object_array_length(get(o, "content")), 2);
        assert_string_equal(json_object_get_string(get(block(o, 0), "text")), "[exit code 0]\n");
        assert_string_equal(plain(block(o, 1)),
                            "{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}");
        assert_string_equal(plain(get(get(o, "structuredContent"), "results")),
                            "[{\"text/plain\":\"<Figure>\",\"image/png\":1},"
                            "{\"image/svg+xml\":\"<svg/>\"}]");
}

static void what_is_not_base64_is_no_image(void **state) {
        _cleanup_json_ json_object *o =
                format("run", "{\"status\":\"exited\",\"exit_code\":0,\"results\":["
                              "{\"image/png\":\"not base64\"},{\"image/png\":5}]}");

        (void)state;
        assert_int_equal(json_object_array_length(get(o, "content")), 1);
        assert_string_equal(plain(get(get(o, "structuredContent"), "results")),
                            "[{\"image/png\":\"not base64\"},{\"image/png\":5}]");
}

static void collected_files_come_as_images_and_resources(void **state) {
        _cleanup_json_ json_object *o = format(
                "run",
                "{\"sandbox\":\"ab12\",\"status\":\"exited\",\"exit_code\":0,\"stdout\":\"x\","
                "\"files\":[{\"path\":\"p.png\",\"size\":16,\"base64\":\"" PNG "\"},"
                "{\"path\":\"/work/a b\\u00e9\",\"size\":1,\"text\":\"t\"},"
                "{\"path\":\"c\",\"size\":3,\"base64\":\"AAEC\"}]}");

        (void)state;
        assert_string_equal(plain(block(o, 1)),
                            "{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}");
        assert_string_equal(plain(block(o, 2)),
                            "{\"type\":\"resource\",\"resource\":{\"uri\":\"cloche://ab12/work/"
                            "a%20b%C3%A9\",\"mimeType\":\"text/plain\",\"text\":\"t\"}}");
        assert_string_equal(plain(block(o, 3)),
                            "{\"type\":\"resource\",\"resource\":{\"uri\":\"cloche://ab12/c\","
                            "\"mimeType\":\"application/octet-stream\",\"blob\":\"AAEC\"}}");
        assert_string_equal(plain(get(get(o, "structuredContent"), "files")),
                            "[{\"path\":\"p.png\",\"size\":16,\"content\":1},"
                            "{\"path\":\"/work/a bé\",\"size\":1,\"text\":\"t\",\"content\":2},"
                            "{\"path\":\"c\",\"size\":3,\"content\":3}]");
}

static void what_no_client_would_take_is_left_out_with_a_word(void **state) {
        static const char *const members[] = { "base64", "text" };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                size_t size = MCP_CONTENT_SIZE_MAX + 4;
                _cleanup_json_ json_object *o = NULL;
                _cleanup_free_ char *data = malloc(size);
                json_object *result = json("{\"status\":\"exited\",\"exit_code\":0,\"files\":["
                                           "{\"path\":\"big\"},{\"path\":\"c\",\"text\":\"t\"}]}");
                json_object *file = json_object_array_get_idx(get(result, "files"), 0);

                assert_non_null(data);
                memset(data, 'A', size);
                assert_int_equal(
                        json_set(file, members[i], json_object_new_string_len(data, (int)size)), 0);
                assert_int_equal(
                        mcp_result_format(mcp_tool_find("run"), MCP_ERA_SESSION, result, &o), 0);
                assert_true(json_object_get_string_len(o) < (int)MCP_CONTENT_SIZE_MAX / 2);
                assert_int_equal(json_object_array_length(get(o, "content")), 3);
                assert_non_null(
                        strstr(json_object_get_string(get(block(o, 2), "text")), "1 too large"));
                assert_string_equal(plain(get(get(o, "structuredContent"), "files")),
                                    "[{\"path\":\"big\"},{\"path\":\"c\",\"text\":\"t\","
                                    "\"content\":1}]");
        }
}

static void a_file_is_what_is_in_it(void **state) {
        _cleanup_json_ json_object *
                text = format("file_get", "{\"path\":\"a\",\"size\":2,\"offset\":0,\"length\":2,"
                                          "\"eof\":true,\"text\":\"x\\n\"}"),
               *part = format("file_get", "{\"path\":\"a\",\"size\":9,\"offset\":2,\"length\":3,"
                                          "\"eof\":false,\"text\":\"xyz\"}"),
               *image = format("file_get", "{\"path\":\"a\",\"size\":16,\"offset\":0,\"length\":16,"
                                           "\"eof\":true,\"base64\":\"" PNG "\"}"),
               *bytes = format("file_get", "{\"path\":\"a\",\"size\":3,\"offset\":0,\"length\":3,"
                                           "\"eof\":true,\"base64\":\"AAEC\"}");

        (void)state;
        assert_string_equal(plain(get(text, "content")), "[{\"type\":\"text\",\"text\":\"x\\n\"}]");
        assert_string_equal(json_object_get_string(get(block(part, 0), "text")), "xyz");
        assert_string_equal(json_object_get_string(get(block(part, 1), "text")),
                            "[bytes 2 to 5 of 9; go on with offset 5]\n");
        assert_string_equal(json_object_get_string(get(block(image, 0), "type")), "image");
        assert_int_equal(json_object_get_int(get(get(image, "structuredContent"), "content")), 0);
        assert_string_equal(json_object_get_string(get(get(block(bytes, 0), "resource"), "uri")),
                            "cloche:///a");
        assert_false(json_object_object_get_ex(get(bytes, "structuredContent"), "base64", NULL));
        assert_false(json_object_get_boolean(get(bytes, "isError")));
}

static void other_results_are_text_and_structure(void **state) {
        _cleanup_json_ json_object *o = format("sandbox_open", "{\"sandbox\":\"ab/12\"}");

        (void)state;
        assert_string_equal(plain(o), "{\"content\":[{\"type\":\"text\",\"text\":"
                                      "\"{\\\"sandbox\\\":\\\"ab/12\\\"}\"}],\"isError\":false,"
                                      "\"structuredContent\":{\"sandbox\":\"ab/12\"}}");
}

static void output_may_hold_any_character(void **state) {
        _cleanup_json_ json_object *o = NULL;
        json_object *result = json("{\"status\":\"exited\",\"exit_code\":0}");

        (void)state;
        assert_int_equal(json_set(result, "stdout", json_object_new_string_len("a\0b", 3)), 0);
        assert_int_equal(mcp_result_format(mcp_tool_find("run"), MCP_ERA_SESSION, result, &o), 0);
        assert_int_equal(json_object_get_string_len(get(block(o, 0), "text")), 4);
        assert_memory_equal(json_object_get_string(get(block(o, 0), "text")), "a\0b\n", 4);
}

static void an_error_tells_a_model_what_to_do(void **state) {
        _cleanup_json_ json_object *o = NULL, *bare = NULL;
        RpcProblem p = { .field = (char[]){ "limits.tasks" }, .detail = (char[]){ "too few" } };

        (void)state;
        assert_int_equal(
                mcp_result_format_error(MCP_ERA_STATELESS, RPC_ERROR_INVALID_PARAMS, &p, NULL, &o),
                0);
        assert_string_equal(
                json_object_get_string(get(block(o, 0), "text")),
                "The parameters do not fit the method: correct the field (invalid_params)\n"
                "limits.tasks: too few");
        assert_true(json_object_get_boolean(get(o, "isError")));
        assert_string_equal(json_object_get_string(get(o, "resultType")), "complete");
        assert_false(json_object_object_get_ex(o, "structuredContent", NULL));
        assert_int_equal(
                mcp_result_format_error(MCP_ERA_SESSION, RPC_ERROR_INTERNAL, NULL, "ab", &bare), 0);
        assert_non_null(strstr(json_object_get_string(get(block(bare, 0), "text")),
                               "(internal)\njournal: ab"));
        assert_false(json_object_object_get_ex(bare, "resultType", NULL));
}

static void a_stateless_result_says_that_it_is_complete(void **state) {
        _cleanup_json_ json_object *o = NULL;

        (void)state;
        assert_int_equal(mcp_result_format(mcp_tool_find("sandbox_list"), MCP_ERA_STATELESS,
                                           json("{\"sandboxes\":[]}"), &o),
                         0);
        assert_string_equal(json_object_get_string(get(o, "resultType")), "complete");
        assert_int_equal(mcp_result_format(mcp_tool_get(0), MCP_ERA_STATELESS, NULL, &o), -ENOMEM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_text_of_an_execution_reads_like_a_terminal),
                cmocka_unit_test(an_image_is_an_image_and_leaves_its_number_behind),
                cmocka_unit_test(what_is_not_base64_is_no_image),
                cmocka_unit_test(collected_files_come_as_images_and_resources),
                cmocka_unit_test(what_no_client_would_take_is_left_out_with_a_word),
                cmocka_unit_test(a_file_is_what_is_in_it),
                cmocka_unit_test(other_results_are_text_and_structure),
                cmocka_unit_test(output_may_hold_any_character),
                cmocka_unit_test(an_error_tells_a_model_what_to_do),
                cmocka_unit_test(a_stateless_result_says_that_it_is_complete),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
