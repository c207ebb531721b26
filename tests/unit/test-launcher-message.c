/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which datagrams are messages. A handler may have been taken over by a client, so each case here
 * is a message with one thing wrong that the launcher must not look at. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "wire/launcher-message.h"
#include "wire/rpc-error.h"

#define SOME_ID "0123456789abcdef0123456789abcdef"

static LauncherDirection direction_of(LauncherMessageType type) {
        return type < LAUNCHER_WELCOME ? LAUNCHER_FROM_HANDLER : LAUNCHER_FROM_LAUNCHER;
}

static LauncherMessage make_valid(LauncherMessageType type) {
        LauncherMessage m;

        launcher_message_init(&m, type, 42);
        if (type == LAUNCHER_OPEN)
                strcpy(m.open.profile, "python");
        else if (type == LAUNCHER_PLACE) {
                strcpy(m.place.sandbox, SOME_ID);
                m.place.exec = 1;
                m.place.pid = 2;
        } else if (type == LAUNCHER_END) {
                strcpy(m.end.sandbox, SOME_ID);
                m.end.exec = UINT32_MAX;
        } else if (type == LAUNCHER_CLOSE)
                strcpy(m.close.sandbox, SOME_ID);
        else if (type == LAUNCHER_WELCOME)
                strcpy(m.welcome.connection, SOME_ID);
        else if (type == LAUNCHER_PROFILE)
                strcpy(m.profile.name, "python");
        else if (type == LAUNCHER_OPENED) {
                strcpy(m.opened.sandbox, SOME_ID);
                strcpy(m.opened.profile, "python");
        } else if (type == LAUNCHER_REFUSED)
                m.refused.refusal = LAUNCHER_REFUSAL_UID;
        else if (type == LAUNCHER_CLOSED || type == LAUNCHER_DIED)
                strcpy(m.closed.sandbox, SOME_ID);
        return m;
}

static int parse(const LauncherMessage *m) {
        LauncherMessageType type = (LauncherMessageType)m->header.type;
        LauncherMessage ret;

        return launcher_message_parse(m, launcher_message_size(type), direction_of(type), &ret);
}

static void accepts_each_type_in_its_own_direction_only(void **state _unused_) {
        for (int type = LAUNCHER_MESSAGE_INVALID + 1; type < _LAUNCHER_MESSAGE_TYPE_MAX; type++) {
                LauncherMessage m = make_valid((LauncherMessageType)type), ret;
                size_t size = launcher_message_size((LauncherMessageType)type);
                LauncherDirection right = direction_of((LauncherMessageType)type);
                LauncherDirection wrong = right == LAUNCHER_FROM_HANDLER ? LAUNCHER_FROM_LAUNCHER
                                                                         : LAUNCHER_FROM_HANDLER;

                memset(&ret, 0xff, sizeof(ret));
                assert_int_equal(launcher_message_parse(&m, size, right, &ret), 0);
                assert_memory_equal(&ret, &m, size);
                assert_int_equal(launcher_message_parse(&m, size, wrong, &ret), -EBADMSG);
        }
}

static void refuses_every_other_size(void **state _unused_) {
        for (int type = LAUNCHER_MESSAGE_INVALID + 1; type < _LAUNCHER_MESSAGE_TYPE_MAX; type++) {
                union {
                        LauncherMessage message;
                        char bytes[sizeof(LauncherMessage) + 64];
                } u = { .message = make_valid((LauncherMessageType)type) };
                LauncherMessage ret;

                for (size_t size = 0; size <= sizeof(u); size++)
                        assert_int_equal(
                                launcher_message_parse(
                                        &u, size, direction_of((LauncherMessageType)type), &ret),
                                size == launcher_message_size((LauncherMessageType)type)
                                        ? 0
                                        : -EBADMSG);
        }
}

static void refuses_types_and_versions_it_does_not_know(void **state _unused_) {
        for (unsigned type = 0; type <= UINT16_MAX; type++) {
                LauncherMessage m = make_valid(LAUNCHER_PROFILES), ret;

                if (type > LAUNCHER_MESSAGE_INVALID && type < _LAUNCHER_MESSAGE_TYPE_MAX)
                        continue;
                m.header.type = (uint16_t)type;
                assert_int_equal(launcher_message_size((LauncherMessageType)type), 0);
                assert_int_equal(
                        launcher_message_parse(&m, sizeof(m.plain), LAUNCHER_FROM_HANDLER, &ret),
                        -EBADMSG);
        }
        for (unsigned version = 0; version <= UINT16_MAX; version++) {
                LauncherMessage m = make_valid(LAUNCHER_PROFILES);

                m.header.version = (uint16_t)version;
                assert_int_equal(parse(&m), version == LAUNCHER_PROTOCOL_VERSION ? 0 : -EBADMSG);
        }
}

static void leaves_the_result_alone_when_it_refuses(void **state _unused_) {
        LauncherMessage m = make_valid(LAUNCHER_OPEN), ret, before;

        memset(&ret, 0x5a, sizeof(ret));
        before = ret;
        m.open.profile[0] = '/';
        assert_int_equal(launcher_message_parse(&m, sizeof(m.open), LAUNCHER_FROM_HANDLER, &ret),
                         -EBADMSG);
        assert_memory_equal(&ret, &before, sizeof(ret));
}

typedef struct Range {
        LauncherMessageType type;
        size_t offset, size;
} Range;

#define RANGE(t, member) \
        { t, offsetof(LauncherMessage, member), sizeof(((LauncherMessage *)NULL)->member) }

/* So there is one encoding of each message, and no place to hide anything. */
static void wants_zero_where_nothing_is_said(void **state _unused_) {
        static const Range ranges[] = {
                RANGE(LAUNCHER_HELLO, header.reserved),   RANGE(LAUNCHER_OPEN, open.reserved),
                RANGE(LAUNCHER_PLACE, place.reserved),    RANGE(LAUNCHER_END, end.reserved),
                RANGE(LAUNCHER_CLOSE, close.padding),     RANGE(LAUNCHER_WELCOME, welcome.reserved),
                RANGE(LAUNCHER_PROFILE, profile.padding), RANGE(LAUNCHER_OPENED, opened.padding),
                RANGE(LAUNCHER_REFUSED, refused.padding), RANGE(LAUNCHER_CLOSED, closed.padding),
                RANGE(LAUNCHER_DIED, closed.padding),
        };

        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
                for (size_t j = 0; j < ranges[i].size; j++) {
                        LauncherMessage m = make_valid(ranges[i].type);

                        ((char *)&m)[ranges[i].offset + j] = 1;
                        assert_int_equal(parse(&m), -EBADMSG);
                }
}

static void wants_strings_to_end_inside_their_field(void **state _unused_) {
        static const Range strings[] = {
                RANGE(LAUNCHER_OPEN, open.profile),
                RANGE(LAUNCHER_PROFILE, profile.name),
                RANGE(LAUNCHER_PROFILE, profile.language),
                RANGE(LAUNCHER_PROFILE, profile.description),
                RANGE(LAUNCHER_PROFILE, profile.image),
                RANGE(LAUNCHER_PROFILE, profile.digest),
                RANGE(LAUNCHER_PROFILE, profile.problem),
                RANGE(LAUNCHER_OPENED, opened.profile),
                RANGE(LAUNCHER_OPENED, opened.digest),
                RANGE(LAUNCHER_OPENED, opened.interpreter),
                RANGE(LAUNCHER_OPENED, opened.driver),
                RANGE(LAUNCHER_OPENED, opened.code_name),
                RANGE(LAUNCHER_REFUSED, refused.detail),
        };

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
                LauncherMessage m = make_valid(strings[i].type);
                char *s = (char *)&m + strings[i].offset;

                memset(s, 'a', strings[i].size);
                assert_int_equal(parse(&m), -EBADMSG);
                s[strings[i].size - 1] = 0;
                assert_int_equal(parse(&m), 0);
                s[strings[i].size - 3] = 0; /* and something behind the end */
                assert_int_equal(parse(&m), -EBADMSG);
        }
}

static void takes_only_ids_for_ids(void **state _unused_) {
        static const Range ids[] = {
                RANGE(LAUNCHER_PLACE, place.sandbox),   RANGE(LAUNCHER_END, end.sandbox),
                RANGE(LAUNCHER_CLOSE, close.sandbox),   RANGE(LAUNCHER_WELCOME, welcome.connection),
                RANGE(LAUNCHER_OPENED, opened.sandbox), RANGE(LAUNCHER_CLOSED, closed.sandbox),
                RANGE(LAUNCHER_DIED, closed.sandbox),
        };
        static const char bad[] = { 'g', 'A', ' ', '/', '-', 0, '\n', '\x80' };

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                for (size_t j = 0; j < ids[i].size; j++)
                        for (size_t k = 0; k < sizeof(bad); k++) {
                                LauncherMessage m = make_valid(ids[i].type);

                                if (j == ids[i].size - 1 && bad[k] == 0)
                                        continue;
                                ((char *)&m)[ids[i].offset + j] = bad[k];
                                assert_int_equal(parse(&m), -EBADMSG);
                        }
}

static void holds_numbers_to_their_range(void **state _unused_) {
        LauncherMessage m;

        for (uint32_t n = 0; n < 3; n++) {
                m = make_valid(LAUNCHER_WELCOME);
                m.welcome.system_mode = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_WELCOME);
                m.welcome.audit_required = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_CLOSED);
                m.closed.known = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_ENDED);
                m.ended.known = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_OPEN);
                m.open.keep = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_END);
                m.end.kill = n;
                assert_int_equal(parse(&m), n <= 1 ? 0 : -EBADMSG);
        }
        for (uint32_t n = 0; n < 1000; n++) {
                m = make_valid(LAUNCHER_REFUSED);
                m.refused.refusal = n;
                assert_int_equal(parse(&m), n > 0 && n < _LAUNCHER_REFUSAL_MAX ? 0 : -EBADMSG);
                m = make_valid(LAUNCHER_DIED);
                m.closed.death = n;
                assert_int_equal(parse(&m), n < _LAUNCHER_DEATH_MAX ? 0 : -EBADMSG);
        }
}

static void places_neither_no_execution_nor_the_first_process(void **state _unused_) {
        static const int32_t pids[] = { INT32_MIN, -1, 0, 1 };
        LauncherMessage m = make_valid(LAUNCHER_PLACE);

        m.place.exec = 0;
        assert_int_equal(parse(&m), -EBADMSG);
        for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
                m = make_valid(LAUNCHER_PLACE);
                m.place.pid = pids[i];
                assert_int_equal(parse(&m), -EBADMSG);
        }
        m = make_valid(LAUNCHER_END);
        m.end.exec = 0;
        assert_int_equal(parse(&m), -EBADMSG);
}

static void knows_what_a_profile_can_be_called(void **state _unused_) {
        static const struct {
                const char *name;
                bool valid;
        } cases[] = {
                { "a",                                                                 true  },
                { "python",                                                            true  },
                { "3",                                                                 true  },
                { "node-22",                                                           true  },
                { "a--b",                                                              true  },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",  true  },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
                { "",                                                                  false },
                { "-a",                                                                false },
                { "a-",                                                                false },
                { "-",                                                                 false },
                { "Python",                                                            false },
                { "a.b",                                                               false },
                { "a/b",                                                               false },
                { "a_b",                                                               false },
                { "a b",                                                               false },
                { "a\n",                                                               false },
                { "\xc3\xa4",                                                          false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                LauncherMessage m = make_valid(LAUNCHER_OPEN);

                assert_int_equal(launcher_profile_name_is_valid(cases[i].name), cases[i].valid);
                memset(m.open.profile, 0, sizeof(m.open.profile));
                (void)snprintf(m.open.profile, sizeof(m.open.profile), "%s", cases[i].name);
                if (strlen(cases[i].name) < sizeof(m.open.profile))
                        assert_int_equal(parse(&m), cases[i].valid ? 0 : -EBADMSG);
        }
}

static void has_no_padding_that_the_compiler_put_there(void **state _unused_) {
        const size_t limits = 7 * 8, header = 16;

        assert_int_equal(sizeof(LauncherHeader), header);
        assert_int_equal(sizeof(LauncherLimits), limits);
        assert_int_equal(sizeof(LauncherUsage), 8 * 8);
        assert_int_equal(sizeof(LauncherPlain), header);
        assert_int_equal(sizeof(LauncherWelcome), header + ID_SIZE + 3 + 3 * 4);
        assert_int_equal(sizeof(LauncherOpen), header + PROFILE_NAME_SIZE + 7 + limits);
        assert_int_equal(sizeof(LauncherProfile), header + PROFILE_NAME_SIZE + 32 + 128 + 256 +
                                                          DIGEST_SIZE + DETAIL_SIZE + 7 + limits);
        assert_int_equal(sizeof(LauncherOpened), header + ID_SIZE + PROFILE_NAME_SIZE +
                                                         DIGEST_SIZE + 2 * 256 + 32 + 6 + 2 * 4 +
                                                         limits);
        assert_int_equal(sizeof(LauncherRefused), header + 4 + DETAIL_SIZE + 4);
        assert_int_equal(sizeof(LauncherPlace), header + ID_SIZE + 7 + 2 * 4);
        assert_int_equal(sizeof(LauncherEnd), header + ID_SIZE + 7 + 2 * 4);
        assert_int_equal(sizeof(LauncherEnded), header + 2 * 4 + 8 * 8);
        assert_int_equal(sizeof(LauncherClose), header + ID_SIZE + 7);
        assert_int_equal(sizeof(LauncherClosed), header + ID_SIZE + 7 + 2 * 4 + 8 * 8);
}

static void names_each_refusal_as_a_client_reads_it(void **state) {
        (void)state;
        for (unsigned i = 0; i <= _LAUNCHER_REFUSAL_MAX; i++) {
                const char *name = launcher_refusal_name((LauncherRefusal)i);
                unsigned found = 0;

                for (unsigned e = 0; e < _RPC_ERROR_MAX; e++)
                        found += strcmp(rpc_error_reason((RpcError)e), name) == 0;
                assert_int_equal(found, 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_each_refusal_as_a_client_reads_it),
                cmocka_unit_test(accepts_each_type_in_its_own_direction_only),
                cmocka_unit_test(refuses_every_other_size),
                cmocka_unit_test(refuses_types_and_versions_it_does_not_know),
                cmocka_unit_test(leaves_the_result_alone_when_it_refuses),
                cmocka_unit_test(wants_zero_where_nothing_is_said),
                cmocka_unit_test(wants_strings_to_end_inside_their_field),
                cmocka_unit_test(takes_only_ids_for_ids),
                cmocka_unit_test(holds_numbers_to_their_range),
                cmocka_unit_test(places_neither_no_execution_nor_the_first_process),
                cmocka_unit_test(knows_what_a_profile_can_be_called),
                cmocka_unit_test(has_no_padding_that_the_compiler_put_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
