/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said about a bad profile, and whom it blames. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fake-client.h"
#include "profile-fixture.h"

/* -- refusals -------------------------------------------------------------------------------- */

static void says_what_to_do_about_a_missing_image(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        profile_set_answer(f, "404 Not Found", "{\"cause\":\"no such image\"}");
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_IMAGE_MISSING,
                       "image localhost/x:latest is missing: run \"sudo cloche images build x\" or "
                       "\"sudo podman pull localhost/x:latest\"");
        assert_string_equal(r.profile->image, "localhost/x:latest");
        assert_int_equal(r.profile->limits.tasks, 64);
        assert_string_equal(r.profile->digest, "");

        profile_set_image(f, ID_1, DIGEST_1); /* built: no reload is needed */
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
}

static void says_what_podman_says(void **state) {
        static const struct {
                const char *status;
                const char *body;
                const char *words;
        } cases[] = {
                { "500 Oops", "{\"message\":\"disk on fire\"}", "disk on fire"                      },
                { "200 OK",   "{\"Id\":\"short\"}",             "Podman did not say the image's id" },
                { "200 OK",   "[]",                             "Podman did not say the image's id" },
                { "200 OK",   "oops",                           "Podman did not say the image's id" },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                profile_set_answer(f, cases[i].status, cases[i].body);
                profile_get(f, &r);
                assert_refused(&r, LAUNCHER_REFUSAL_PODMAN, cases[i].words);
        }
}

static void knows_no_profile_without_a_unit_that_is_one(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->manager->n_units = 0;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "there is no profile \"x\"");
        f->manager->n_units = 1;

        f->argv[0] = "/usr/libexec/cloche/cloche-launcher";
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        SET_ARGV(f, "system", "service");
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        f->unit.argv = NULL;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        assert_int_equal(f->n_inspections, 0);
}

static void asks_nobody_about_a_name_that_is_none(void **state) {
        static const char *const names[] = { "", "../x", "X", "x.y", "-x", "x@y", "x y", "x\n" };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                ProfileRequest *request = NULL;
                _cleanup_result_ Result r = {};

                assert_int_equal(
                        profile_store_get(f->store, names[i], profile_keep_result, &r, &request),
                        0);
                assert_int_equal(r.n, 1);
                assert_int_equal(r.refusal, LAUNCHER_REFUSAL_UNKNOWN_PROFILE);
                assert_null(request);
        }
        profile_settle(f);
        assert_int_equal(f->manager->n_loads, 0);
}

static void blames_the_file_for_what_it_says(void **state) {
        static const struct {
                const char *spec;
                const char *words;
        } cases[] = {
                { SPEC(",\"privileged\":true"),
                 SOURCE ": \"privileged\" (PodmanArgs=--privileged) is "
                         "true: a profile may not set it"                                                                                  },
                { SPEC(",\"volumes\":[{\"Name\":\"\xc3\xa4\\n\"}]"),                     "\"volumes\" (Volume="                            },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"1h\"}}",
                 SOURCE ": Label=io.cloche.timeout-sec=1h is no number"                                                                    },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"0\"}}",
                 "io.cloche.timeout-sec=0 is not in 1 to 86400"                                                                            },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"86401\"}}",
                 "is not in"                                                                                                               },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":"
                  "\"99999999999999999999999999\"}}",                   "is no number"                                    },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.output-bytes\":\"-1\"}}",
                 "is no number"                                                                                                            },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.output-bytes\":\"0\"}}",     "is not in"                                       },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.interpreter\":\"sh\"}}",
                 "needs a Label=io.cloche.code-name="                                                                                      },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.interpreter\":\"s\\u0007h\","
                  "\"io.cloche.code-name\":\"a\"}}",                    "control character"                               },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.driver\":\"s\\u0007h\"}}",
                 "io.cloche.driver= has a control character"                                                                               },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.lifetime-sec\":\"86401\"}}",
                 "io.cloche.lifetime-sec=86401 is not in 1 to 86400"                                                                       },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.warm\":\"2:1\"}}",
                 "io.cloche.warm=2 is not in 0 to 1"                                                                                       },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.warm\":\"x\"}}",
                 "io.cloche.warm=x is no number"                                                                                           },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.warm\":\":2\"}}",
                 "io.cloche.warm=:2 is no LOW:HIGH"                                                                                        },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.warm\":\"1:99\"}}",
                 "io.cloche.warm=99 is not in 0 to 32"                                                                                     },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":\"../a\"}}",
                 "is no file name"                                                                                                         },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":\"a/b\"}}",
                 "is no file name"                                                                                                         },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":"
                  "\"abcdefghijklmnopqrstuvwxyz012345\"}}",             "is no file name"                                 },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.language\":\"Py thon\"}}",
                 "is no name"                                                                                                              },
                { "{\"image\":\"x\",\"mounts\":[{\"type\":\"tmpfs\",\"destination\":\"/work\","
                  "\"options\":[\"size=4k\"]}]}",                       "Tmpfs=/work has a size of less than 65536 bytes" },
                { "{\"image\":\"x\",\"shm_size\":1099511627777}",
                 "ShmSize= is 1099511627777 bytes and more than MemoryMax= ("                                                              },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                profile_set_spec(f, cases[i].spec);
                profile_get(f, &r);
                assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, cases[i].words);
                assert_non_null(strstr(r.detail, SOURCE));
                assert_null(strchr(r.detail, '\n'));
        }
        assert_int_equal(f->n_inspections, 0);
}

static void blames_the_file_for_its_command(void **state) {
        static const struct {
                const char *words[5];
                const char *detail;
        } cases[] = {
                { { "--root=/x", "run", "--label", "io.cloche.a=b", "x" },
                 "\"--root=/x\" stands before podman's command (GlobalArgs="                             },
                { { "run", "--label=io.cloche.a=b", "--env=A=${HOME}", "x" },
                 "\"--env=A=${HOME}\" has a variable"                                                    },
                { { "run", "--label=io.cloche.a=b", "$HOME", "x" },           "\"$HOME\" has a variable" },
                { { "run", "--label=io.cloche.a=b", "--fake=refuse", "x" },
                 "Podman's client does not take its options: unknown flag: -- x"                         },
                { { "run", "--label=io.cloche.a=b", "--fake=pod", "x" },
                 "Podman's client asked for \"GET /libpod/pods/x/exists\""                               },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                f->argv[6] = NULL;
                memcpy(f->argv + 1, cases[i].words, sizeof(cases[i].words));
                profile_get(f, &r);
                assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, cases[i].detail);
                assert_non_null(strstr(r.detail, SOURCE));
        }
}

static void blames_the_unit_for_its_state_and_limits(void **state) {
        Fixture *f = *state;
        FakeUnit good = f->unit;
        _cleanup_result_ Result r = {};

        f->unit.load_state = "bad-setting";
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE,
                       SOURCE ": its unit is bad-setting, see \"systemctl status cloche-x\"");
        f->unit = good;
        f->unit.n_commands = 2;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "is no profile");
        f->unit = good;
        f->unit.memory_max = 4096;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, SOURCE ": MemoryMax= is less than");
        f->unit = good;
        f->unit.tasks_max = 1;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "TasksMax= is less than 4");
        f->unit = good;
        f->unit.cpu_quota_usec = 9999;
        f->unit.need_reload = true;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "CPUQuota= is less than 1%");
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "systemctl daemon-reload");
}

static void says_when_podman_or_systemd_is_not_there(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->argv[0] = "/nonexistent/podman";
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PODMAN,
                       "cannot run /nonexistent/podman: No such file or directory");
        f->manager->is_broken = true;
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INTERNAL,
                       "systemd does not tell about cloche-x.service");
}

int main(int argc, char *argv[]) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, profile_set_up, profile_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(says_what_to_do_about_a_missing_image),
                TEST(says_what_podman_says),
                TEST(knows_no_profile_without_a_unit_that_is_one),
                TEST(asks_nobody_about_a_name_that_is_none),
                TEST(blames_the_file_for_what_it_says),
                TEST(blames_the_file_for_its_command),
                TEST(blames_the_unit_for_its_state_and_limits),
                TEST(says_when_podman_or_systemd_is_not_there),
        };
        int r = fake_client_main(argc, argv);

        if (r >= 0)
                return r;
        (void)alarm(110);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
