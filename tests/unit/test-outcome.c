/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "client/outcome.h"

#define USAGE                                                                                       \
        "\"usage\":{\"wall_usec\":2000000,\"memory_peak_bytes\":67108864,\"stdout_bytes\":3145728," \
        "\"stderr_bytes\":1048576}"

static const struct {
        const char *result;
        int code;
        const char *text; /* NULL: nothing to say */
} cases[] = {
        { "{\"status\":\"exited\",\"exit_code\":0}",                                     0,   NULL                                                  },
        { "{\"status\":\"exited\",\"exit_code\":255,\"limits_hit\":[]}",                 255, NULL                                                  },
        { "{\"status\":\"exited\",\"exit_code\":1,\"limits_hit\":[\"tasks\",\"work\"]}", 1,
         "limit hit: tasks, work"                                                                                                                   },
        { "{\"status\":\"signaled\",\"signal\":\"SIGKILL\"}",                            137, "killed by signal SIGKILL"                            },
        { "{\"status\":\"signaled\",\"signal\":\"SIGRTMIN+6\"}",                         168,
         "killed by signal SIGRTMIN+6"                                                                                                              },
        { "{\"status\":\"timeout\",\"limits_hit\":[\"time\",\"tasks\"]," USAGE "}",      124,
         "stopped: timeout after 2 s; limit hit: tasks"                                                                                             },
        { "{\"status\":\"oom\"," USAGE "}",                                              137, "stopped: oom, with 64 MiB of memory in use"          },
        { "{\"status\":\"output_limit\"," USAGE "}",                                     153, "stopped: output_limit after 4 MiB"                   },
        { "{\"status\":\"cancelled\"}",                                                  130, "stopped: cancelled"                                  },
        { "{\"status\":\"sandbox_died\",\"reason\":\"lifetime\",\"sandbox\":\"abc\"}",   125,
         "stopped: sandbox_died: lifetime\n    what happened: journalctl CLOCHE_SANDBOX=abc"                                                        },
        { "{\"status\":\"exited\",\"exit_code\":126,\"reason\":\"not_started\",\"limits_hit\":"
          "[\"tasks\"]}",                                                       126, "exited with code 126: not_started; limit hit: tasks" },
        /* not what the service says, and yet no crash and no success */
        { "{}",                                                                          125, "stopped: "                                           },
        { "{\"status\":7,\"exit_code\":0}",                                              125, "stopped: "                                           },
        { "{\"status\":\"news\"}",                                                       125, "stopped: news"                                       },
        { "{\"status\":\"exited\",\"exit_code\":0,\"limits_hit\":[null,7,\"work\"]}",    0,
         "limit hit: 7, work"                                                                                                                       },
};

static void tells_each_end_by_its_code_and_words(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_object *result = NULL;
                _cleanup_free_ char *text = NULL;

                assert_int_equal(
                        json_parse(cases[i].result, strlen(cases[i].result), &result, NULL), 0);
                assert_int_equal(outcome_exit_code(result), cases[i].code);
                assert_int_equal(outcome_format(result, &text), 0);
                if (cases[i].text)
                        assert_string_equal(text, cases[i].text);
                else
                        assert_null(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_each_end_by_its_code_and_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
