/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of events and what must go with each row: a sentence, a priority, a catalog text.
 *
 *   test-event CATALOG */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "audit/event.h"
#include "basic/cleanup.h"

#define CATALOG_COLUMNS_MAX 76
#define SOME_ID             "0123456789abcdef0123456789abcdef"

static const char *arg_catalog;

static void raises_the_priority_of_what_went_wrong(void **state _unused_) {
        static const struct {
                AuditEvent event;
                AuditField field;
                const char *text;
                int priority;
        } cases[] = {
                { AUDIT_CONNECTION_OPENED,  AUDIT_FIELD_UID,        "1",      6 },
                { AUDIT_CONNECTION_REFUSED, AUDIT_FIELD_UID,        "1",      5 },
                { AUDIT_REQUEST_REFUSED,    AUDIT_FIELD_METHOD,     "run",    5 },
                { AUDIT_SANDBOX_REFUSED,    AUDIT_FIELD_UID,        "1",      5 },
                { AUDIT_SANDBOX_ENDED,      AUDIT_FIELD_DEATH,      "closed", 6 },
                { AUDIT_SANDBOX_ENDED,      AUDIT_FIELD_DEATH,      "oom",    5 },
                { AUDIT_SANDBOX_ENDED,      AUDIT_FIELD_SANDBOX,    "1",      6 },
                { AUDIT_EXEC_ENDED,         AUDIT_FIELD_LIMITS_HIT, "",       6 },
                { AUDIT_EXEC_ENDED,         AUDIT_FIELD_LIMITS_HIT, "memory", 5 },
                { AUDIT_EXEC_ENDED,         AUDIT_FIELD_STATUS,     "exited", 6 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const AuditValue v = {
                        .field = cases[i].field,
                        .text = cases[i].text,
                        .size = strlen(cases[i].text),
                };

                assert_int_equal(audit_event_priority(cases[i].event, &v, 1), cases[i].priority);
        }
}

static void tells_an_end_in_a_sentence(void **state _unused_) {
        const AuditValue values[] = {
                AUDIT_NUMBER(EXEC, 2),        AUDIT_TEXT(SANDBOX, SOME_ID),
                AUDIT_TEXT(STATUS, "exited"), AUDIT_NUMBER(EXIT_CODE, 0),
                AUDIT_TEXT(LIMITS_HIT, ""),
        };
        const AuditValue killed[] = {
                AUDIT_NUMBER(EXEC, 2),
                AUDIT_TEXT(SANDBOX, SOME_ID),
                AUDIT_TEXT(STATUS, "signaled"),
                AUDIT_NUMBER(SIGNAL, 9),
                AUDIT_TEXT(LIMITS_HIT, "memory"),
        };
        _cleanup_free_ char *e = NULL, *k = NULL;

        assert_int_equal(audit_event_message(AUDIT_EXEC_ENDED, values, ARRAY_SIZE(values), &e), 0);
        assert_int_equal(audit_event_message(AUDIT_EXEC_ENDED, killed, ARRAY_SIZE(killed), &k), 0);
        assert_string_equal(e, "execution 2 in sandbox 01234567… ended: exited, code 0");
        assert_string_equal(
                k,
                "execution 2 in sandbox 01234567… ended: signaled, signal 9, limits hit: memory");
}

static char *read_catalog(void) {
        _cleanup_close_ int fd = open(arg_catalog, O_RDONLY | O_CLOEXEC);
        char *text = calloc(1, 64 * 1024);
        ssize_t n;

        assert_true(fd >= 0);
        assert_non_null(text);
        n = read(fd, text, 64 * 1024 - 1);
        assert_true(n > 0 && n < 64 * 1024 - 1);
        return text;
}

static void has_a_catalog_entry_for_each_event_and_no_other(void **state _unused_) {
        _cleanup_free_ char *catalog = read_catalog();
        size_t n = 0;

        for (const char *p = catalog; (p = strstr(p, "\n-- ")); p++)
                n++;
        assert_int_equal(n, _AUDIT_EVENT_MAX);
        for (int i = 0; i < _AUDIT_EVENT_MAX; i++) {
                const char *id = audit_event_message_id((AuditEvent)i);
                char head[64];

                assert_int_equal(strlen(id), 32);
                assert_int_equal(strspn(id, "0123456789abcdef"), 32);
                (void)snprintf(head, sizeof(head), "\n-- %s\nSubject: ", id);
                if (!strstr(catalog, head))
                        fail_msg("no catalog entry %s for %s", id, audit_event_name((AuditEvent)i));
                for (int j = 0; j < i; j++) {
                        assert_string_not_equal(id, audit_event_message_id((AuditEvent)j));
                        assert_string_not_equal(audit_event_name((AuditEvent)i),
                                                audit_event_name((AuditEvent)j));
                }
        }
}

static void has_catalog_texts_that_fit_a_terminal(void **state _unused_) {
        _cleanup_free_ char *catalog = read_catalog();
        char *rest = catalog, *line;

        while ((line = strsep(&rest, "\n"))) {
                if (line[0] == '#')
                        continue;
                if (strlen(line) > CATALOG_COLUMNS_MAX)
                        fail_msg("longer than %d: %s", CATALOG_COLUMNS_MAX, line);
        }
}

/* Whether this is the name of a field that entries have. */
static bool is_field(const char *name, size_t n) {
        if (n < 8 || strncmp(name, "CLOCHE_", 7) != 0)
                return false;
        name += 7;
        n -= 7;
        for (int f = 0; f < _AUDIT_FIELD_MAX; f++) {
                const char *known = audit_field_name((AuditField)f);

                if (strlen(known) == n && strncmp(known, name, n) == 0)
                        return true;
        }
        return (n == 3 && strncmp(name, "SEQ", n) == 0) ||
               (n == 2 && strncmp(name, "BY", n) == 0) ||
               (n == 10 && strncmp(name, "CONNECTION", n) == 0);
}

static void names_only_fields_that_exist_in_the_catalog(void **state _unused_) {
        _cleanup_free_ char *catalog = read_catalog();
        size_t n_found = 0;

        for (const char *p = catalog; (p = strstr(p, "CLOCHE_")); n_found++) {
                size_t n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

                if (!is_field(p, n))
                        fail_msg("%.*s is no field", (int)n, p);
                p += n;
        }
        assert_true(n_found > 20);
}

static void has_a_sentence_for_each_event_and_a_name_for_each_field(void **state _unused_) {
        for (int f = 0; f < _AUDIT_FIELD_MAX; f++) {
                const char *name = audit_field_name((AuditField)f);

                assert_non_null(name);
                assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"),
                                 strlen(name));
        }
        for (int i = 0; i < _AUDIT_EVENT_MAX; i++) {
                AuditValue values[_AUDIT_FIELD_MAX];
                _cleanup_free_ char *none = NULL, *all = NULL;

                for (int f = 0; f < _AUDIT_FIELD_MAX; f++)
                        values[f] = (AuditValue){ .field = (AuditField)f, .text = "v", .size = 1 };
                assert_int_equal(audit_event_message((AuditEvent)i, NULL, 0, &none), 0);
                assert_int_equal(audit_event_message((AuditEvent)i, values, _AUDIT_FIELD_MAX, &all),
                                 0);
                assert_true(strlen(none) > 0 && strlen(all) >= strlen(none));
                assert_null(strpbrk(all, "{}[]?")); /* every placeholder is the name of a field */
                assert_null(strpbrk(none, "{}[]"));
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(raises_the_priority_of_what_went_wrong),
                cmocka_unit_test(tells_an_end_in_a_sentence),
                cmocka_unit_test(has_a_catalog_entry_for_each_event_and_no_other),
                cmocka_unit_test(has_catalog_texts_that_fit_a_terminal),
                cmocka_unit_test(names_only_fields_that_exist_in_the_catalog),
                cmocka_unit_test(has_a_sentence_for_each_event_and_a_name_for_each_field),
        };

        if (argc < 2)
                return 2;
        arg_catalog = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
