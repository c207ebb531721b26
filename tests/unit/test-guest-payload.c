/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest takes for a payload, and what environment comes of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "guest/payload.h"

static void splits_strings_exactly(void **state _unused_) {
        static const struct {
                const char *strings;
                uint32_t size, n_argv, n_env, has_cwd;
                int result;
        } cases[] = {
                { "a",          2, 1, 0, 0, 0        },
                { "",           1, 1, 0, 0, 0        }, /* an empty word is a word */
                { "a\0b\0A=1",  8, 2, 1, 0, 0        },
                { "a\0A=",      5, 1, 1, 0, 0        },
                { "a\0A=b=c",   8, 1, 1, 0, 0        },
                { "a\0/x",      5, 1, 0, 1, 0        },
                { "a\0",        3, 1, 0, 1, 0        }, /* an empty directory is one too */
                { "a\0A=1\0/x", 9, 1, 1, 1, 0        },
                { "a",          1, 1, 0, 0, -EBADMSG }, /* no NUL at the end */
                { "a",          0, 1, 0, 0, -EBADMSG },
                { "a\0b",       4, 1, 0, 0, -EBADMSG }, /* one too many */
                { "a\0b",       4, 3, 0, 0, -EBADMSG }, /* one too few */
                { "a\0b",       4, 1, 1, 0, -EBADMSG }, /* no = */
                { "a\0=b",      5, 1, 1, 0, -EBADMSG }, /* no name */
                { "a\0",        3, 1, 1, 0, -EBADMSG }, /* nothing at all */
                { "a\0A=1\0\0", 7, 1, 1, 0, -EBADMSG },
                { "a",          2, 1, 0, 1, -EBADMSG }, /* no directory */
                { "a\0/x",      4, 1, 0, 1, -EBADMSG }, /* no NUL at its end */
                { "a\0/x\0b",   7, 1, 0, 1, -EBADMSG },
                { "a\0/x\0A=1", 9, 1, 1, 1, -EBADMSG }, /* the order is another */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *copy = malloc(cases[i].size + 1);
                const GuestStart start = {
                        .n_argv = cases[i].n_argv,
                        .n_env = cases[i].n_env,
                        .has_cwd = cases[i].has_cwd,
                };
                Payload p = {};

                assert_non_null(copy);
                memcpy(copy, cases[i].strings, cases[i].size);
                assert_int_equal(payload_split(copy, cases[i].size, &start, &p), cases[i].result);
                if (cases[i].result == 0) {
                        assert_string_equal(p.argv[0], cases[i].strings);
                        assert_null(p.argv[cases[i].n_argv]);
                        assert_null(p.env[cases[i].n_env]);
                        assert_int_equal(p.cwd != NULL, cases[i].has_cwd);
                        if (p.cwd)
                                assert_ptr_equal(p.cwd + strlen(p.cwd) + 1, copy + cases[i].size);
                } else
                        assert_null(p.argv);
                payload_done(&p);
        }
}

static GuestStart make_start(void) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_START, 1);
        f.start.n_argv = 2;
        f.start.n_env = 1;
        f.start.strings_size = 12;
        f.start.code = GUEST_CODE_HERE;
        f.start.code_size = 4;
        return f.start;
}

static void takes_a_payload_apart(void **state _unused_) {
        static const char bytes[] = "sh\0-x\0X=yzw\0code";
        _cleanup_close_ int fd = fd_new_sealed("payload", bytes, 16);
        GuestStart s = make_start();
        Payload p;

        assert_int_equal(payload_load(fd, &s, &p), 0);
        assert_string_equal(p.argv[0], "sh");
        assert_string_equal(p.argv[1], "-x");
        assert_null(p.argv[2]);
        assert_string_equal(p.env[0], "X=yzw");
        assert_int_equal(p.code_size, 4);
        assert_memory_equal(p.code, "code", 4);
        payload_done(&p);
        assert_null(p.map);
        payload_done(&p);
}

static void takes_code_that_comes_later(void **state _unused_) {
        _cleanup_close_ int fd = fd_new_sealed("code", "code", 4);
        _cleanup_close_ int empty_fd = fd_new_sealed("code", "", 0);
        Payload p;

        assert_int_equal(payload_load_code(fd, 3, &p), -EBADMSG);
        assert_int_equal(payload_load_code(fd, 5, &p), -EBADMSG);
        assert_int_equal(payload_load_code(fd, 4, &p), 0);
        assert_int_equal(p.code_size, 4);
        assert_memory_equal(p.code, "code", 4);
        payload_done(&p);
        assert_int_equal(payload_load_code(empty_fd, 0, &p), 0);
        assert_int_equal(p.code_size, 0);
        payload_done(&p);
}

static void refuses_a_memfd_of_another_size(void **state _unused_) {
        static const char bytes[64] = "sh\0-x\0X=yzw\0code";

        for (size_t size = 0; size < sizeof(bytes); size++) {
                _cleanup_close_ int fd = fd_new_sealed("payload", bytes, size);
                GuestStart s = make_start();
                Payload p;

                if (size != 16)
                        assert_int_equal(payload_load(fd, &s, &p), -EBADMSG);
        }
}

static void refuses_what_could_still_change(void **state _unused_) {
        static const char bytes[] = "sh\0-x\0X=yzw\0code";
        _cleanup_close_ int open_fd = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        _cleanup_close_ int pipe_read = -EBADF, pipe_write = -EBADF;
        GuestStart s = make_start();
        int fds[2];
        Payload p;

        assert_int_equal(fd_write_all(open_fd, bytes, 16), 0);
        assert_int_equal(payload_load(open_fd, &s, &p), -EBADMSG);
        assert_int_equal(pipe(fds), 0);
        pipe_read = fds[0];
        pipe_write = fds[1];
        assert_int_equal(payload_load(pipe_read, &s, &p), -EBADMSG);
        assert_int_equal(payload_load(-1, &s, &p), -EBADF);
}

static void adds_and_replaces_variables(void **state _unused_) {
        static const struct {
                const char *base[4], *env[4], *merged[8];
        } cases[] = {
                { { NULL },          { NULL },                { NULL }                },
                { { "A=1", "B=2" },  { NULL },                { "A=1", "B=2" }        },
                { { NULL },          { "A=1" },               { "A=1" }               },
                { { "A=1", "B=2" },  { "B=3", "C=4" },        { "A=1", "B=3", "C=4" } },
                { { "AB=1", "A=2" }, { "A=3" },               { "AB=1", "A=3" }       },
                { { "A=1" },         { "AB=2" },              { "A=1", "AB=2" }       },
                { { "A=1" },         { "A=" },                { "A=" }                },
                { { "A=1" },         { "A=2", "B=1", "A=3" }, { "B=1", "A=3" }        },
                { { "odd", "A=1" },  { "odd=1" },             { "A=1", "odd=1" }      },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *base[4], *env[4];
                _cleanup_free_ char **merged = NULL;
                size_t n = 0;

                for (size_t j = 0; j < 4; j++) { /* the two take no const */
                        base[j] = (char *)(uintptr_t)cases[i].base[j];
                        env[j] = (char *)(uintptr_t)cases[i].env[j];
                }
                merged = payload_merge_env(base, env);
                assert_non_null(merged);
                for (; cases[i].merged[n]; n++) {
                        assert_non_null(merged[n]);
                        assert_string_equal(merged[n], cases[i].merged[n]);
                }
                assert_null(merged[n]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(splits_strings_exactly),
                cmocka_unit_test(takes_a_payload_apart),
                cmocka_unit_test(takes_code_that_comes_later),
                cmocka_unit_test(refuses_a_memfd_of_another_size),
                cmocka_unit_test(refuses_what_could_still_change),
                cmocka_unit_test(adds_and_replaces_variables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
