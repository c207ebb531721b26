/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Single files in and out of the box, by the guest's own program: file get, file put. Needs to be
 * root.
 *
 *   test-cloche-guest-file GUEST BOX LIST */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "file-box.h"

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#define GET(path)       FILE_COMMAND("get", path, "0", "1000000")
#define PUT(path)       FILE_COMMAND("put", path, "0644")
#define PUT_AT(path, n) FILE_COMMAND("put", path, "0644", n)

static BoxPaths arg_paths;

static int set_up(void **state) {
        *state = box_new_ready(&arg_paths, NULL);
        return 0;
}

static int tear_down(void **state) {
        assert_int_equal(box_end(*state), 0);
        return 0;
}

/* -- get -------------------------------------------------------------------------------------- */

static void gets_any_part_of_a_file(void **state) {
        static const struct {
                const char *offset, *length, *bytes;
        } cases[] = {
                { "0",                   "1000",                "0123456789" },
                { "0",                   "10",                  "0123456789" },
                { "0",                   "3",                   "012"        },
                { "7",                   "3",                   "789"        },
                { "7",                   "4",                   "789"        },
                { "4",                   "0",                   ""           },
                { "10",                  "1",                   ""           },
                { "9223372036854775807", "9223372036854775807", ""           },
        };

        file_box_shell(*state, "printf 0123456789 >f; chmod 640 f; touch -d @1700000000 f", "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FileReply r = file_box_run(
                        *state, FILE_COMMAND("get", "f", cases[i].offset, cases[i].length), NULL,
                        0);

                assert_int_equal(r.n_files, 1);
                assert_int_equal(r.files[0].record.error, 0);
                assert_int_equal(r.files[0].record.kind, FILE_KIND_REGULAR);
                assert_int_equal(r.files[0].record.size, 10);
                assert_int_equal(r.files[0].record.mode, 0640);
                assert_int_equal(r.files[0].record.mtime_sec, 1700000000);
                assert_int_equal(r.files[0].record.length, strlen(cases[i].bytes));
                assert_memory_equal(r.files[0].bytes, cases[i].bytes, strlen(cases[i].bytes));
                file_reply_free(&r);
        }
}

static void gets_a_large_file_whole(void **state) {
        FileReply r;

        file_box_shell(*state, "seq 150000 | head -c 900000 >f", "");
        r = file_box_run(*state, GET("f"), NULL, 0);
        assert_int_equal(r.files[0].record.length, 900000);
        assert_memory_equal(r.files[0].bytes + 588895 - 8, "\n100000\n", 8);
        file_reply_free(&r);
}

/* Each is refused at once, whatever it would do to one who opens it. */
static void gets_nothing_but_files(void **state) {
        static const struct {
                const char *path;
                int error;
        } cases[] = {
                { "shadow",             EACCES  },
                { "/etc/shadow",        EACCES  },
                { "environ",            EINVAL  },
                { "/proc/self/environ", EINVAL  },
                { "/proc/self/mem",     EINVAL  },
                { "/proc/kmsg",         EINVAL  },
                { "/proc/1/environ",    EINVAL  },
                { "directory",          EISDIR  },
                { "fifo",               EINVAL  },
                { GUEST_CHANNEL_PATH,   EINVAL  }, /* a socket */
                { "/dev/zero",          EINVAL  },
                { "/dev/tty",           EINVAL  },
                { "/dev/ptmx",          EINVAL  },
                { "/proc/self/fd/0",    EINVAL  },
                { "loop",               ELOOP   },
                { "loop/f",             ELOOP   },
                { "file/f",             ENOTDIR },
                { "file/",              ENOTDIR },
                { "missing",            ENOENT  },
                { "",                   ENOENT  },
                { "locked",             EACCES  },
        };

        file_box_shell(*state,
                       "ln -s /etc/shadow shadow; ln -s /proc/self/environ environ; mkfifo fifo;"
                       "mkdir directory; ln -s loop loop; echo >file; echo >locked; chmod 0 locked",
                       "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint32_t error = file_box_fail(*state, GET(cases[i].path), NULL);

                if (error != (uint32_t)cases[i].error)
                        fail_msg("%s: %s", cases[i].path, strerror((int)error));
        }
}

static void does_not_touch_a_fifo(void **state) {
        Run writer =
                box_start(*state, 100, (Program){ .argv = SHELL("mkfifo f; echo up; echo x >f") });
        Run reader;
        char out[16];

        box_expect(writer.out, "up\n", out, sizeof(out));
        assert_int_equal(file_box_fail(*state, GET("f"), NULL), EINVAL);
        assert_int_equal(file_box_fail(*state, PUT_AT("f", "0"), NULL), EINVAL);
        reader = box_start(*state, 101, (Program){ .argv = WORDS("cat", "f") });
        assert_string_equal(box_drain(&reader.out, out, sizeof(out)), "x\n"); /* it had waited */
        for (int i = 0; i < 2; i++)
                assert_int_equal(box_receive(*state).exited.value, 0);
        close(writer.in);
        close(writer.out);
        close(writer.err);
        close(reader.in);
        close(reader.err);
}

static void refuses_what_is_no_command(void **state) {
        static const struct {
                const char *words[6];
        } cases[] = {
                { { "get" } },
                { { "get", "f" } },
                { { "get", "f", "0" } },
                { { "get", "f", "0", "1", "2" } },
                { { "get", "f", "-1", "1" } },
                { { "get", "f", "0x1", "1" } },
                { { "get", "f", "", "1" } },
                { { "get", "f", "1 ", "1" } },
                { { "get", "f", "9223372036854775808", "1" } },
                { { "get", "f", "99999999999999999999999", "1" } },
                { { "put", "f" } },
                { { "put", "f", "0648" } },
                { { "put", "f", "" } },
                { { "put", "f", "-1" } },
                { { "put", "f", "0644 " } },
                { { "put", "f", "777777" } },
                { { "put", "f", "0644", "x" } },
                { { "put", "f", "0644", "1", "2" } },
                { { "remove" } },
                { { "remove", "f", "shallow" } },
                { { "nonsense", "f" } },
                { { "" } },
                { { NULL } },
        };

        file_box_shell(*state, "echo old >f", "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *const *w = cases[i].words;

                assert_int_equal(file_box_fail(*state,
                                               FILE_COMMAND(w[0], w[1], w[2], w[3], w[4], w[5]),
                                               "new"),
                                 EINVAL);
        }
        file_box_shell(*state, "cat f; ls", "old\nf\n");
}

/* -- put -------------------------------------------------------------------------------------- */

static void puts_files_of_any_size(void **state) {
        static const size_t sizes[] = { 0, 1, 4096, 65535, 65536, 65537, 500000 };
        char *bytes = malloc(500000);

        assert_non_null(bytes);
        for (size_t i = 0; i < 500000; i++)
                bytes[i] = (char)(i * 7 + i / 256);
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                FileReply r = file_box_run(*state, PUT("f"), bytes, sizes[i]);

                assert_int_equal(r.n_files, 1);
                assert_int_equal(r.files[0].record.error, 0);
                assert_int_equal(r.files[0].record.size, sizes[i]);
                assert_int_equal(r.files[0].record.mode, 0644);
                assert_int_equal(r.files[0].record.kind, FILE_KIND_REGULAR);
                file_reply_free(&r);

                r = file_box_run(*state, GET("f"), NULL, 0);
                assert_int_equal(r.files[0].record.length, sizes[i]);
                assert_memory_equal(r.files[0].bytes, bytes, sizes[i]);
                file_reply_free(&r);
        }
        free(bytes);
        file_box_shell(*state, "ls -A", "f\n");
}

static void gives_files_their_mode_and_no_more(void **state) {
        static const struct {
                const char *mode;
                uint32_t result;
        } cases[] = {
                { "0644",  0644 },
                { "600",   0600 },
                { "777",   0777 },
                { "0",     0    },
                { "1",     1    },
                { "6755",  0755 },
                { "07777", 0777 },
                { "04711", 0711 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(
                        file_box_run_one(*state, FILE_COMMAND("put", "f", cases[i].mode), "x").mode,
                        cases[i].result);
        file_box_shell(*state, "chmod 6755 f", "");
        assert_int_equal(file_box_run_one(*state, FILE_COMMAND("put", "f", "0755"), "x").mode,
                         0755);
        file_box_shell(*state, "chmod 6755 f", "");
        assert_int_equal(file_box_run_one(*state, PUT_AT("f", "0"), "x").mode, 0755);
        assert_int_equal(file_box_run_one(*state, FILE_COMMAND("put", "g", "4777", "0"), "x").mode,
                         0777);
}

static void puts_a_file_wherever_a_path_leads(void **state) {
        static const char *const paths[] = {
                "f",        "./f",      "/work/f", "a/../f",         "new/f",
                "a//b///f", "x/y/z/f",  "link/g",  "link/deep/er/f", "/tmp/a/b/c",
                "a\nb",     "\xff\xfe", "-n",      "n/../n2/./f",    " ",
        };

        file_box_shell(*state, "mkdir a; ln -s a link", "");
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                FileReply r;

                assert_int_equal(file_box_fail(*state, PUT(paths[i]), paths[i]), 0);
                r = file_box_run(*state, GET(paths[i]), NULL, 0);
                assert_int_equal(r.files[0].record.length, strlen(paths[i]));
                assert_memory_equal(r.files[0].bytes, paths[i], strlen(paths[i]));
                file_reply_free(&r);
        }
        file_box_shell(*state, "stat -c '%a %u' x x/y/z a/deep; ls a",
                       "755 1000\n755 1000\n755 1000\nb\ndeep\ng\n");
}

static void puts_nothing_where_it_must_not(void **state) {
        const int usr = (int)file_box_write_error("/usr"), etc = (int)file_box_write_error("/etc");
        const struct {
                const char *path;
                int error, part_error; /* without and with an offset */
        } cases[] = {
                { "",                 ENOENT,  ENOENT  },
                { "directory",        EISDIR,  EISDIR  },
                { "directory/",       EISDIR,  EISDIR  },
                { "to-directory",     EISDIR,  EISDIR  },
                { "missing/",         EISDIR,  EISDIR  },
                { ".",                EISDIR,  EISDIR  },
                { "directory/..",     EISDIR,  EISDIR  },
                { "/",                EISDIR,  EISDIR  },
                { "file/f",           ENOTDIR, ENOTDIR },
                { "file/a/f",         ENOTDIR, ENOTDIR },
                { "loop/f",           ELOOP,   ELOOP   },
                { "/usr/f",           usr,     usr     },
                { "/usr/new/dir/f",   usr,     usr     },
                { "/etc/passwd",      etc,     EACCES  },
                { GUEST_PROGRAM_PATH, EACCES,  EACCES  },
                { "/ro/file",         EROFS,   EROFS   },
                { "/ro/new",          EROFS,   EROFS   },
                { "/ro/new/dir/f",    EROFS,   EROFS   },
                { "dangling/f",       ENOENT,  ENOENT  },
        };

        file_box_shell(*state,
                       "mkdir directory; ln -s directory to-directory; echo >file;"
                       "ln -s loop loop; ln -s nowhere dangling",
                       "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint32_t error = file_box_fail(*state, PUT(cases[i].path), "x");

                if (error != (uint32_t)cases[i].error)
                        fail_msg("%s: %s", cases[i].path, strerror((int)error));
                error = file_box_fail(*state, PUT_AT(cases[i].path, "3"), "x");
                if (error != (uint32_t)cases[i].part_error)
                        fail_msg("%s at 3: %s", cases[i].path, strerror((int)error));
        }
        file_box_shell(*state, "ls -A; ls -A directory",
                       "dangling\ndirectory\nfile\nloop\nto-directory\n");
}

static void refuses_names_that_are_too_long(void **state) {
        char name[300], path[5000];

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = 0;
        memset(path, '/', sizeof(path) - 1);
        for (size_t i = 0; i < sizeof(path) - 1; i += 2)
                path[i] = 'p';
        path[sizeof(path) - 1] = 0;
        assert_int_equal(file_box_fail(*state, PUT(name), "x"), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, PUT_AT(name, "0"), "x"), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, GET(name), NULL), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, FILE_COMMAND("remove", name), NULL), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, PUT(path), "x"), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, GET(path), NULL), ENAMETOOLONG);
        assert_int_equal(file_box_fail(*state, FILE_COMMAND("remove", path), NULL), ENAMETOOLONG);
        file_box_shell(*state, "ls -A", "");
}

static void replaces_what_has_the_name(void **state) {
        file_box_shell(*state,
                       "echo old >f; ln f other; echo target >t; ln -s t link; mkfifo fifo;"
                       "exec 3<f; echo $(stat -c %i f) >number",
                       "");
        assert_int_equal(file_box_fail(*state, PUT("f"), "new"), 0);
        assert_int_equal(file_box_fail(*state, PUT("link"), "linked"), 0);
        assert_int_equal(file_box_fail(*state, PUT("fifo"), "file"), 0);
        /* another file: who has the old one open, or another name of it, still has that */
        file_box_shell(*state,
                       "cat f link t fifo other; test $(stat -c %i f) != $(cat number) && ls -A",
                       "newlinkedtarget\nfileold\nf\nfifo\nlink\nnumber\nother\nt\n");
}

static void writes_over_a_part(void **state) {
        file_box_shell(*state, "printf 0123456789 >f", "");
        assert_int_equal(file_box_run_one(*state, PUT_AT("f", "3"), "abc").size, 10);
        file_box_shell(*state, "cat f", "012abc6789");
        assert_int_equal(file_box_run_one(*state, PUT_AT("f", "8"), "abcd").size, 12);
        file_box_shell(*state, "cat f", "012abc67abcd");
        assert_int_equal(file_box_run_one(*state, PUT_AT("f", "4"), "").size, 12);
        assert_int_equal(file_box_run_one(*state, PUT_AT("new/g", "4"), "x").size, 5);
        file_box_shell(*state, "od -An -c new/g; ln -s f link", "  \\0  \\0  \\0  \\0   x\n");
        assert_int_equal(file_box_run_one(*state, PUT_AT("link", "0"), "A").size, 12);
        file_box_shell(*state, "cat f", "A12abc67abcd");
        assert_int_equal(file_box_fail(*state, PUT_AT("f", "9223372036854775807"), "x"), EFBIG);
        file_box_shell(*state, "cat f", "A12abc67abcd");
}

static void puts_over_a_program_that_runs(void **state) {
        Run run;

        file_box_shell(*state, "cp /bin/sleep s", "");
        run = box_start(*state, 100, (Program){ .argv = SHELL("exec ./s 1000") });
        file_box_shell(*state, "until grep -q /work/s /proc/[0-9]*/maps 2>/dev/null; do :; done",
                       "");
        assert_int_equal(file_box_fail(*state, PUT_AT("s", "0"), "x"), ETXTBSY);
        assert_int_equal(file_box_fail(*state, PUT("s"), "#!/bin/sh\necho new\n"), 0);
        box_send_signal(*state, 100, 0x0f);
        assert_int_equal(box_finish(*state, &run).value, SIGTERM); /* it was not hurt */
        file_box_shell(*state, "sh s", "new\n");
}

static void leaves_the_old_file_when_the_disk_is_full(void **state) {
        char *bytes = calloc(1, 2 * MIB);
        FileReply r;

        assert_non_null(bytes);
        file_box_shell(*state, "echo old >f; stat -f -c '%b %f' . >/tmp/before", "");
        r = file_box_run(*state, PUT("f"), bytes, 2 * MIB);
        assert_int_equal(r.files[0].record.error, ENOSPC);
        file_reply_free(&r);
        r = file_box_run(*state, PUT("new/dir/f"), bytes, 2 * MIB);
        assert_int_equal(r.files[0].record.error, ENOSPC);
        file_reply_free(&r);
        file_box_shell(*state,
                       "cat f; ls -A; stat -f -c '%b %f' . >/tmp/after; cmp /tmp/before /tmp/after",
                       "old\nf\n");
        r = file_box_run(*state, PUT_AT("f", "4"), bytes, 2 * MIB);
        assert_int_equal(r.files[0].record.error, ENOSPC);
        file_reply_free(&r);
        file_box_shell(*state, "head -n 1 f; ls -A", "old\nf\n");
        free(bytes);
}

static void leaves_the_old_file_when_it_is_killed(void **state) {
        static const char half[50000];
        static const char *const paths[] = { "f", "new/dir/f" };
        char command[128];

        file_box_shell(*state, "echo old >f; stat -f -c %f . >/tmp/before", "");
        for (uint32_t i = 0; i < ARRAY_SIZE(paths); i++) {
                Run run = box_start(
                        *state, 100 + i,
                        (Program){ .argv = PUT(paths[i]), .env = WORDS(GUEST_PROGRAM_ENV) });

                assert_int_equal(write(run.in, half, sizeof(half)), sizeof(half));
                (void)snprintf(command, sizeof(command),
                               "until [ $(stat -f -c %%f .) -lt $(cat /tmp/before) ]; do :; done");
                file_box_shell(*state, command, ""); /* a part of it is there */
                file_box_shell(*state, "ls -A", "f\n");
                box_send_signal(*state, 100 + i, SIGKILL);
                assert_int_equal(box_finish(*state, &run).kind, GUEST_EXIT_SIGNALED);
                file_box_shell(*state,
                               "cat f; ls -A; stat -f -c %f . >/tmp/after;"
                               "cmp /tmp/before /tmp/after",
                               "old\nf\n");
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                IN_BOX(gets_any_part_of_a_file),
                IN_BOX(gets_a_large_file_whole),
                IN_BOX(gets_nothing_but_files),
                IN_BOX(does_not_touch_a_fifo),
                IN_BOX(refuses_what_is_no_command),
                IN_BOX(puts_files_of_any_size),
                IN_BOX(gives_files_their_mode_and_no_more),
                IN_BOX(puts_a_file_wherever_a_path_leads),
                IN_BOX(puts_nothing_where_it_must_not),
                IN_BOX(refuses_names_that_are_too_long),
                IN_BOX(replaces_what_has_the_name),
                IN_BOX(writes_over_a_part),
                IN_BOX(puts_over_a_program_that_runs),
                IN_BOX(leaves_the_old_file_when_the_disk_is_full),
                IN_BOX(leaves_the_old_file_when_it_is_killed),
        };

        arg_paths = box_take_paths(argc, argv, 3);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
