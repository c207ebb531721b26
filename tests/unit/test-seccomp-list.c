/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists as they may be written, and lists with mistakes: the line each is found in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "filter.h"
#include "launcher/seccomp.h"

#define SEVENTEEN "1|2|3|4|5|6|7|8|9|1|2|3|4|5|6|7|8"
#define HEAD      "arch x86_64 aarch64\ndefault ENOSYS\n"

/* Compiles a list from a file. On failure *ret_text is the problem, for the caller to free. */
static int compile(const char *text, char **ret_text, Filter *ret) {
        char path[] = "/tmp/test-seccomp-XXXXXX";
        _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
        void *program = NULL;
        size_t size = 0;
        int r;

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
        r = seccomp_compile(path, ret_text, &program, &size);
        (void)unlink(path);
        if (r == 0)
                *ret = (Filter){ program, size / sizeof(struct sock_filter) };
        return r;
}

static void names_the_line_of_a_mistake(void **state _unused_) {
        static const struct {
                const char *text, *line, *words;
        } cases[] = {
                { HEAD "allow read\nallow reed\n",                     ":4: ", "'reed?'"        },
                { HEAD "deny EPERM reed\n",                            ":3: ", "unknown"        },
                { HEAD "alow read\n",                                  ":3: ", "'alow'"         },
                { HEAD "allow\n",                                      ":3: ", "no system call" },
                { HEAD "allow read READ\n",                            ":3: ", "'READ'"         },
                { HEAD "allow read,write\n",                           ":3: ", "'read,write'"   },
                { HEAD "allow ?\n",                                    ":3: ", "name"           },
                { HEAD "deny read\n",                                  ":3: ", "errno"          },
                { HEAD "deny EWHAT read\n",                            ":3: ", "'EWHAT'"        },
                { HEAD "deny EPERM\n",                                 ":3: ", "no system call" },
                { HEAD "allow read\ndeny EPERM read\n",                ":4: ", "line 3"         },
                { HEAD "allow read\n\nallow read\n",                   ":5: ", "line 3"         },
                { HEAD "deny EPERM read\nallow read if arg0 == 1\n",   ":4: ", "line 3"         },
                { HEAD "allow read if arg0 == 1\nallow read\n",        ":4: ", "line 3"         },
                { HEAD "allow read write if arg0 == 1\n",              ":3: ", "exactly one"    },
                { HEAD "deny EPERM read if arg0 == 1\n",               ":3: ", "conditions"     },
                { HEAD "allow if arg0 == 1\n",                         ":3: ", "exactly one"    },
                { HEAD "allow read if\n",                              ":3: ", "arg0"           },
                { HEAD "allow read if arg6 == 1\n",                    ":3: ", "'arg6'"         },
                { HEAD "allow read if arg00 == 1\n",                   ":3: ", "'arg00'"        },
                { HEAD "allow read if arg0\n",                         ":3: ", "'=='"           },
                { HEAD "allow read if arg0 != 1\n",                    ":3: ", "equality"       },
                { HEAD "allow read if arg0 ==\n",                      ":3: ", "no value"       },
                { HEAD "allow read if arg0 == one\n",                  ":3: ", "'one'"          },
                { HEAD "allow read if arg0 == 1|\n",                   ":3: ", "''"             },
                { HEAD "allow read if arg0 == -1\n",                   ":3: ", "'-1'"           },
                { HEAD "allow read if arg0 == 0x\n",                   ":3: ", "'0x'"           },
                { HEAD "allow read if arg0 == 18446744073709551616\n", ":3: ", "number"         },
                { HEAD "allow read if arg0 & 3 == 4\n",                ":3: ", "never match"    },
                { HEAD "allow read if arg0 & x == 4\n",                ":3: ", "mask"           },
                { HEAD "allow read if arg0 == 1 or arg1 == 1\n",       ":3: ", "'or'"           },
                { HEAD "allow read if arg0 == 1 and\n",                ":3: ", "arg0"           },
                { HEAD "allow read if arg0 == 1 and arg0 == 2\n",      ":3: ", "twice"          },
                { HEAD "allow read if arg0 == " SEVENTEEN "\n",        ":3: ", "more than"      },
                { "arch x86_64 aarch64\ndefault ALLOW\n",              ":2: ", "errno"          },
                { "arch x86_64 aarch64\ndefault EPERM ENOSYS\n",       ":2: ", "errno"          },
                { HEAD "default EPERM\n",                              ":3: ", "second"         },
                { "arch x86_64 aarch64\nallow read\n",                 ": ",   "no 'default'"   },
                { "default ENOSYS\nallow read\n",                      ": ",   "'arch'"         },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                Filter f;

                assert_int_equal(compile(cases[i].text, &text, &f), -EINVAL);
                assert_non_null(text);
                if (!strstr(text, cases[i].line) || !strstr(text, cases[i].words))
                        fail_msg("expected %s and %s: %s", cases[i].line, cases[i].words, text);
        }
}

static void says_why_a_file_cannot_be_used(void **state _unused_) {
        _cleanup_free_ char *missing = NULL, *folder = NULL, *endless = NULL, *foreign = NULL;
        void *program;
        size_t size;
        Filter f;

        assert_int_equal(seccomp_compile("/nowhere/x.list", &missing, &program, &size), -ENOENT);
        assert_string_equal(missing, "/nowhere/x.list: cannot be read: No such file or directory");
        assert_int_equal(seccomp_compile("/tmp", &folder, &program, &size), -EISDIR);
        assert_int_equal(seccomp_compile("/dev/zero", &endless, &program, &size), -EFBIG);
        assert_int_equal(compile("arch ppc64\ndefault ENOSYS\nallow read\n", &foreign, &f),
                         -EOPNOTSUPP);
        assert_non_null(strstr(foreign, "architecture"));
}

static void skips_only_names_that_are_marked_as_new(void **state _unused_) {
        _cleanup_free_ char *text = NULL;
        Filter f;

        assert_int_equal(compile(HEAD "allow read some_call_of_2040?\ndeny EPERM another?\n"
                                      "allow some_third? if arg0 == 1\n",
                                 &text, &f),
                         0);
        assert_int_equal(filter_judge(&f, "read", 0, 0, 0), 0);
        assert_int_equal(filter_judge(&f, "write", 0, 0, 0), ENOSYS);
        filter_done(&f);
}

static void reads_rows_as_they_are_documented(void **state _unused_) {
        _cleanup_free_ char *text = NULL;
        Filter f;

        assert_int_equal(compile("# nothing\n\n \t\narch\tx86_64 aarch64 # both\ndefault EACCES\n"
                                 "allow read if arg0 == 1|0x10 and arg2 & 0xff == 7  # so\n"
                                 "allow read if arg1 == 18446744073709551615\n"
                                 "deny EDOM write\ndeny EACCES close\r\nallow lseek",
                                 &text, &f),
                         0);
        assert_int_equal(filter_judge(&f, "read", 1, 0, 7), 0);
        assert_int_equal(filter_judge(&f, "read", 16, 0, 0x107), 0);
        assert_int_equal(filter_judge(&f, "read", 1, 0, 8), EACCES);
        assert_int_equal(filter_judge(&f, "read", 2, 0, 7), EACCES);
        assert_int_equal(filter_judge(&f, "read", 2, UINT64_MAX, 0), 0);
        assert_int_equal(filter_judge(&f, "write", 0, 0, 0), EDOM);
        assert_int_equal(filter_judge(&f, "close", 0, 0, 0), EACCES);
        assert_int_equal(filter_judge(&f, "lseek", 0, 0, 0), 0);
        assert_int_equal(filter_judge(&f, "dup", 0, 0, 0), EACCES);
        filter_done(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_the_line_of_a_mistake),
                cmocka_unit_test(says_why_a_file_cannot_be_used),
                cmocka_unit_test(skips_only_names_that_are_marked_as_new),
                cmocka_unit_test(reads_rows_as_they_are_documented),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
