/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What README.md and cloche(1) say in tables, compared with the source that it comes from. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "client/outcome.h"
#include "handler/method-server.h"
#include "handler/result.h"
#include "wire/rpc-error.h"

static char *readme, *manual;

static char *read_file(const char *path) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = fopen(path, "re");

        if (!f || getdelim(&text, &size, EOF, f) <= 0) {
                (void)fprintf(stderr, "Cannot read %s\n", path);
                exit(1);
        }
        (void)fclose(f);
        return text;
}

/* A line of the README that begins with this. */
_printf_(1, 2) static void assert_row(const char *format, ...) {
        _cleanup_free_ char *row = NULL, *line = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&row, format, ap);
        va_end(ap);
        assert_true(n > 0);
        assert_true(asprintf(&line, "\n%s", row) > 0);
        if (!strstr(readme, line))
                fail_msg("README.md has no line that begins with: %s", row);
}

/* How many rows the table has whose head begins with this: a newline and the first columns. */
static size_t count_rows(const char *head) {
        const char *p = strstr(readme, head);
        size_t n = 0;

        assert_non_null(p);
        for (p = strchr(p, '\n'); p && p[1] == '|'; p = strchr(p + 1, '\n'))
                n++;
        return n - 2; /* the head and the line below it */
}

static void the_table_of_limits_is_what_server_info_says(void **state) {
        const char *name;
        uint64_t value;
        size_t n = 0;

        (void)state;
        for (; (name = method_server_limit(n, &value)); n++)
                assert_row("| `%s` | %" PRIu64 " |", name, value);
        assert_int_equal(count_rows("\n| limit | value |"), n);
}

static void the_table_of_errors_has_each_with_its_code(void **state) {
        (void)state;
        for (RpcError e = 0; e < _RPC_ERROR_MAX; e++)
                assert_row("| `%s` | %d |", rpc_error_reason(e), rpc_error_code(e));
        assert_int_equal(count_rows("\n| reason | code |"), _RPC_ERROR_MAX);
}

static void the_table_of_methods_has_each_with_its_parameters(void **state) {
        (void)state;
        for (size_t i = 0; i < method_count(); i++) {
                const Method *m = methods + i;
                _cleanup_free_ char *head = NULL;
                const char *row, *end;

                assert_row("| `%s` |", m->name);
                assert_true(asprintf(&head, "\n| `%s` |", m->name) > 0);
                row = strstr(readme, head);
                end = strchr(row + 1, '\n');
                for (size_t k = 0; k < m->n_fields; k++) {
                        _cleanup_free_ char *word = NULL;
                        const char *found;

                        assert_true(asprintf(&word, "`%s`", m->fields[k].name) > 0);
                        found = strstr(row, word);
                        if (!found || found > end)
                                fail_msg("README.md does not name %s of %s", word, m->name);
                }
        }
        assert_int_equal(count_rows("\n| method | parameters |"), method_count());
}

static void the_table_of_ends_has_every_status_and_limit(void **state) {
        const char *limit;
        size_t n = 0;

        (void)state;
        for (ResultStatus s = RESULT_EXITED; s <= RESULT_SANDBOX_DIED; s++, n++)
                assert_row("| `%s` |", result_status_name(s));
        assert_int_equal(count_rows("\n| status | means |"), n);
        for (unsigned i = 0; (limit = result_limit_name(UINT32_MAX, i)); i++) {
                _cleanup_free_ char *word = NULL;

                assert_true(asprintf(&word, "`%s`", limit) > 0);
                assert_non_null(strstr(strstr(readme, "`limits_hit` names"), word));
        }
}

static void the_manual_has_every_exit_code(void **state) {
        static const int codes[] = { OUTCOME_TIMEOUT, OUTCOME_FAILED, OUTCOME_CANCELLED,
                                     OUTCOME_OOM, OUTCOME_OUTPUT_LIMIT };
        const char *section = strstr(manual, ".SH EXIT STATUS");

        (void)state;
        assert_non_null(section);
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                char line[16];

                (void)snprintf(line, sizeof(line), "\n%d\n", codes[i]);
                if (!strstr(section, line))
                        fail_msg("cloche.1 does not list exit code %d", codes[i]);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_of_limits_is_what_server_info_says),
                cmocka_unit_test(the_table_of_errors_has_each_with_its_code),
                cmocka_unit_test(the_table_of_methods_has_each_with_its_parameters),
                cmocka_unit_test(the_table_of_ends_has_every_status_and_limit),
                cmocka_unit_test(the_manual_has_every_exit_code),
        };
        int r;

        if (argc != 3)
                return 1;
        readme = read_file(argv[1]);
        manual = read_file(argv[2]);
        r = cmocka_run_group_tests(tests, NULL, NULL);
        free(readme);
        free(manual);
        return r;
}
