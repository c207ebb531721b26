/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "handler/method-server.h"
#include "handler/methods.h"
#include "wire/field-schema.h"

static void every_method_is_found_by_its_name(void **state) {
        (void)state;
        assert_true(method_count() >= 5);
        for (size_t i = 0; i < method_count(); i++)
                assert_ptr_equal(method_find(methods[i].name), &methods[i]);
        assert_null(method_find("no.such"));
        assert_null(method_find(""));
        assert_null(method_find("run "));
}

static void every_method_and_field_tells_what_it_is(void **state) {
        (void)state;
        for (size_t i = 0; i < method_count(); i++) {
                const Method *m = &methods[i];

                assert_true(m->description && m->description[0] && m->handle);
                for (size_t j = 0; j < m->n_fields; j++)
                        assert_true(m->fields[j].description && m->fields[j].description[0]);
        }
}

static size_t field_size(const Field *f) {
        switch (f->type) {
        case FIELD_UINT:
                return sizeof(uint64_t);
        case FIELD_BOOL:
                return sizeof(bool);
        case FIELD_OBJECT:
                return f->n_fields * sizeof(uint64_t);
        case FIELD_STRING:
        case FIELD_STRINGS:
        case FIELD_ENV:
        case FIELD_OBJECTS:
        case FIELD_ID:
        default:
                return sizeof(void *);
        }
}

static void no_two_fields_share_a_name_or_a_place(void **state) {
        (void)state;
        for (size_t i = 0; i < method_count(); i++) {
                const Method *m = &methods[i];

                for (size_t j = 0; j < m->n_fields; j++) {
                        const Field *f = &m->fields[j];

                        assert_true(f->offset + field_size(f) <= m->params_size);
                        assert_true(f->type == FIELD_BOOL || f->type == FIELD_ID ||
                                    f->type == FIELD_OBJECT || f->min <= f->max);
                        for (size_t k = 0; k < j; k++) {
                                const Field *g = &m->fields[k];

                                assert_string_not_equal(f->name, g->name);
                                assert_true(f->offset >= g->offset + field_size(g) ||
                                            g->offset >= f->offset + field_size(f));
                        }
                }
        }
}

static void every_method_has_a_schema(void **state) {
        (void)state;
        for (size_t i = 0; i < method_count(); i++) {
                _cleanup_json_ json_object *schema = NULL;

                assert_int_equal(
                        field_schema_format(methods[i].fields, methods[i].n_fields, &schema), 0);
                assert_int_equal(
                        json_object_object_length(json_object_object_get(schema, "properties")),
                        methods[i].n_fields);
        }
}

/* security: what other sandboxes were opened with, by one name or another */
static void no_method_takes_what_would_widen_a_sandbox(void **state) {
        static const char *const names[] = {
                "privileged",   "network", "volumes", "devices",     "cap_add",
                "security_opt", "user",    "runtime", "annotations", "image",
                "mounts",       "hooks",   "pid",     "ipc",
        };

        (void)state;
        for (size_t i = 0; i < method_count(); i++)
                for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
                        _cleanup_json_ json_object *params = json_object_new_object();
                        _cleanup_free_ void *ret = calloc(1, methods[i].params_size + 1);
                        _cleanup_problem_ RpcProblem p = {};

                        assert_int_equal(json_set_string(params, names[j], "host"), 0);
                        assert_int_equal(field_parse(methods[i].fields, methods[i].n_fields, params,
                                                     ret, &p),
                                         FIELD_E_INVALID);
                        assert_string_equal(p.field, names[j]);
                }
}

static void limits_have_names_that_differ(void **state) {
        const char *a, *b;
        uint64_t value;
        size_t n;

        (void)state;
        for (n = 0; (a = method_server_limit(n, &value)); n++) {
                assert_true(value > 0);
                for (size_t i = 0; i < n; i++) {
                        b = method_server_limit(i, &value);
                        assert_string_not_equal(a, b);
                }
        }
        assert_true(n > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_method_is_found_by_its_name),
                cmocka_unit_test(every_method_and_field_tells_what_it_is),
                cmocka_unit_test(no_two_fields_share_a_name_or_a_place),
                cmocka_unit_test(every_method_has_a_schema),
                cmocka_unit_test(no_method_takes_what_would_widen_a_sandbox),
                cmocka_unit_test(limits_have_names_that_differ),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
