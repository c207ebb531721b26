/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "wire/mcp.h"

#define VERSION_KEY      "\"io.modelcontextprotocol/protocolVersion\":"
#define CAPABILITIES_KEY "\"io.modelcontextprotocol/clientCapabilities\":"
#define MODERN           "\"_meta\":{" VERSION_KEY "\"2026-07-28\"," CAPABILITIES_KEY "{}}"

static json_object *json(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

static void assert_json(json_object *o, const char *expected) {
        assert_string_equal(json_object_to_json_string_ext(
                                    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                            expected);
}

/* A member by its path; what stands between dots. */
static json_object *at(json_object *o, const char *name, const char *next) {
        json_object *value = NULL;

        assert_true(json_object_object_get_ex(o, name, &value));
        return next ? at(value, next, NULL) : value;
}

static void knows_its_methods_and_which_of_them_are_notifications(void **state) {
        static const struct {
                const char *name;
                bool is_notification;
        } cases[] = {
                { "initialize",                false },
                { "notifications/initialized", true  },
                { "ping",                      false },
                { "server/discover",           false },
                { "tools/list",                false },
                { "tools/call",                false },
                { "notifications/cancelled",   true  },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                McpMethod m = mcp_method_find(cases[i].name);

                assert_int_equal(m, i);
                assert_int_equal(mcp_method_is_notification(m), cases[i].is_notification);
        }
        assert_int_equal(ARRAY_SIZE(cases), _MCP_METHOD_MAX);
        assert_int_equal(mcp_method_find("run"), _MCP_METHOD_MAX);
        assert_int_equal(mcp_method_find("resources/list"), _MCP_METHOD_MAX);
        assert_int_equal(mcp_method_find(""), _MCP_METHOD_MAX);
}

static void takes_requests_apart(void **state) {
        _cleanup_json_ json_object *params =
                json("{\"name\":\"run\",\"arguments\":{\"code\":\"1\"},\"more\":[1],"
                     "\"_meta\":{\"progressToken\":\"t\",\"com.example/x\":7}}");
        _cleanup_problem_ RpcProblem p = {};
        McpRequest r;

        (void)state;
        assert_int_equal(mcp_request_parse(MCP_METHOD_TOOLS_CALL, params, &r, &p), 0);
        assert_int_equal(r.era, MCP_ERA_SESSION);
        assert_string_equal(r.tool, "run");
        assert_json(r.arguments, "{\"code\":\"1\"}");
        assert_string_equal(json_object_get_string(r.progress_token), "t");
        assert_null(r.version);
        assert_null(r.client_name);
}

static void a_stateless_request_says_all_about_itself(void **state) {
        _cleanup_json_ json_object *params = json(
                "{\"_meta\":{" VERSION_KEY "\"2026-07-28\"," CAPABILITIES_KEY
                "{\"roots\":{}},\"io.modelcontextprotocol/clientInfo\":{\"name\":\"n\",\"version\":"
                "\"v\",\"title\":\"t\"},\"io.modelcontextprotocol/logLevel\":\"debug\","
                "\"progressToken\":0}}");
        _cleanup_problem_ RpcProblem p = {};
        McpRequest r;

        (void)state;
        assert_int_equal(mcp_request_parse(MCP_METHOD_TOOLS_LIST, params, &r, &p), 0);
        assert_int_equal(r.era, MCP_ERA_STATELESS);
        assert_string_equal(r.version, "2026-07-28");
        assert_string_equal(r.client_name, "n");
        assert_string_equal(r.client_version, "v");
        assert_int_equal(json_object_get_int(r.progress_token), 0);
}

static void a_cancellation_names_its_request(void **state) {
        _cleanup_json_ json_object *params = json("{\"requestId\":7,\"reason\":\"enough\"}"),
                                   *bare = json("{\"requestId\":\"a\"," MODERN "}");
        _cleanup_problem_ RpcProblem p = {};
        McpRequest r;

        (void)state;
        assert_int_equal(mcp_request_parse(MCP_METHOD_CANCELLED, params, &r, &p), 0);
        assert_int_equal(json_object_get_int(r.request_id), 7);
        assert_string_equal(r.reason, "enough");
        assert_int_equal(mcp_request_parse(MCP_METHOD_CANCELLED, bare, &r, &p), 0);
        assert_string_equal(json_object_get_string(r.request_id), "a");
        assert_null(r.reason);
}

static void the_era_is_seen_from_the_request(void **state) {
        static const struct {
                McpMethod method;
                const char *params;
                int outcome;
                McpEra era;
        } cases[] = {
                { MCP_METHOD_INITIALIZE,  "{\"protocolVersion\":\"2026-07-28\"}",            0,
                 MCP_ERA_SESSION                                                                                  },
                { MCP_METHOD_INITIALIZE,  "{\"protocolVersion\":\"2025-11-25\"," MODERN "}", 0,
                 MCP_ERA_SESSION                                                                                  },
                { MCP_METHOD_TOOLS_LIST,  "{}",                                              0, MCP_ERA_SESSION   },
                { MCP_METHOD_PING,        "{\"_meta\":{}}",                                  0, MCP_ERA_SESSION   },
                { MCP_METHOD_PING,        "{\"_meta\":{" VERSION_KEY "\"2025-06-18\"}}",     0,
                 MCP_ERA_SESSION                                                                                  },
                { MCP_METHOD_DISCOVER,    "{" MODERN "}",                                    0, MCP_ERA_STATELESS },
                { MCP_METHOD_INITIALIZED, "{\"_meta\":{" VERSION_KEY "\"2026-07-28\"}}",     0,
                 MCP_ERA_STATELESS                                                                                },
                { MCP_METHOD_TOOLS_LIST,
                 "{\"_meta\":{" VERSION_KEY "\"1900-01-01\"," CAPABILITIES_KEY "{}}}",
                 MCP_E_VERSION,                                                                 MCP_ERA_STATELESS },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *params = json(cases[i].params);
                _cleanup_problem_ RpcProblem p = {};
                McpRequest r;

                assert_int_equal(mcp_request_parse(cases[i].method, params, &r, &p),
                                 cases[i].outcome);
                assert_int_equal(r.era, cases[i].era);
        }
}

static void refuses_by_name_what_is_wrong(void **state) {
        static const struct {
                McpMethod method;
                const char *params, *field;
        } cases[] = {
                { MCP_METHOD_INITIALIZE, "{}",                                                    "protocolVersion"                               },
                { MCP_METHOD_INITIALIZE, "{\"protocolVersion\":1}",                               "protocolVersion"                               },
                { MCP_METHOD_INITIALIZE,
                 "{\"protocolVersion\":\"2025-11-25\",\"clientInfo\":{\"name\":\"n\"}}",          "clientInfo"                                    },
                { MCP_METHOD_TOOLS_CALL, "{}",                                                    "name"                                          },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":1}",                                          "name"                                          },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":\"run\",\"arguments\":[]}",                   "arguments"                                     },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":\"run\",\"arguments\":null}",                 "arguments"                                     },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":\"run\",\"_meta\":1}",                        "_meta"                                         },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":\"run\",\"_meta\":{\"progressToken\":1.5}}",
                 "_meta.progressToken"                                                                                                            },
                { MCP_METHOD_TOOLS_CALL, "{\"name\":\"run\",\"_meta\":{\"progressToken\":null}}",
                 "_meta.progressToken"                                                                                                            },
                { MCP_METHOD_TOOLS_LIST, "{\"cursor\":\"x\"}",                                    "cursor"                                        },
                { MCP_METHOD_TOOLS_LIST, "{\"_meta\":{" VERSION_KEY "\"2026-07-28\"}}",
                 "_meta.io.modelcontextprotocol/clientCapabilities"                                                                               },
                { MCP_METHOD_TOOLS_LIST, "{\"_meta\":{" VERSION_KEY "3}}",
                 "_meta.io.modelcontextprotocol/protocolVersion"                                                                                  },
                { MCP_METHOD_DISCOVER,   "{}",                                                    "_meta.io.modelcontextprotocol/protocolVersion" },
                { MCP_METHOD_CANCELLED,  "{}",                                                    "requestId"                                     },
                { MCP_METHOD_CANCELLED,  "{\"requestId\":{}}",                                    "requestId"                                     },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *params = json(cases[i].params);
                _cleanup_problem_ RpcProblem p = {};
                McpRequest r;

                assert_int_equal(mcp_request_parse(cases[i].method, params, &r, &p), MCP_E_INVALID);
                assert_string_equal(p.field, cases[i].field);
                assert_non_null(p.detail);
        }
}

static void agrees_on_the_clients_revision_or_else_on_the_latest_with_a_session(void **state) {
        static const struct {
                const char *asked, *told;
        } cases[] = {
                { "2025-11-25", "2025-11-25" },
                { "2025-06-18", "2025-06-18" },
                { "2025-03-26", "2025-03-26" },
                { "2024-11-05", "2024-11-05" },
                { "2026-07-28", "2025-11-25" },
                { "2099-01-01", "2025-11-25" },
                { "",           "2025-11-25" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *result = NULL;
                McpRequest r = { .method = MCP_METHOD_INITIALIZE, .version = cases[i].asked };

                assert_int_equal(mcp_format_initialized(&r, &result), 0);
                assert_string_equal(json_object_get_string(at(result, "protocolVersion", NULL)),
                                    cases[i].told);
        }
}

static void the_answer_to_initialize_has_what_a_session_needs(void **state) {
        _cleanup_json_ json_object *result = NULL;
        McpRequest r = { .method = MCP_METHOD_INITIALIZE, .version = "2025-11-25" };

        (void)state;
        assert_int_equal(mcp_format_initialized(&r, &result), 0);
        assert_json(at(result, "capabilities", NULL), "{\"tools\":{}}");
        assert_string_equal(json_object_get_string(at(result, "serverInfo", "name")), "cloche");
        assert_string_equal(json_object_get_string(at(result, "serverInfo", "version")),
                            CLOCHE_VERSION);
        assert_true(json_object_get_string_len(at(result, "instructions", NULL)) > 0);
        assert_false(json_object_object_get_ex(result, "resultType", NULL));
        assert_false(json_object_object_get_ex(result, "_meta", NULL));
}

static void the_answer_to_discover_lists_the_revisions(void **state) {
        _cleanup_json_ json_object *result = NULL;

        (void)state;
        assert_int_equal(mcp_format_discovered(&result), 0);
        assert_json(at(result, "supportedVersions", NULL),
                    "[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\",\"2024-11-05\"]");
        assert_json(at(result, "capabilities", NULL), "{\"tools\":{}}");
        assert_string_equal(json_object_get_string(at(result, "resultType", NULL)), "complete");
        assert_string_equal(json_object_get_string(at(result, "cacheScope", NULL)), "public");
        assert_true(json_object_get_int(at(result, "ttlMs", NULL)) > 0);
        assert_string_equal(
                json_object_get_string(at(at(result, "_meta", "io.modelcontextprotocol/serverInfo"),
                                          "name", NULL)),
                "cloche");
}

static void an_empty_result_is_that_of_its_era(void **state) {
        _cleanup_json_ json_object *old = NULL, *new = NULL;

        (void)state;
        assert_int_equal(mcp_format_empty(MCP_ERA_SESSION, &old), 0);
        assert_json(old, "{}");
        assert_int_equal(mcp_format_empty(MCP_ERA_STATELESS, &new), 0);
        assert_string_equal(json_object_get_string(at(new, "resultType", NULL)), "complete");
}

static void an_unknown_revision_is_told_with_those_there_are(void **state) {
        _cleanup_json_ json_object *id = json_object_new_int(4), *message = NULL;

        (void)state;
        assert_int_equal(mcp_format_version_error(id, "1900-01-01", &message), 0);
        assert_json(
                message,
                "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32022,\"message\":\"Unsupported "
                "protocol version\",\"data\":{\"supported\":[\"2026-07-28\",\"2025-11-25\","
                "\"2025-06-18\",\"2025-03-26\",\"2024-11-05\"],\"requested\":\"1900-01-01\"}}}");
}

static void progress_carries_the_token_as_it_came(void **state) {
        _cleanup_json_ json_object *number = json_object_new_int(0),
                                   *string = json_object_new_string("é"), *first = NULL,
                                   *second = NULL;

        (void)state;
        assert_int_equal(mcp_format_progress(number, 1, "line\n", &first), 0);
        assert_json(first, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
                           "\"progressToken\":0,\"progress\":1,\"message\":\"line\\n\"}}");
        assert_int_equal(mcp_format_progress(string, 7, NULL, &second), 0);
        assert_json(second,
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
                    "\"progressToken\":\"é\",\"progress\":7}}");
        /* and it still belongs to who gave it */
        assert_int_equal(json_object_get_int(number), 0);
}

static void the_revisions_have_an_end(void **state) {
        unsigned n = 0;

        (void)state;
        while (mcp_version(n))
                n++;
        assert_int_equal(n, 5);
        assert_string_equal(mcp_version(0), "2026-07-28");
        assert_null(mcp_version(UINT32_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(knows_its_methods_and_which_of_them_are_notifications),
                cmocka_unit_test(takes_requests_apart),
                cmocka_unit_test(a_stateless_request_says_all_about_itself),
                cmocka_unit_test(a_cancellation_names_its_request),
                cmocka_unit_test(the_era_is_seen_from_the_request),
                cmocka_unit_test(refuses_by_name_what_is_wrong),
                cmocka_unit_test(
                        agrees_on_the_clients_revision_or_else_on_the_latest_with_a_session),
                cmocka_unit_test(the_answer_to_initialize_has_what_a_session_needs),
                cmocka_unit_test(the_answer_to_discover_lists_the_revisions),
                cmocka_unit_test(an_empty_result_is_that_of_its_era),
                cmocka_unit_test(an_unknown_revision_is_told_with_those_there_are),
                cmocka_unit_test(progress_carries_the_token_as_it_came),
                cmocka_unit_test(the_revisions_have_an_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
