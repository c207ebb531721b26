/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which datagrams are frames. The guest may send anything; each case here is one field wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "wire/guest-frame.h"

static GuestFrame make_valid(GuestFrameType type) {
        GuestFrame f;

        guest_frame_init(&f, type, type == GUEST_FRAME_SETUP || type == GUEST_FRAME_READY ? 0 : 7);
        if (type == GUEST_FRAME_SETUP) {
                f.setup.code_uid = 1000;
                f.setup.code_gid = 1000;
        } else if (type == GUEST_FRAME_START) {
                f.start.n_argv = 1;
                f.start.strings_size = 3;
                f.start.code = GUEST_CODE_HERE;
                f.start.code_size = 10;
                strcpy(f.start.code_name, "main.py");
        } else if (type == GUEST_FRAME_CODE)
                f.code.code_size = 10;
        else if (type == GUEST_FRAME_SIGNAL)
                f.signal.signo = 15;
        else if (type == GUEST_FRAME_RESIZE) {
                f.resize.rows = 24;
                f.resize.columns = 80;
        } else if (type == GUEST_FRAME_EXITED) {
                f.exited.kind = GUEST_EXIT_EXITED;
                f.exited.value = 3;
                f.exited.work_free = 4096;
        }
        return f;
}

static int parse(const GuestFrame *f, GuestDirection from) {
        GuestFrame ret;

        return guest_frame_parse(f, guest_frame_size((GuestFrameType)f->header.type), from, &ret);
}

static void accepts_each_type_in_its_own_direction_only(void **state _unused_) {
        for (int type = GUEST_FRAME_INVALID + 1; type < _GUEST_FRAME_TYPE_MAX; type++) {
                GuestFrame f = make_valid((GuestFrameType)type), ret;
                GuestDirection right =
                        type >= GUEST_FRAME_READY ? GUEST_FROM_GUEST : GUEST_FROM_HOST;
                GuestDirection wrong =
                        type >= GUEST_FRAME_READY ? GUEST_FROM_HOST : GUEST_FROM_GUEST;
                size_t size = guest_frame_size((GuestFrameType)type);

                memset(&ret, 0xff, sizeof(ret));
                assert_int_equal(guest_frame_parse(&f, size, right, &ret), 0);
                assert_memory_equal(&ret, &f, size);
                assert_int_equal(parse(&f, wrong), -EBADMSG);
        }
}

static void refuses_every_other_size(void **state _unused_) {
        for (int type = GUEST_FRAME_INVALID + 1; type < _GUEST_FRAME_TYPE_MAX; type++) {
                union {
                        GuestFrame frame;
                        char bytes[2 * sizeof(GuestFrame)];
                } u = { .frame = make_valid((GuestFrameType)type) };
                GuestDirection from =
                        type >= GUEST_FRAME_READY ? GUEST_FROM_GUEST : GUEST_FROM_HOST;
                GuestFrame ret;

                for (size_t size = 0; size <= sizeof(u); size++)
                        assert_int_equal(guest_frame_parse(&u, size, from, &ret),
                                         size == guest_frame_size((GuestFrameType)type) ? 0
                                                                                        : -EBADMSG);
        }
}

static void refuses_types_and_versions_it_does_not_know(void **state _unused_) {
        for (unsigned type = 0; type <= UINT16_MAX; type++) {
                if (type > GUEST_FRAME_INVALID && type < _GUEST_FRAME_TYPE_MAX)
                        continue;
                assert_int_equal(guest_frame_size((GuestFrameType)type), 0);
                for (size_t size = 0; size <= sizeof(GuestFrame); size += 4) {
                        GuestFrame f = make_valid(GUEST_FRAME_EXITED), ret;

                        f.header.type = (uint16_t)type;
                        assert_int_equal(guest_frame_parse(&f, size, GUEST_FROM_GUEST, &ret),
                                         -EBADMSG);
                }
        }
        for (unsigned version = 0; version <= UINT16_MAX; version++) {
                GuestFrame f = make_valid(GUEST_FRAME_EXITED);

                f.header.version = (uint16_t)version;
                assert_int_equal(parse(&f, GUEST_FROM_GUEST),
                                 version == GUEST_PROTOCOL_VERSION ? 0 : -EBADMSG);
        }
}

static void leaves_the_result_alone_when_it_refuses(void **state _unused_) {
        GuestFrame f = make_valid(GUEST_FRAME_EXITED), ret, before;

        memset(&ret, 0x5a, sizeof(ret));
        before = ret;
        f.exited.value = 256;
        assert_int_equal(guest_frame_parse(&f, sizeof(f.exited), GUEST_FROM_GUEST, &ret), -EBADMSG);
        assert_memory_equal(&ret, &before, sizeof(ret));
}

/* One 32-bit field of a frame set to one value. */
typedef struct Case {
        GuestFrameType type;
        size_t offset;
        uint32_t value;
        int result;
} Case;

#define FIELD(member) offsetof(GuestFrame, member)

static void holds_every_field_to_its_range(void **state _unused_) {
        static const Case cases[] = {
                { GUEST_FRAME_SETUP,   FIELD(header.exec),        1,                    -EBADMSG },
                { GUEST_FRAME_SETUP,   FIELD(setup.code_uid),     0,                    -EBADMSG },
                { GUEST_FRAME_SETUP,   FIELD(setup.code_gid),     0,                    -EBADMSG },
                { GUEST_FRAME_READY,   FIELD(header.exec),        1,                    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(header.exec),        UINT32_MAX,           0        },
                { GUEST_FRAME_START,   FIELD(start.n_argv),       0,                    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.n_argv),       ARGV_MAX,             0        },
                { GUEST_FRAME_START,   FIELD(start.n_argv),       ARGV_MAX + 1,         -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.n_env),        ARGV_MAX,             0        },
                { GUEST_FRAME_START,   FIELD(start.n_env),        ARGV_MAX + 1,         -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.strings_size), PAYLOAD_SIZE_MAX,     0        },
                { GUEST_FRAME_START,   FIELD(start.strings_size), PAYLOAD_SIZE_MAX + 1, -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.code_size),    0,                    0        },
                { GUEST_FRAME_START,   FIELD(start.code_size),    LINE_SIZE_MAX,        0        },
                { GUEST_FRAME_START,   FIELD(start.code_size),    LINE_SIZE_MAX + 1,    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.code),         GUEST_CODE_NONE,      -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.code),         GUEST_CODE_LATER,     -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.code),         _GUEST_CODE_MAX,      -EBADMSG },
                { GUEST_FRAME_CODE,    FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_CODE,    FIELD(code.code_size),     0,                    0        },
                { GUEST_FRAME_CODE,    FIELD(code.code_size),     LINE_SIZE_MAX,        0        },
                { GUEST_FRAME_CODE,    FIELD(code.code_size),     LINE_SIZE_MAX + 1,    -EBADMSG },
                { GUEST_FRAME_CODE,    FIELD(code.reserved),      1,                    -EBADMSG },
                { GUEST_FRAME_WRITTEN, FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_WRITTEN, FIELD(written.error),      4095,                 0        },
                { GUEST_FRAME_WRITTEN, FIELD(written.error),      4096,                 -EBADMSG },
                { GUEST_FRAME_WRITTEN, FIELD(written.reserved),   1,                    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.has_cwd),      1,                    0        },
                { GUEST_FRAME_START,   FIELD(start.has_cwd),      2,                    -EBADMSG },
                { GUEST_FRAME_START,   FIELD(start.has_terminal), 1,                    0        },
                { GUEST_FRAME_START,   FIELD(start.has_terminal), 2,                    -EBADMSG },
                { GUEST_FRAME_GO,      FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_CHILD,   FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_RESIZE,  FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_RESIZE,  FIELD(resize.reserved),    1,                    -EBADMSG },
                { GUEST_FRAME_SIGNAL,  FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_SIGNAL,  FIELD(signal.signo),       0,                    -EBADMSG },
                { GUEST_FRAME_SIGNAL,  FIELD(signal.signo),       64,                   0        },
                { GUEST_FRAME_SIGNAL,  FIELD(signal.signo),       65,                   -EBADMSG },
                { GUEST_FRAME_SIGNAL,  FIELD(signal.to_group),    2,                    -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(header.exec),        0,                    -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(exited.kind),        GUEST_EXIT_INVALID,   -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(exited.kind),        _GUEST_EXIT_KIND_MAX, -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(exited.kind),        UINT32_MAX,           -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(exited.value),       255,                  0        },
                { GUEST_FRAME_EXITED,  FIELD(exited.value),       256,                  -EBADMSG },
                { GUEST_FRAME_EXITED,  FIELD(exited.value),       UINT32_MAX,           -EBADMSG },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Case *c = &cases[i];
                GuestFrame f = make_valid(c->type);

                memcpy((char *)&f + c->offset, &c->value, sizeof(c->value));
                assert_int_equal(parse(&f, c->type >= GUEST_FRAME_READY ? GUEST_FROM_GUEST
                                                                        : GUEST_FROM_HOST),
                                 c->result);
        }
}

static void holds_an_end_to_what_its_kind_can_be(void **state _unused_) {
        static const struct {
                GuestExitKind kind;
                int32_t lowest, highest;
        } kinds[] = {
                { GUEST_EXIT_EXITED,   0, 255  },
                { GUEST_EXIT_SIGNALED, 1, 64   },
                { GUEST_EXIT_FAILED,   1, 4095 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                for (int32_t value = -2; value <= 5000; value++) {
                        GuestFrame f = make_valid(GUEST_FRAME_EXITED);

                        f.exited.kind = kinds[i].kind;
                        f.exited.value = value;
                        assert_int_equal(parse(&f, GUEST_FROM_GUEST),
                                         value >= kinds[i].lowest && value <= kinds[i].highest
                                                 ? 0
                                                 : -EBADMSG);
                }
}

static void takes_plain_file_names_only(void **state _unused_) {
        static const struct {
                const char *name;
                int result;
        } cases[] = {
                { "a",                               0        },
                { "main.py",                         0        },
                { "1234567890123456789012345678901", 0        },
                { "",                                -EBADMSG },
                { ".",                               -EBADMSG },
                { "..",                              -EBADMSG },
                { ".hidden",                         -EBADMSG },
                { "a/b",                             -EBADMSG },
                { "/etc/passwd",                     -EBADMSG },
        };
        GuestFrame f;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                f = make_valid(GUEST_FRAME_START);
                memset(f.start.code_name, 0, sizeof(f.start.code_name));
                strcpy(f.start.code_name, cases[i].name);
                assert_int_equal(parse(&f, GUEST_FROM_HOST), cases[i].result);
        }
        f = make_valid(GUEST_FRAME_START);
        memset(f.start.code_name, 'x', sizeof(f.start.code_name)); /* no NUL */
        assert_int_equal(parse(&f, GUEST_FROM_HOST), -EBADMSG);

        f = make_valid(GUEST_FRAME_START); /* code that comes later has a name, and no size yet */
        f.start.code = GUEST_CODE_LATER;
        f.start.code_size = 0;
        assert_int_equal(parse(&f, GUEST_FROM_HOST), 0);

        f = make_valid(GUEST_FRAME_START); /* no code, then no size and no name either */
        f.start.code = GUEST_CODE_NONE;
        f.start.code_size = 0;
        assert_int_equal(parse(&f, GUEST_FROM_HOST), -EBADMSG);
        f.start.code_name[0] = 0;
        assert_int_equal(parse(&f, GUEST_FROM_HOST), 0);
        f.start.code_size = 1;
        assert_int_equal(parse(&f, GUEST_FROM_HOST), -EBADMSG);
}

static void gives_a_size_to_terminals_only(void **state _unused_) {
        static const struct {
                uint32_t has_terminal;
                uint16_t rows, columns;
                int start, resize; /* what becomes of a frame with that size */
        } cases[] = {
                { 0, 0,                     0,                     0,        0        },
                { 0, 1,                     0,                     -EBADMSG, 0        },
                { 0, 0,                     1,                     -EBADMSG, 0        },
                { 1, 0,                     0,                     0,        0        },
                { 1, 24,                    80,                    0,        0        },
                { 1, TERMINAL_SIZE_MAX,     TERMINAL_SIZE_MAX,     0,        0        },
                { 1, TERMINAL_SIZE_MAX + 1, 80,                    -EBADMSG, -EBADMSG },
                { 1, 24,                    TERMINAL_SIZE_MAX + 1, -EBADMSG, -EBADMSG },
                { 1, UINT16_MAX,            UINT16_MAX,            -EBADMSG, -EBADMSG },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                GuestFrame start = make_valid(GUEST_FRAME_START);
                GuestFrame resize = make_valid(GUEST_FRAME_RESIZE);

                start.start.has_terminal = cases[i].has_terminal;
                start.start.rows = resize.resize.rows = cases[i].rows;
                start.start.columns = resize.resize.columns = cases[i].columns;
                assert_int_equal(parse(&start, GUEST_FROM_HOST), cases[i].start);
                assert_int_equal(parse(&resize, GUEST_FROM_HOST), cases[i].resize);
        }
}

static void fits_one_datagram_without_hidden_padding(void **state _unused_) {
        assert_true(sizeof(GuestFrame) <= GUEST_FRAME_SIZE_MAX);
        assert_int_equal(sizeof(GuestHeader), 8);
        assert_int_equal(sizeof(GuestSetup), 8 + 2 * 4);
        assert_int_equal(sizeof(GuestStart), 8 + 7 * 4 + 2 * 2 + GUEST_CODE_NAME_SIZE);
        assert_int_equal(sizeof(GuestPlain), 8);
        assert_int_equal(sizeof(GuestSignal), 8 + 2 * 4);
        assert_int_equal(sizeof(GuestResize), 8 + 2 * 2 + 4);
        assert_int_equal(sizeof(GuestReady), 8);
        assert_int_equal(sizeof(GuestExited), 8 + 2 * 4 + 8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts_each_type_in_its_own_direction_only),
                cmocka_unit_test(refuses_every_other_size),
                cmocka_unit_test(refuses_types_and_versions_it_does_not_know),
                cmocka_unit_test(leaves_the_result_alone_when_it_refuses),
                cmocka_unit_test(holds_every_field_to_its_range),
                cmocka_unit_test(holds_an_end_to_what_its_kind_can_be),
                cmocka_unit_test(takes_plain_file_names_only),
                cmocka_unit_test(gives_a_size_to_terminals_only),
                cmocka_unit_test(fits_one_datagram_without_hidden_padding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
