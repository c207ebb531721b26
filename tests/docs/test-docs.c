/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What cloche(1) and cloche-protocol(7) say in tables, compared with the source that it comes from. */

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

static char *manual, *protocol;

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

/* A section of cloche-protocol(7), from its heading (".SS run", ".SH ERRORS") to the next of its level
 * or above; to be freed. */
static char *find_section(const char *heading) {
        _cleanup_free_ char *line = NULL;
        const char *begin, *end;

        assert_true(asprintf(&line, "\n%s\n", heading) > 0);
        begin = strstr(protocol, line);
        if (!begin)
                fail_msg("cloche-protocol.7 has no %s", heading);
        begin++;
        end = strstr(begin, "\n.SH ");
        if (strncmp(heading, ".SS", 3) == 0) {
                const char *next = strstr(begin, "\n.SS ");

                end = next && (!end || next < end) ? next : end;
        }
        return end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
}

/* How often it stands in text. */
static size_t count(const char *text, const char *what) {
        size_t n = 0;

        for (; (text = strstr(text, what)); text++)
                n++;
        return n;
}

/* A section has an entry that begins so. */
_printf_(2, 3) static void assert_entry(const char *section, const char *format, ...) {
        _cleanup_free_ char *entry = NULL, *line = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&entry, format, ap);
        va_end(ap);
        assert_true(n > 0);
        assert_true(asprintf(&line, "\n.TP\n%s", entry) > 0);
        if (!strstr(section, line))
                fail_msg("cloche-protocol.7: nothing begins with %s in %.40s", entry, section);
}

static void the_protocol_page_has_each_method_with_its_parameters(void **state) {
        _cleanup_free_ char *all = find_section(".SH METHODS");

        (void)state;
        for (size_t i = 0; i < method_count(); i++) {
                const Method *m = methods + i;
                _cleanup_free_ char *heading = NULL, *section = NULL;

                assert_true(asprintf(&heading, ".SS %s", m->name) > 0);
                section = find_section(heading);
                for (size_t k = 0; k < m->n_fields; k++)
                        assert_entry(section, ".BR %s \" (", m->fields[k].name);
                if (count(section, "\n.TP\n") != m->n_fields)
                        fail_msg("cloche-protocol.7: %s has %zu parameters, not %zu", m->name,
                                 m->n_fields, count(section, "\n.TP\n"));
        }
        assert_int_equal(count(all, "\n.SS "), method_count());
}

static void the_protocol_page_has_each_error_with_its_code(void **state) {
        _cleanup_free_ char *section = find_section(".SH ERRORS");

        (void)state;
        for (RpcError e = 0; e < _RPC_ERROR_MAX; e++)
                assert_entry(section, ".BR %s \" (%d)\"\n", rpc_error_reason(e), rpc_error_code(e));
        assert_int_equal(count(section, "\n.TP\n"), _RPC_ERROR_MAX);
}

static void the_protocol_page_has_each_limit_with_its_value(void **state) {
        _cleanup_free_ char *section = find_section(".SH LIMITS");
        const char *name;
        uint64_t value;
        size_t n = 0;

        (void)state;
        for (; (name = method_server_limit(n, &value)); n++)
                assert_entry(section, ".BR %s \" = %" PRIu64 "\"\n", name, value);
        assert_int_equal(count(section, "\n.TP\n"), n);
}

static void the_protocol_page_has_each_end_and_each_notification(void **state) {
        static const char *const notifications[] = { "output", "sandbox_ended" };
        _cleanup_free_ char *ends = find_section(".SH THE RESULT OF AN EXECUTION");
        _cleanup_free_ char *told = find_section(".SH NOTIFICATIONS");
        const char *limit;
        size_t n = 0;

        (void)state;
        for (ResultStatus s = RESULT_EXITED; s <= RESULT_SANDBOX_DIED; s++, n++)
                assert_entry(ends, ".B %s\n", result_status_name(s));
        assert_int_equal(count(ends, "\n.TP\n"), n);
        for (unsigned i = 0; (limit = result_limit_name(UINT32_MAX, i)); i++)
                if (!strstr(ends, limit))
                        fail_msg("cloche-protocol.7 does not name the limit %s", limit);
        for (size_t i = 0; i < ARRAY_SIZE(notifications); i++)
                assert_entry(told, ".B %s\n", notifications[i]);
        assert_int_equal(count(told, "\n.TP\n"), ARRAY_SIZE(notifications));
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
                cmocka_unit_test(the_protocol_page_has_each_method_with_its_parameters),
                cmocka_unit_test(the_protocol_page_has_each_error_with_its_code),
                cmocka_unit_test(the_protocol_page_has_each_limit_with_its_value),
                cmocka_unit_test(the_protocol_page_has_each_end_and_each_notification),
                cmocka_unit_test(the_manual_has_every_exit_code),
        };
        int r;

        if (argc != 3)
                return 1;
        manual = read_file(argv[1]);
        protocol = read_file(argv[2]);
        r = cmocka_run_group_tests(tests, NULL, NULL);
        free(manual);
        free(protocol);
        return r;
}
