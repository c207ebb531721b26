/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Directories in the box, by the guest's own program: file list, file remove, file collect. Needs to
 * be root.
 *
 *   test-cloche-guest-tree GUEST BOX LIST */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "file-box.h"

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#define LIST(path, after, max) FILE_COMMAND("list", path, after, max)
#define DEEP(path, after, max) FILE_COMMAND("list", path, after, max, "deep")
#define REMOVE(path)           FILE_COMMAND("remove", path)
#define REMOVE_DEEP(path)      FILE_COMMAND("remove", path, "deep")

static BoxPaths arg_paths;

static int set_up(void **state) {
        *state = box_new_ready(&arg_paths, NULL);
        return 0;
}

static int tear_down(void **state) {
        assert_int_equal(box_end(*state), 0);
        return 0;
}

/* The names of a reply, one a line, and "= error" of its END. */
static void expect_names(Box *b, const char *const *argv, const char *expected) {
        FileReply r = file_box_run(b, argv, NULL, 0);
        char text[1024] = "";
        size_t n = 0;

        for (size_t i = 0; i < r.n_files; i++) {
                const NamedFile *f = &r.files[i];
                size_t left = sizeof(text) - n;

                if (f->record.type == FILE_RECORD_END) {
                        assert_int_equal(i, r.n_files - 1);
                        n += (size_t)snprintf(text + n, left, "= %u", f->record.error);
                } else if (f->record.error > 0)
                        n += (size_t)snprintf(text + n, left, "%s !%u\n", f->name, f->record.error);
                else
                        n += (size_t)snprintf(text + n, left, "%s\n", f->name);
                assert_true(n < sizeof(text));
        }
        assert_string_equal(text, expected);
        file_reply_free(&r);
}

/* -- list ------------------------------------------------------------------------------------- */

static void lists_what_is_in_a_directory(void **state) {
        static const struct {
                const char *name;
                FileKind kind;
                uint32_t mode;
                uint64_t size;
        } expected[] = {
                { ".hidden",   FILE_KIND_REGULAR,   0600,  0 },
                { "Z",         FILE_KIND_REGULAR,   0644,  3 },
                { "a\nb",      FILE_KIND_REGULAR,   0644,  0 },
                { "directory", FILE_KIND_DIRECTORY, 01755, 0 },
                { "fifo",      FILE_KIND_OTHER,     0644,  0 },
                { "link",      FILE_KIND_SYMLINK,   0777,  9 },
                { "set",       FILE_KIND_REGULAR,   04755, 0 },
                { "\xc3\xa9",  FILE_KIND_REGULAR,   0644,  0 },
                { "\xff\xfe",  FILE_KIND_REGULAR,   0644,  0 },
        };
        FileReply r;

        file_box_shell(
                *state,
                "touch .hidden \"$(printf 'a\\nb')\" \"$(printf '\\377\\376')\" set \xc3\xa9;"
                "chmod 600 .hidden; chmod 4755 set; printf abc >Z; mkfifo fifo;"
                "ln -s directory link; mkdir directory; touch directory/inner;"
                "chmod 1755 directory; touch -d @1000 Z; touch -d @-5 set",
                "");
        r = file_box_run(*state, LIST("/work", "", "100"), NULL, 0);
        assert_int_equal(r.n_files, ARRAY_SIZE(expected) + 1);
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                const NamedFile *f = &r.files[i];

                assert_string_equal(f->name, expected[i].name);
                assert_int_equal(f->record.kind, expected[i].kind);
                assert_int_equal(f->record.mode, expected[i].mode);
                assert_int_equal(f->record.length, 0);
                if (f->record.kind != FILE_KIND_DIRECTORY)
                        assert_int_equal(f->record.size, expected[i].size);
        }
        assert_int_equal(r.files[1].record.mtime_sec, 1000);
        assert_int_equal(r.files[6].record.mtime_sec, -5);
        assert_int_equal(r.files[9].record.type, FILE_RECORD_END);
        assert_int_equal(r.files[9].record.error, 0);
        file_reply_free(&r);
}

static void lists_a_page_at_a_time(void **state) {
        file_box_shell(*state, "mkdir d e; touch d/a d/b d/c d/d", "");
        expect_names(*state, LIST("d", "", "2"), "a\nb\n= 7");
        expect_names(*state, LIST("d", "b", "2"), "c\nd\n= 0");
        expect_names(*state, LIST("d", "bb", "1"), "c\n= 7");
        expect_names(*state, LIST("d", "", "4"), "a\nb\nc\nd\n= 0");
        expect_names(*state, LIST("d", "d", "4"), "= 0");
        expect_names(*state, LIST("d", "zzz", "4"), "= 0");
        expect_names(*state, LIST("e", "", "1"), "= 0");
}

static void lists_thousands_by_pages(void **state) {
        char after[16] = "", expected[16];
        unsigned n = 0, pages = 0;
        uint32_t error;

        file_box_shell(*state, "mkdir many; cd many; seq -f %05g 5000 | xargs touch", "");
        do {
                FileReply r = file_box_run(*state, LIST("many", after, "1000"), NULL, 0);

                for (size_t i = 0; i < r.n_files - 1; i++) {
                        (void)snprintf(expected, sizeof(expected), "%05u", ++n);
                        assert_string_equal(r.files[i].name, expected);
                        strcpy(after, expected);
                }
                error = r.files[r.n_files - 1].record.error;
                assert_int_equal(r.files[r.n_files - 1].record.type, FILE_RECORD_END);
                file_reply_free(&r);
                pages++;
        } while (error == E2BIG);
        assert_int_equal(error, 0);
        assert_int_equal(n, 5000);
        assert_int_equal(pages, 5);
}

/* In the order of the paths' bytes, where '-' comes before '/'. */
static void lists_a_tree(void **state) {
        static const char whole[] = "a\na-b\na-b/z\na/c\na/c/d\na/c/d/e\na/f\nlink\nlocked\nz\n= 0";

        file_box_shell(*state,
                       "mkdir -p a/c/d a-b /tmp/out/side; touch a/c/d/e a/f a-b/z z; mkdir locked;"
                       "touch locked/x; chmod 0 locked; ln -s /tmp/out link; ln -s . a/c/self;"
                       "rm a/c/self",
                       "");
        expect_names(*state, DEEP(".", "", "100"), whole);
        expect_names(*state, DEEP(".", "", "10"), whole);
        expect_names(*state, DEEP(".", "", "4"), "a\na-b\na-b/z\na/c\n= 7");
        expect_names(*state, DEEP(".", "a/c", "2"), "a/c/d\na/c/d/e\n= 7");
        expect_names(*state, DEEP(".", "a/c/d/e", "2"), "a/f\nlink\n= 7");
        expect_names(*state, DEEP(".", "link", "2"), "locked\nz\n= 0");
        expect_names(*state, DEEP("a", "", "2"), "c\nc/d\n= 7");
        expect_names(*state, DEEP("a/c/d", "", "1"), "e\n= 0");
        expect_names(*state, DEEP("link", "", "9"), "side\n= 0"); /* one may be asked for */
        file_box_shell(*state, "mkdir -p last/empty", "");
        expect_names(*state, DEEP("last", "", "1"), "empty\n= 0");
}

static void stays_above_a_depth_bound(void **state) {
        FileReply r;

        file_box_shell(*state,
                       "i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done; touch x",
                       "");
        r = file_box_run(*state, DEEP(".", "", "1000"), NULL, 0);
        assert_true(r.n_files >= 100 && r.n_files <= 140);
        assert_int_equal(r.files[r.n_files - 1].record.error, 0);
        file_reply_free(&r);
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("d"), NULL), ELOOP);
}

static void says_why_it_cannot_list(void **state) {
        file_box_shell(*state,
                       "touch file; mkdir locked; chmod 0 locked; mkfifo fifo;"
                       "ln -s loop loop",
                       "");
        expect_names(*state, LIST("file", "", "1"), "= 20");
        expect_names(*state, LIST("fifo", "", "1"), "= 20");
        expect_names(*state, LIST("missing", "", "1"), "= 2");
        expect_names(*state, LIST("", "", "1"), "= 2");
        expect_names(*state, LIST("locked", "", "1"), "= 13");
        expect_names(*state, LIST("loop", "", "1"), "= 40");
        expect_names(*state, LIST(".", "", "0"), "= 22");
        expect_names(*state, LIST(".", "", "1000000"), "= 22");
        expect_names(*state, LIST(".", "", "x"), "= 22");
        expect_names(*state, FILE_COMMAND("list", "."), "= 22");
        expect_names(*state, FILE_COMMAND("list", ".", "", "1", "wide"), "= 22");
        file_box_shell(*state, "mkdir half; touch half/x; chmod 444 half", "");
        expect_names(*state, LIST("half", "", "1"), "x !13\n= 0"); /* seen, not looked at */
}

/* -- remove ----------------------------------------------------------------------------------- */

static void removes_one_thing(void **state) {
        const uint32_t usr = file_box_write_error("/usr");
        const struct {
                const char *path;
                uint32_t error;
        } cases[] = {
                { "file",     0         },
                { "link",     0         },
                { "fifo",     0         },
                { "empty",    0         },
                { "dangling", 0         },
                { "full",     ENOTEMPTY },
                { "missing",  ENOENT    },
                { "",         ENOENT    },
                { "full/x/y", ENOTDIR   },
                { ".",        EINVAL    },
                { "full/..",  EINVAL    },
                { "/",        EINVAL    },
                { "///",      EINVAL    },
                { "full/.",   EINVAL    },
                { "/ro/file", EROFS     },
                { "/usr/bin", usr       },
                { "empty2/",  0         },
                { "loop/x",   ELOOP     },
                { "loop",     0         },
                { "-rf",      0         },
        };

        file_box_shell(*state,
                       "touch file target full-target -- -rf; ln -s target link; mkfifo fifo;"
                       "mkdir empty empty2 full; touch full/x; ln -s nowhere dangling;"
                       "ln -s loop loop",
                       "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint32_t error = file_box_fail(*state, REMOVE(cases[i].path), NULL);

                if (error != cases[i].error)
                        fail_msg("%s: %u", cases[i].path, error);
        }
        file_box_shell(*state, "ls -A", "full\nfull-target\ntarget\n");
}

static void removes_a_tree_and_nothing_else(void **state) {
        file_box_shell(*state,
                       "mkdir -p t/a/b/c t/d /tmp/out/in; touch t/x t/a/y t/a/b/c/z /tmp/out/keep;"
                       "ln -s /tmp/out t/a/out; ln -s ../.. t/d/up; ln -s /tmp/out/keep t/keep;"
                       "mkfifo t/fifo; cp -r t t2; ln -s /tmp/out link",
                       "");
        assert_int_equal(file_box_run_one(*state, REMOVE_DEEP("t"), NULL).kind,
                         FILE_KIND_DIRECTORY);
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("t2///"), NULL), 0);
        assert_int_equal(file_box_run_one(*state, REMOVE_DEEP("link/"), NULL).kind,
                         FILE_KIND_SYMLINK);
        file_box_shell(*state, "ls -A; cd /tmp/out; echo *", "in keep\n");
}

static void removes_thousands(void **state) {
        file_box_shell(*state, "mkdir -p t/many; cd t/many; seq 5000 | xargs touch", "");
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("t"), NULL), 0);
        file_box_shell(*state, "ls -A", "");
}

static void stops_a_removal_at_what_may_not_go(void **state) {
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("/ro"), NULL), EROFS);
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("/usr/lib"), NULL),
                         file_box_write_error("/usr"));
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("/run/cloche"), NULL), EACCES);
        file_box_shell(*state, "mkdir -p t/locked; touch t/locked/x; chmod 0 t/locked", "");
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("t"), NULL), EACCES);
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP("."), NULL), EINVAL);
        assert_int_equal(file_box_fail(*state, REMOVE_DEEP(""), NULL), ENOENT);
        file_box_shell(*state, "ls /ro t", "/ro:\nfile\n\nt:\nlocked\n");
}

/* -- collect ---------------------------------------------------------------------------------- */

static void collects_what_patterns_match(void **state) {
        static const struct {
                const char *first, *second, *names;
        } cases[] = {
                { "*.png",           NULL,      "a.png\nb.png\n= 0"              },
                { "b.png",           "*.png",   "a.png\nb.png\n= 0"              }, /* once each */
                { "out/*/?.txt",     NULL,      "out/1/x.txt\nout/2/y.txt\n= 0"  },
                { "*/*/x.txt",       NULL,      "link/1/x.txt\nout/1/x.txt\n= 0" },
                { "[!a]*",           NULL,      "b.png\n= 0"                     },
                { ".*",              NULL,      ".hidden\n= 0"                   },
                { "*",               "out/*",   "a.png\nb.png\n= 0"              }, /* files only */
                { "/work/[a-b]*",    NULL,      "/work/a.png\n/work/b.png\n= 0"  },
                { "//work//a*",      NULL,      "/work/a.png\n= 0"               },
                { "./a.png",         NULL,      "./a.png\n= 0"                   },
                { "\\*",             "a\\.png", "a.png\n= 0"                     },
                { "nothing*",        "missing", "= 0"                            },
                { "",                "/",       "= 0"                            },
                { "out/",            "a.png/",  "= 0"                            },
                { "/proc/self/stat", "/dev/*",  "/proc/self/stat !22\n= 0"       },
                { "/etc/shado[w]",   NULL,      "/etc/shadow !13\n= 0"           },
        };

        file_box_shell(
                *state,
                "mkdir -p out/1 out/2; echo a >a.png; echo b >b.png; touch .hidden out/1/x.txt"
                " out/2/y.txt; ln -s out link; mkfifo fifo; mkdir dir.png",
                "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                expect_names(
                        *state,
                        FILE_COMMAND("collect", "64", "100000", cases[i].first, cases[i].second),
                        cases[i].names);
}

static void collects_bytes_within_bounds(void **state) {
        FileReply r;

        file_box_shell(
                *state,
                "printf 1234567890 >a; printf 12345 >b; printf 1234567890 >c; printf 12345 >d;"
                "touch e",
                "");
        r = file_box_run(*state, FILE_COMMAND("collect", "4", "20", "*"), NULL, 0);
        assert_int_equal(r.n_files, 5);
        assert_memory_equal(r.files[0].bytes, "1234567890", 10);
        assert_int_equal(r.files[1].record.length, 5);
        assert_string_equal(r.files[2].name, "c"); /* too large for what is left, unlike d */
        assert_int_equal(r.files[2].record.error, EFBIG);
        assert_int_equal(r.files[2].record.size, 10);
        assert_int_equal(r.files[2].record.length, 0);
        assert_int_equal(r.files[3].record.error, 0);
        assert_memory_equal(r.files[3].bytes, "12345", 5);
        assert_int_equal(r.files[4].record.type, FILE_RECORD_END);
        assert_int_equal(r.files[4].record.error, E2BIG);
        file_reply_free(&r);
}

static void collects_large_files_whole(void **state) {
        FileReply r;

        file_box_shell(*state, "seq 60000 >a; seq 50000 >b", "");
        r = file_box_run(*state, FILE_COMMAND("collect", "64", "8388608", "?"), NULL, 0);
        assert_int_equal(r.n_files, 3);
        assert_int_equal(r.files[0].record.length, 348894);
        assert_memory_equal(r.files[1].bytes + r.files[1].record.length - 6, "50000\n", 6);
        file_reply_free(&r);
}

static void gives_up_on_patterns_that_multiply(void **state) {
        file_box_shell(*state,
                       "i=0; while [ $i -lt 30 ]; do ln -s . l$i; i=$((i+1)); done; "
                       "touch x",
                       "");
        expect_names(*state, FILE_COMMAND("collect", "2", "100", "*/*/*/*/*/*/*/nothing", "x"),
                     "= 7");
        expect_names(*state, FILE_COMMAND("collect", "2", "100", "x", "l1/l2/l[3]/x"),
                     "l1/l2/l3/x\nx\n= 0");
}

static void refuses_a_collection_without_bounds(void **state) {
        expect_names(*state, FILE_COMMAND("collect", "64", "100"), "= 22");
        expect_names(*state, FILE_COMMAND("collect", "0", "100", "*"), "= 22");
        expect_names(*state, FILE_COMMAND("collect", "x", "100", "*"), "= 22");
        expect_names(*state, FILE_COMMAND("collect", "1", "-1", "*"), "= 22");
        expect_names(*state, FILE_COMMAND("collect", "99999999", "1", "*"), "= 22");
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                IN_BOX(lists_what_is_in_a_directory),
                IN_BOX(lists_a_page_at_a_time),
                IN_BOX(lists_thousands_by_pages),
                IN_BOX(lists_a_tree),
                IN_BOX(stays_above_a_depth_bound),
                IN_BOX(says_why_it_cannot_list),
                IN_BOX(removes_one_thing),
                IN_BOX(removes_a_tree_and_nothing_else),
                IN_BOX(removes_thousands),
                IN_BOX(stops_a_removal_at_what_may_not_go),
                IN_BOX(collects_what_patterns_match),
                IN_BOX(collects_bytes_within_bounds),
                IN_BOX(collects_large_files_whole),
                IN_BOX(gives_up_on_patterns_that_multiply),
                IN_BOX(refuses_a_collection_without_bounds),
        };

        arg_paths = box_take_paths(argc, argv, 3);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
