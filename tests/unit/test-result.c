/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/json.h"
#include "handler/result.h"

#define FREE 1000000

static const RunEnd exited_3 = {
        .cause = END_EXITED, .exited = { .kind = GUEST_EXIT_EXITED, .value = 3, .work_free = FREE }
};
static const RunEnd killed = {
        .cause = END_EXITED,
        .exited = { .kind = GUEST_EXIT_SIGNALED, .value = SIGKILL, .work_free = FREE }
};

static Result decide(const RunEnd *end) {
        Result r;

        result_decide(end, &r);
        return r;
}

static void an_exit_is_an_exit(void **state) {
        Result r = decide(&exited_3);

        (void)state;
        assert_int_equal(r.status, RESULT_EXITED);
        assert_int_equal(r.exit_code, 3);
        assert_int_equal(r.limits_hit, 0);
        assert_null(r.reason);
}

static void a_signal_is_named(void **state) {
        RunEnd end = killed;
        Result r;

        (void)state;
        end.exited.value = SIGSEGV;
        r = decide(&end);
        assert_int_equal(r.status, RESULT_SIGNALED);
        assert_int_equal(r.signo, SIGSEGV);
}

static void sigkill_without_an_oom_kill_is_a_signal(void **state) {
        (void)state;
        assert_int_equal(decide(&killed).status, RESULT_SIGNALED);
}

static void sigkill_with_an_oom_kill_is_oom(void **state) {
        RunEnd end = killed;
        Result r;

        (void)state;
        end.usage.oom_kills = 1;
        r = decide(&end);
        assert_int_equal(r.status, RESULT_OOM);
        assert_int_equal(r.limits_hit, RESULT_LIMIT_MEMORY);
}

static void an_oom_kill_of_another_process_is_a_limit_hit(void **state) {
        RunEnd end = exited_3;
        Result r;

        (void)state;
        end.usage.oom_kills = 2;
        r = decide(&end);
        assert_int_equal(r.status, RESULT_EXITED);
        assert_int_equal(r.limits_hit, RESULT_LIMIT_MEMORY);
}

static void limits_are_named_together(void **state) {
        RunEnd end = exited_3;

        (void)state;
        end.usage.forks_failed = 1;
        end.exited.work_free = 4095;
        assert_int_equal(decide(&end).limits_hit, RESULT_LIMIT_TASKS | RESULT_LIMIT_WORK);
        end.exited.work_free = 4096;
        assert_int_equal(decide(&end).limits_hit, RESULT_LIMIT_TASKS);
}

static void a_program_that_could_not_start_says_which_limit(void **state) {
        static const struct {
                int error;
                unsigned limits;
        } cases[] = {
                { EAGAIN, RESULT_LIMIT_TASKS  },
                { ENOMEM, RESULT_LIMIT_MEMORY },
                { ENOSPC, RESULT_LIMIT_WORK   },
                { EACCES, 0                   },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                RunEnd end = {
                        .cause = END_EXITED,
                        .exited = { .kind = GUEST_EXIT_FAILED,
                                   .value = cases[i].error,
                                   .work_free = FREE }
                };
                Result r = decide(&end);

                assert_int_equal(r.status, RESULT_EXITED);
                assert_int_equal(r.exit_code, 126);
                assert_string_equal(r.reason, "not_started");
                assert_int_equal(r.limits_hit, cases[i].limits);
        }
}

static void each_cause_has_its_status(void **state) {
        static const struct {
                EndCause cause;
                LauncherDeath death;
                ResultStatus status;
                const char *reason;
        } cases[] = {
                { END_TIMEOUT,        LAUNCHER_DEATH_INVALID,  RESULT_TIMEOUT,      NULL            },
                { END_CANCELLED,      LAUNCHER_DEATH_INVALID,  RESULT_CANCELLED,    NULL            },
                { END_OUTPUT_LIMIT,   LAUNCHER_DEATH_INVALID,  RESULT_OUTPUT_LIMIT, NULL            },
                { END_CLIENT_GONE,    LAUNCHER_DEATH_INVALID,  RESULT_CANCELLED,    "client_gone"   },
                { END_STOPPED,        LAUNCHER_DEATH_INVALID,  RESULT_CANCELLED,    "stopped"       },
                { END_GUEST_LOST,     LAUNCHER_DEATH_INVALID,  RESULT_SANDBOX_DIED, "guest_lost"    },
                { END_GUEST_LOST,     LAUNCHER_DEATH_KILLED,   RESULT_SANDBOX_DIED, "killed"        },
                { END_GUEST_LOST,     LAUNCHER_DEATH_LIFETIME, RESULT_TIMEOUT,      "lifetime"      },
                { END_GUEST_LOST,     LAUNCHER_DEATH_OOM,      RESULT_OOM,          NULL            },
                { END_GUEST_PROTOCOL, LAUNCHER_DEATH_INVALID,  RESULT_SANDBOX_DIED,
                 "guest_protocol_error"                                                             },
                { END_GUEST_PROTOCOL, LAUNCHER_DEATH_KILLED,   RESULT_SANDBOX_DIED,
                 "guest_protocol_error"                                                             },
                { END_LAUNCHER_LOST,  LAUNCHER_DEATH_INVALID,  RESULT_SANDBOX_DIED, "launcher_lost" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                RunEnd end = { .cause = cases[i].cause, .death = cases[i].death };
                Result r = decide(&end);

                if (r.status != cases[i].status)
                        fail_msg("case %zu: %s", i, result_status_name(r.status));
                if (cases[i].reason)
                        assert_string_equal(r.reason, cases[i].reason);
                else
                        assert_null(r.reason);
        }
}

static void a_guest_that_died_of_memory_is_oom_even_if_nobody_said_so(void **state) {
        RunEnd end = { .cause = END_GUEST_LOST, .usage.oom_kills = 1 };

        (void)state;
        assert_int_equal(decide(&end).status, RESULT_OOM);
}

static void a_limit_in_time_or_memory_is_also_in_the_list(void **state) {
        RunEnd late = { .cause = END_TIMEOUT },
               lifetime = { .cause = END_GUEST_LOST, .death = LAUNCHER_DEATH_LIFETIME },
               oom = { .cause = END_GUEST_LOST, .death = LAUNCHER_DEATH_OOM };

        (void)state;
        assert_int_equal(decide(&late).limits_hit, RESULT_LIMIT_TIME);
        assert_int_equal(decide(&lifetime).limits_hit, RESULT_LIMIT_TIME);
        assert_int_equal(decide(&oom).limits_hit, RESULT_LIMIT_MEMORY);
}

static void missing_output_shows_whatever_else_happened(void **state) {
        RunEnd end = exited_3;
        Result r;

        (void)state;
        end.output_cut = true;
        end.usage.forks_failed = 1;
        r = decide(&end);
        assert_int_equal(r.status, RESULT_OUTPUT_LIMIT);
        assert_int_equal(r.limits_hit, RESULT_LIMIT_OUTPUT | RESULT_LIMIT_TASKS);
        assert_int_equal(r.exit_code, -1);
}

static void signals_have_the_names_that_people_know(void **state) {
        char buffer[RESULT_SIGNAL_SIZE];

        (void)state;
        assert_string_equal(result_signal_name(SIGSEGV, buffer), "SIGSEGV");
        assert_string_equal(result_signal_name(SIGKILL, buffer), "SIGKILL");
        assert_string_equal(result_signal_name(SIGRTMIN, buffer), "SIGRTMIN+0");
        assert_string_equal(result_signal_name(64, buffer), "SIGRTMIN+30");
        assert_string_equal(result_signal_name(33, buffer), "SIG33");
}

static void a_client_gets_all_of_it(void **state) {
        static const ResultSubject subject = { "id", "shell", "sha256:0" };
        RunEnd end = exited_3;
        _cleanup_json_ json_object *object = NULL;
        Result r;

        (void)state;
        end.usage_known = true;
        end.usage = (LauncherUsage){ 1, 2, 3, 4, 5, 6, 1, 0 };
        end.wall_usec = 7;
        end.stdout_bytes = 8;
        end.stderr_bytes = 9;
        r = decide(&end);
        assert_int_equal(result_format(&r, &end, &subject, &object), 0);
        assert_string_equal(
                json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                "{\"sandbox\":\"id\",\"profile\":\"shell\",\"image\":\"sha256:0\","
                "\"status\":\"exited\",\"exit_code\":3,\"limits_hit\":[\"memory\"],\"usage\":{"
                "\"wall_usec\":7,\"cpu_user_usec\":1,\"cpu_system_usec\":2,"
                "\"memory_peak_bytes\":3,\"tasks_peak\":4,\"io_read_bytes\":5,"
                "\"io_write_bytes\":6,\"stdout_bytes\":8,\"stderr_bytes\":9}}");
}

static void usage_that_nobody_knows_is_not_made_up(void **state) {
        static const ResultSubject subject = { "id", "shell", "sha256:0" };
        _cleanup_json_ json_object *object = NULL;
        RunEnd end = killed;
        Result r;

        (void)state;
        r = decide(&end);
        assert_int_equal(result_format(&r, &end, &subject, &object), 0);
        assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                            "{\"sandbox\":\"id\",\"profile\":\"shell\",\"image\":\"sha256:0\","
                            "\"status\":\"signaled\",\"signal\":\"SIGKILL\",\"limits_hit\":[],"
                            "\"usage\":{\"wall_usec\":0,\"stdout_bytes\":0,\"stderr_bytes\":0}}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_exit_is_an_exit),
                cmocka_unit_test(a_signal_is_named),
                cmocka_unit_test(sigkill_without_an_oom_kill_is_a_signal),
                cmocka_unit_test(sigkill_with_an_oom_kill_is_oom),
                cmocka_unit_test(an_oom_kill_of_another_process_is_a_limit_hit),
                cmocka_unit_test(limits_are_named_together),
                cmocka_unit_test(a_program_that_could_not_start_says_which_limit),
                cmocka_unit_test(each_cause_has_its_status),
                cmocka_unit_test(a_guest_that_died_of_memory_is_oom_even_if_nobody_said_so),
                cmocka_unit_test(a_limit_in_time_or_memory_is_also_in_the_list),
                cmocka_unit_test(missing_output_shows_whatever_else_happened),
                cmocka_unit_test(signals_have_the_names_that_people_know),
                cmocka_unit_test(a_client_gets_all_of_it),
                cmocka_unit_test(usage_that_nobody_knows_is_not_made_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
