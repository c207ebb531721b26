/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/field-schema.h"
#include "wire/field.h"

typedef struct Inner {
        uint64_t number;
        const char *text;
} Inner;

typedef struct Outer {
        const char *text;
        uint64_t number;
        bool yes;
        json_object *words;
        json_object *env;
        Inner inner;
        json_object *id;
} Outer;

static const Field inner_fields[] = {
        { .name = "number",
         .type = FIELD_UINT,
         .offset = offsetof(Inner, number),
         .max = 5,
         .description = "d" },
        { .name = "text",
         .type = FIELD_STRING,
         .offset = offsetof(Inner, text),
         .max = 3,
         .mandatory = true,
         .description = "d" },
};

static const Field text_field = { .name = "text",
                                  .type = FIELD_STRING,
                                  .min = 1,
                                  .max = 4,
                                  .offset = offsetof(Outer, text),
                                  .description = "a text" };
static const Field number_field = { .name = "number",
                                    .type = FIELD_UINT,
                                    .min = 1,
                                    .max = JSON_INTEGER_MAX,
                                    .offset = offsetof(Outer, number),
                                    .description = "a number" };
static const Field yes_field = {
        .name = "yes", .type = FIELD_BOOL, .offset = offsetof(Outer, yes), .description = "d"
};
static const Field words_field = { .name = "words",
                                   .type = FIELD_STRINGS,
                                   .min = 1,
                                   .max = 3,
                                   .offset = offsetof(Outer, words),
                                   .description = "d" };
static const Field env_field = { .name = "env",
                                 .type = FIELD_ENV,
                                 .max = 2,
                                 .offset = offsetof(Outer, env),
                                 .description = "d" };
static const Field inner_field = { .name = "inner",
                                   .type = FIELD_OBJECT,
                                   .fields = inner_fields,
                                   .n_fields = ARRAY_SIZE(inner_fields),
                                   .offset = offsetof(Outer, inner),
                                   .description = "d" };
static const Field id_field = {
        .name = "id", .type = FIELD_ID, .offset = offsetof(Outer, id), .description = "d"
};

static Field table[7];

static int set_up(void **state) {
        (void)state;
        table[0] = text_field;
        table[1] = number_field;
        table[2] = yes_field;
        table[3] = words_field;
        table[4] = env_field;
        table[5] = inner_field;
        table[6] = id_field;
        return 0;
}

static json_object *params_of(const char *text) {
        json_object *o = NULL;

        if (json_parse(text, strlen(text), &o, NULL) < 0)
                fail_msg("not JSON: %s", text);
        return o;
}

static void sets_every_place(void **state) {
        _cleanup_json_ json_object *params = params_of(
                "{\"text\":\"abc\",\"number\":9007199254740991,\"yes\":true,\"words\":[\"a\",\"\"],"
                "\"env\":{\"A_1\":\"x\"},\"inner\":{\"number\":0,\"text\":\"\"},\"id\":\"i\"}");
        _cleanup_problem_ RpcProblem p = {};
        Outer o;

        (void)state;
        assert_int_equal(field_parse(table, ARRAY_SIZE(table), params, &o, &p), 0);
        assert_string_equal(o.text, "abc");
        assert_true(o.number == JSON_INTEGER_MAX);
        assert_true(o.yes);
        assert_int_equal(json_object_array_length(o.words), 2);
        assert_int_equal(json_object_object_length(o.env), 1);
        assert_int_equal(o.inner.number, 0);
        assert_string_equal(o.inner.text, "");
        assert_string_equal(json_object_get_string(o.id), "i");
}

static void what_is_absent_is_told_apart(void **state) {
        _cleanup_json_ json_object *params = params_of("{}");
        _cleanup_problem_ RpcProblem p = {};
        Outer o;

        (void)state;
        memset(&o, 0xaa, sizeof(o));
        assert_int_equal(field_parse(table, ARRAY_SIZE(table), params, &o, &p), 0);
        assert_null(o.text);
        assert_true(o.number == LIMIT_UNSET);
        assert_false(o.yes);
        assert_null(o.words);
        assert_null(o.env);
        assert_null(o.id);
        assert_true(o.inner.number == LIMIT_UNSET);
        assert_null(o.inner.text);
}

static void refuses_by_the_name_of_the_field(void **state) {
        static const char *const cases[][2] = {
                { "{\"txet\":\"a\"}",                             "txet"         },
                { "{\"Text\":\"a\"}",                             "Text"         },
                { "{\"\":1}",                                     ""             },
                { "{\"text\":1}",                                 "text"         },
                { "{\"text\":null}",                              "text"         },
                { "{\"text\":\"\"}",                              "text"         },
                { "{\"text\":\"abcde\"}",                         "text"         },
                { "{\"text\":\"\xc3\xa9\xc3\xa9z\"}",             "text"         },
                { "{\"number\":\"1\"}",                           "number"       },
                { "{\"number\":true}",                            "number"       },
                { "{\"number\":null}",                            "number"       },
                { "{\"number\":[1]}",                             "number"       },
                { "{\"number\":0}",                               "number"       },
                { "{\"number\":-0}",                              "number"       },
                { "{\"number\":-1}",                              "number"       },
                { "{\"number\":1.0}",                             "number"       },
                { "{\"number\":1e3}",                             "number"       },
                { "{\"number\":1E0}",                             "number"       },
                { "{\"number\":9007199254740993.0}",              "number"       },
                { "{\"number\":-9007199254740991}",               "number"       },
                { "{\"yes\":1}",                                  "yes"          },
                { "{\"yes\":\"true\"}",                           "yes"          },
                { "{\"yes\":null}",                               "yes"          },
                { "{\"words\":\"a\"}",                            "words"        },
                { "{\"words\":[]}",                               "words"        },
                { "{\"words\":[\"a\",\"b\",\"c\",\"d\"]}",        "words"        },
                { "{\"words\":[\"a\",1]}",                        "words[1]"     },
                { "{\"words\":[null]}",                           "words[0]"     },
                { "{\"words\":[[\"a\"]]}",                        "words[0]"     },
                { "{\"words\":{\"0\":\"a\"}}",                    "words"        },
                { "{\"env\":[]}",                                 "env"          },
                { "{\"env\":{\"A\":1}}",                          "env.A"        },
                { "{\"env\":{\"A\":null}}",                       "env.A"        },
                { "{\"env\":{\"\":\"x\"}}",                       "env."         },
                { "{\"env\":{\"1A\":\"x\"}}",                     "env.1A"       },
                { "{\"env\":{\"A=B\":\"x\"}}",                    "env.A=B"      },
                { "{\"env\":{\"A-B\":\"x\"}}",                    "env.A-B"      },
                { "{\"env\":{\"\xc3\xa9\":\"x\"}}",               "env.\xc3\xa9" },
                { "{\"env\":{\"A\":\"\",\"B\":\"\",\"C\":\"\"}}", "env"          },
                { "{\"inner\":1}",                                "inner"        },
                { "{\"inner\":null}",                             "inner"        },
                { "{\"inner\":{}}",                               "inner.text"   },
                { "{\"inner\":{\"text\":\"\",\"number\":6}}",     "inner.number" },
                { "{\"inner\":{\"text\":\"\",\"x\":6}}",          "inner.x"      },
                { "{\"inner\":{\"text\":\"abcd\"}}",              "inner.text"   },
                { "{\"id\":null}",                                "id"           },
                { "{\"id\":1.5}",                                 "id"           },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *params = params_of(cases[i][0]);
                _cleanup_problem_ RpcProblem p = {};
                Outer o;

                if (field_parse(table, ARRAY_SIZE(table), params, &o, &p) != FIELD_E_INVALID)
                        fail_msg("taken: %s", cases[i][0]);
                if (!p.detail || strcmp(p.field, cases[i][1]) != 0)
                        fail_msg("%s: %s", cases[i][0], p.field);
        }
}

static void a_long_name_is_cut_between_characters(void **state) {
        _cleanup_json_ json_object *params = json_object_new_object();
        _cleanup_problem_ RpcProblem p = {};
        char name[100];
        Outer o;

        (void)state;
        memset(name, 'n', sizeof(name));
        memcpy(name + 62, "\xe2\x82\xac", 3); /* stands across the 64th byte */
        name[sizeof(name) - 1] = 0;
        assert_int_equal(json_set_uint(params, name, 1), 0);
        assert_int_equal(field_parse(table, ARRAY_SIZE(table), params, &o, &p), FIELD_E_INVALID);
        assert_int_equal(strlen(p.field), 62);
        assert_true(utf8_is_valid(p.field, strlen(p.field)));
}

static void words_and_variables_have_the_kernels_bound(void **state) {
        _cleanup_free_ char *word = malloc(ARG_SIZE_MAX + 2);

        (void)state;
        memset(word, 'w', ARG_SIZE_MAX + 1);
        word[ARG_SIZE_MAX + 1] = 0;
        for (int excess = 0; excess <= 1; excess++) {
                _cleanup_json_ json_object *params = json_object_new_object();
                _cleanup_problem_ RpcProblem p = {};
                json_object *list = json_object_new_array(), *env = json_object_new_object();
                Outer o;

                assert_int_equal(json_set(params, "words", list), 0);
                assert_int_equal(json_append(list, json_object_new_string(word + 1 - excess)), 0);
                assert_int_equal(field_parse(table, ARRAY_SIZE(table), params, &o, &p),
                                 excess ? FIELD_E_INVALID : 0);

                json_object_object_del(params, "words");
                assert_int_equal(json_set(params, "env", env), 0);
                assert_int_equal(json_set_string(env, "AB", word + 4 - excess), 0);
                assert_int_equal(field_parse(table, ARRAY_SIZE(table), params, &o, &p),
                                 excess ? FIELD_E_INVALID : 0);
        }
}

static void the_schema_says_what_the_parser_takes(void **state) {
        _cleanup_json_ json_object *schema = NULL;

        (void)state;
        assert_int_equal(field_schema_format(table, ARRAY_SIZE(table), &schema), 0);
        assert_string_equal(
                json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PLAIN),
                "{\"type\":\"object\",\"properties\":{"
                "\"text\":{\"type\":\"string\",\"maxLength\":4,\"description\":\"a text\"},"
                "\"number\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9007199254740991,"
                "\"description\":\"a number\"},"
                "\"yes\":{\"type\":\"boolean\",\"description\":\"d\"},"
                "\"words\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,"
                "\"maxItems\":3,\"description\":\"d\"},"
                "\"env\":{\"type\":\"object\","
                "\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"},"
                "\"additionalProperties\":{\"type\":\"string\"},\"maxProperties\":2,"
                "\"description\":\"d\"},"
                "\"inner\":{\"type\":\"object\",\"properties\":{"
                "\"number\":{\"type\":\"integer\",\"maximum\":5,\"description\":\"d\"},"
                "\"text\":{\"type\":\"string\",\"maxLength\":3,\"description\":\"d\"}},"
                "\"required\":[\"text\"],\"additionalProperties\":false,\"description\":\"d\"},"
                "\"id\":{\"type\":[\"integer\",\"string\"],\"maxLength\":128,\"description\":\"d\"}},"
                "\"additionalProperties\":false}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sets_every_place),
                cmocka_unit_test(what_is_absent_is_told_apart),
                cmocka_unit_test(refuses_by_the_name_of_the_field),
                cmocka_unit_test(a_long_name_is_cut_between_characters),
                cmocka_unit_test(words_and_variables_have_the_kernels_bound),
                cmocka_unit_test(the_schema_says_what_the_parser_takes),
        };

        return cmocka_run_group_tests(tests, set_up, NULL);
}
