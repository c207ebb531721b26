/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The audit against a datagram socket in journald's place: what an entry is made of, what a peer's
 * text cannot do, and what is said when nobody takes it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/audit.h"
#include "basic/cleanup.h"
#include "basic/limits.h"
#include "journal.h"

#define SOME_ID "0123456789abcdef0123456789abcdef"

DEFINE_CLEANUP(Audit, audit_free)

static int set_up(void **state) {
        *state = journal_new();
        return 0;
}

static int tear_down(void **state) {
        journal_free(*state);
        return 0;
}

static Entry *format(const AuditSequence *seq, AuditEvent event, const AuditValue *values,
                     size_t n) {
        size_t size;
        char *data;

        assert_int_equal(audit_format("handler", seq, event, values, n, &data, &size), 0);
        return entry_new(data, size);
}

static uint64_t now_usec(void) {
        struct timespec ts;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* -- the entry -------------------------------------------------------------------------------- */

static void writes_all_fields_of_an_entry(void **state) {
        _cleanup_(audit_freep) Audit *a = NULL;
        _cleanup_(entry_freep) Entry *e = NULL;
        AuditSequence seq = { .connection = SOME_ID, .last = 6 };

        assert_int_equal(audit_new_at(&a, "launcher", ((Journal *)*state)->path), 0);
        assert_int_equal(audit_event(a, &seq, SANDBOX_OPENED, AUDIT_TEXT(SANDBOX, SOME_ID),
                                     AUDIT_NUMBER(UID, 1000), AUDIT_TEXT(PROFILE, "python"),
                                     AUDIT_NUMBER(MEMORY_BYTES, UINT64_MAX)),
                         0);
        e = journal_receive(*state, NULL);
        entry_assert(e, "MESSAGE_ID", audit_event_message_id(AUDIT_SANDBOX_OPENED));
        entry_assert(e, "MESSAGE", "uid 1000 opened sandbox 01234567… (python)");
        entry_assert(e, "PRIORITY", "6");
        entry_assert(e, "SYSLOG_IDENTIFIER", "cloche-launcher");
        entry_assert(e, "CLOCHE_BY", "launcher");
        entry_assert(e, "CLOCHE_EVENT", "sandbox_opened");
        entry_assert(e, "CLOCHE_SEQ", "7");
        entry_assert(e, "CLOCHE_CONNECTION", SOME_ID);
        entry_assert(e, "CLOCHE_SANDBOX", SOME_ID);
        entry_assert(e, "CLOCHE_UID", "1000");
        entry_assert(e, "CLOCHE_PROFILE", "python");
        entry_assert(e, "CLOCHE_MEMORY_BYTES", "18446744073709551615");
        assert_int_equal(e->n_fields, 12);
        assert_int_equal(seq.last, 7);
}

static void leaves_out_what_is_outside_any_connection(void **state _unused_) {
        _cleanup_(entry_freep) Entry *e = NULL, *unnamed = NULL;
        const AuditValue kept = AUDIT_NUMBER(KEPT, 3);
        AuditSequence seq = { .last = 1 };

        e = format(NULL, AUDIT_LAUNCHER_RESUMED, &kept, 1);
        assert_false(entry_has(e, "CLOCHE_SEQ"));
        assert_false(entry_has(e, "CLOCHE_CONNECTION"));
        entry_assert(e, "MESSAGE", "a new launcher took over, sandboxes kept: 3");
        unnamed = format(&seq, AUDIT_LAUNCHER_RESUMED, NULL, 0);
        entry_assert(unnamed, "CLOCHE_SEQ", "1");
        assert_false(entry_has(unnamed, "CLOCHE_CONNECTION"));
}

static void makes_no_field_of_a_newline_in_a_value(void **state) {
        static const char forged[] = "x\nPRIORITY=0\n_UID=0\nMESSAGE=fake\n\nCLOCHE_UID=0";
        _cleanup_(audit_freep) Audit *a = NULL;
        _cleanup_(entry_freep) Entry *e = NULL;

        assert_int_equal(audit_new_at(&a, "handler", ((Journal *)*state)->path), 0);
        assert_int_equal(audit_event(a, NULL, EXEC_STARTED, AUDIT_TEXT(SANDBOX, SOME_ID),
                                     AUDIT_NUMBER(EXEC, 1), AUDIT_TEXT(ARGV, forged)),
                         0);
        e = journal_receive(*state, NULL);
        assert_int_equal(e->n_fields, 9);
        entry_assert(e, "CLOCHE_ARGV", forged);
        entry_assert(e, "PRIORITY", "6");
        assert_false(entry_has(e, "_UID"));
        entry_assert(e, "MESSAGE",
                     "execution 1 started in sandbox 01234567…: "
                     "x\\x0aPRIORITY=0\\x0a_UID=0\\x0aMESSAGE=fake\\x0a\\x0aCLOCHE_UID=0");
        assert_true(journal_is_empty(*state));
}

static void keeps_any_bytes_and_escapes_them_for_the_reader(void **state _unused_) {
        static const char bytes[] = "\x1b[2J\0\xff\xfe\\\x7f\xc3\xa4";
        const AuditValue argv = AUDIT_BYTES(ARGV, bytes, sizeof(bytes) - 1);
        _cleanup_(entry_freep) Entry *e = format(NULL, AUDIT_EXEC_STARTED, &argv, 1);
        const Field *f = entry_get(e, "CLOCHE_ARGV");

        assert_int_equal(f->size, sizeof(bytes) - 1);
        assert_memory_equal(f->value, bytes, f->size);
        entry_assert(e, "MESSAGE",
                     "execution ? started in sandbox ?: "
                     "\\x1b[2J\\x00\\xff\\xfe\\x5c\\x7f\\xc3\\xa4");
}

static void cuts_a_value_that_is_too_long(void **state) {
        const size_t size = 2 * 1024 * 1024;
        _cleanup_free_ char *big = malloc(size);
        _cleanup_(audit_freep) Audit *a = NULL;
        _cleanup_(entry_freep) Entry *e = NULL;
        bool was_memfd;

        assert_non_null(big);
        memset(big, 'a', size);
        assert_int_equal(audit_new_at(&a, "handler", ((Journal *)*state)->path), 0);
        assert_int_equal(audit_event(a, NULL, EXEC_STARTED, AUDIT_NUMBER(EXEC, 1),
                                     AUDIT_BYTES(ARGV, big, size)),
                         0);
        e = journal_receive(*state, &was_memfd);
        assert_true(was_memfd);
        assert_int_equal(entry_get(e, "CLOCHE_ARGV")->size, AUDIT_VALUE_SIZE_MAX);
        assert_true(entry_get(e, "MESSAGE")->size < 400);
        assert_memory_equal(entry_get(e, "MESSAGE")->value + entry_get(e, "MESSAGE")->size - 4,
                            "a…", 4);
}

static void sends_short_entries_as_datagrams(void **state) {
        static char text[AUDIT_VALUE_SIZE_MAX];
        _cleanup_(audit_freep) Audit *a = NULL;

        memset(text, 'a', sizeof(text));
        assert_int_equal(audit_new_at(&a, "handler", ((Journal *)*state)->path), 0);
        for (size_t size = 1; size <= sizeof(text); size *= 2) {
                _cleanup_(entry_freep) Entry *e = NULL;
                bool was_memfd;

                assert_int_equal(audit_event(a, NULL, EXEC_STARTED, AUDIT_BYTES(ARGV, text, size)),
                                 0);
                e = journal_receive(*state, &was_memfd);
                assert_int_equal(was_memfd, size >= 16 * 1024);
                assert_int_equal(entry_get(e, "CLOCHE_ARGV")->size, size);
        }
}

/* -- nobody there ----------------------------------------------------------------------------- */

static void numbers_entries_without_a_gap_and_leaves_one_for_a_lost_entry(void **state) {
        Journal *j = *state;
        _cleanup_(audit_freep) Audit *a = NULL;
        AuditSequence seq = { .connection = SOME_ID };
        char expected[8];

        assert_int_equal(audit_new_at(&a, "handler", j->path), 0);
        for (int i = 1; i <= 12; i++) {
                _cleanup_(entry_freep) Entry *e = NULL;

                if (i == 5) { /* journald is away for one entry */
                        journal_close(j);
                        assert_int_equal(
                                audit_event(a, &seq, CONNECTION_CLOSED, AUDIT_NUMBER(UID, 1)),
                                -ECONNREFUSED);
                        journal_listen(j);
                        continue;
                }
                assert_int_equal(audit_event(a, &seq, CONNECTION_CLOSED, AUDIT_NUMBER(UID, 1)), 0);
                e = journal_receive(j, NULL);
                (void)snprintf(expected, sizeof(expected), "%d", i);
                entry_assert(e, "CLOCHE_SEQ", expected);
        }
}

static void says_when_the_socket_is_missing(void **state) {
        Journal *j = *state;
        _cleanup_(audit_freep) Audit *a = NULL;
        AuditSequence seq = {};

        journal_close(j);
        assert_int_equal(unlink(j->path), 0);
        assert_int_equal(audit_new_at(&a, "handler", j->path), 0);
        assert_int_equal(audit_event(a, &seq, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)), -ENOENT);
        assert_int_equal(audit_event(a, &seq, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)), -ENOENT);
        journal_listen(j);
        assert_int_equal(audit_event(a, &seq, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)), 0);
        assert_int_equal(seq.last, 3);
}

static void waits_for_a_full_queue_no_longer_than_its_budget(void **state) {
        _cleanup_(audit_freep) Audit *a = NULL;
        AuditSequence seq = {};
        uint64_t begin, took;
        int r;

        assert_int_equal(audit_new_at(&a, "handler", ((Journal *)*state)->path), 0);
        do {
                begin = now_usec();
                r = audit_event(a, &seq, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1));
        } while (r == 0 && seq.last < 100000);
        took = now_usec() - begin;
        assert_int_equal(r, -ETIMEDOUT);
        assert_true(took >= AUDIT_TIMEOUT_USEC - 1000);
        assert_true(took < AUDIT_TIMEOUT_USEC + 2 * USEC_PER_SEC); /* a slow machine */
        assert_true(seq.last > 1);

        for (uint64_t i = 1; i < seq.last; i++) {
                _cleanup_(entry_freep) Entry *e = journal_receive(*state, NULL);

                entry_assert(e, "MESSAGE", "uid 1 connected");
        }
        assert_int_equal(audit_event(a, &seq, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)), 0);
}

/* A handler may make no socket: what it was handed is all it has. */
static void writes_to_a_socket_it_was_handed_and_opens_no_other(void **state) {
        Journal *j = *state;
        _cleanup_(audit_freep) Audit *a = NULL;
        _cleanup_(entry_freep) Entry *e = NULL;

        assert_int_equal(audit_new(&a, "handler", journal_connect(j)), 0);
        assert_int_equal(audit_event(a, NULL, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)), 0);
        e = journal_receive(j, NULL);
        entry_assert(e, "SYSLOG_IDENTIFIER", "cloche-handler");
        journal_close(j);
        journal_listen(j);
        assert_int_equal(audit_event(a, NULL, CONNECTION_OPENED, AUDIT_NUMBER(UID, 1)),
                         -ECONNREFUSED);
        assert_true(journal_is_empty(j));
}

#define WITH_JOURNAL(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_JOURNAL(writes_all_fields_of_an_entry),
                cmocka_unit_test(leaves_out_what_is_outside_any_connection),
                WITH_JOURNAL(makes_no_field_of_a_newline_in_a_value),
                cmocka_unit_test(keeps_any_bytes_and_escapes_them_for_the_reader),
                WITH_JOURNAL(cuts_a_value_that_is_too_long),
                WITH_JOURNAL(sends_short_entries_as_datagrams),
                WITH_JOURNAL(numbers_entries_without_a_gap_and_leaves_one_for_a_lost_entry),
                WITH_JOURNAL(says_when_the_socket_is_missing),
                WITH_JOURNAL(waits_for_a_full_queue_no_longer_than_its_budget),
                WITH_JOURNAL(writes_to_a_socket_it_was_handed_and_opens_no_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
