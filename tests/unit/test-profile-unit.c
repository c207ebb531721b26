/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "launcher/profile-unit.h"

static void does_to_words_what_systemd_would(_unused_ void **state) {
        static const struct {
                const char *in;
                const char *out; /* NULL: refused */
        } cases[] = {
                { "plain",  "plain" },
                { "a$$b",   "a$b"   },
                { "$$HOME", "$HOME" },
                { "$$$$",   "$$"    },
                { "a$b",    "a$b"   },
                { "a$",     "a$"    },
                { "$",      NULL    },
                { "$HOME",  NULL    },
                { "a${B}",  NULL    },
                { "$$${B}", NULL    },
                { "${",     NULL    },
                { "",       ""      },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char word[32], podman[] = "/p/podman", run[] = "run";
                char *argv[] = { podman, run, word, NULL };
                const char *bad = NULL;
                int r;

                (void)snprintf(word, sizeof(word), "%s", cases[i].in);
                r = profile_unit_prepare_argv(argv, &bad);
                assert_int_equal(r, cases[i].out ? 0 : -EINVAL);
                if (cases[i].out)
                        assert_string_equal(word, cases[i].out);
                else
                        assert_ptr_equal(bad, word);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(does_to_words_what_systemd_would),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
