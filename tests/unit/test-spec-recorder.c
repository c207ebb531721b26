/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The recorder against a client that behaves as Podman's does, and against one that does not
 * (fake-client.h). What Podman's own client says is in tests/unit/data, see test-spec. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "fake-client.h"
#include "launcher/podman-json.h"
#include "launcher/recorder-command.h"
#include "launcher/spec-recorder.h"

typedef struct Fixture {
        char directory[64];
        char podman[128];
        char home[128]; /* the client's */
        sd_event *event;
        SpecRecorder *recorder;
        unsigned n_calls;
        int error;
        json_object *spec;
        char message[1024];
} Fixture;

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        (void)snprintf(f->directory, sizeof(f->directory), "/tmp/cloche-test-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        fake_client_install(f->directory, f->podman, sizeof(f->podman));
        (void)snprintf(f->home, sizeof(f->home), "%s/client", f->directory);
        assert_true(sd_event_new(&f->event) >= 0);
        *state = f;
        return 0;
}

static unsigned count_files(const char *directory) {
        DIR *d = opendir(directory);
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        assert_int_equal(closedir(d), 0);
        return n - 2;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        spec_recorder_free(f->recorder);
        assert_int_equal(rmdir(f->home), 0); /* the socket is gone */
        assert_int_equal(unlink(f->podman), 0);
        assert_int_equal(rmdir(f->directory), 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and so is the client */
        assert_int_equal(errno, ECHILD);
        json_object_put(f->spec);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void on_done(int error, json_object *spec, const char *message, void *userdata) {
        Fixture *f = userdata;

        f->n_calls++;
        f->error = error;
        f->spec = json_object_get(spec);
        (void)snprintf(f->message, sizeof(f->message), "%s", message);
        f->recorder = spec_recorder_free(f->recorder);
}

/* Records with a client in this mode; returns the callback's error. */
static int record(Fixture *f, const char *mode, uint64_t timeout_usec) {
        char fake[256];
        const char *const argv[] = { f->podman,
                                     "run",
                                     "--name",
                                     "x",
                                     "--cidfile=/x/y",
                                     "--replace",
                                     "--rm",
                                     "--cgroups=split",
                                     "--sdnotify=conmon",
                                     "-d",
                                     fake,
                                     "localhost/x",
                                     NULL };

        (void)snprintf(fake, sizeof(fake), "--fake=%s", mode);
        assert_int_equal(spec_recorder_new(&f->recorder, f->event, argv, f->directory, timeout_usec,
                                           on_done, f),
                         0);
        while (f->n_calls == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(f->n_calls, 1);
        return f->error;
}

static void assert_array(json_object *o, const char *const *expected, size_t n) {
        assert_int_equal(json_object_array_length(o), n);
        for (size_t i = 0; i < n; i++) {
                const char *s = json_object_get_string(json_object_array_get_idx(o, i));

                if (expected[i])
                        assert_string_equal(s, expected[i]);
        }
}

static void keeps_what_the_client_would_create(void **state) {
        Fixture *f = *state;
        const char *const words[] = { f->podman, "--remote", "--url",       NULL,         "create",
                                      "--name",  "x",        "--fake=self", "localhost/x" };
        json_object *argv;

        assert_int_equal(record(f, "self", USEC_PER_SEC * 20), 0);
        argv = podman_json_get(f->spec, "argv", json_type_array);
        assert_array(argv, words, ARRAY_SIZE(words));
        assert_memory_equal(json_object_get_string(json_object_array_get_idx(argv, 3)),
                            "unix:///tmp/", 12);
}

static void gives_the_client_four_variables(void **state) {
        Fixture *f = *state;
        char home[192], runtime[192];
        const char *const env[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                home,
                runtime,
                NULL,
        };
        json_object *o;

        assert_int_equal(setenv("CONTAINER_HOST", "tcp://evil", 1), 0);
        (void)snprintf(home, sizeof(home), "HOME=%s", f->home);
        (void)snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=%s", f->home);
        assert_int_equal(record(f, "self", USEC_PER_SEC * 20), 0);
        o = podman_json_get(f->spec, "env", json_type_array);
        assert_array(o, env, 4);
        assert_non_null(strstr(json_object_get_string(json_object_array_get_idx(o, 3)),
                               "CONTAINERS_CONF=/"));
        assert_int_equal(unsetenv("CONTAINER_HOST"), 0);
}

static void takes_a_request_that_comes_in_pieces(void **state) {
        assert_int_equal(record(*state, "pieces", USEC_PER_SEC * 20), 0);
}

static void says_what_the_client_did(void **state) {
        static const struct {
                const char *mode;
                int error;
                const char *words;
        } cases[] = {
                { "pod",       -EPROTO,  "Podman's client asked for \"GET /libpod/pods/x/exists\""    },
                { "refuse",    -EPROTO,
                 "Podman's client does not take its options: unknown flag: -- x"                      },
                { "flood",     -EPROTO,
                 "Podman's client does not take its options: unknown flag: -- x"                      },
                { "quiet",     -EPROTO,  "Podman's client does not take its options: it said nothing" },
                { "abort",     -EPROTO,  "Podman's client was ended by signal 9"                      },
                { "huge",      -E2BIG,   "Podman's client sent a request that is too large"           },
                { "garbage",   -EBADMSG, "Podman's client sent a container that is not valid JSON"    },
                { "chunked",   -EBADMSG, "Podman's client sent a request that is not understood"      },
                { "twice",     -EPROTO,  "Podman's client asked for two containers"                   },
                { "crowd",     -EPROTO,  "Podman's client opened too many connections"                },
                { "/dev/null", -EPROTO,  "Podman's client does not take its options"                  },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                f->n_calls = 0;
                if (record(f, cases[i].mode, USEC_PER_SEC * 20) != cases[i].error ||
                    strncmp(f->message, cases[i].words, strlen(cases[i].words)) != 0)
                        fail_msg("%s: %d, %s", cases[i].mode, f->error, f->message);
                assert_null(f->spec);
        }
}

static void ends_a_client_that_does_not_end(void **state) {
        Fixture *f = *state;

        assert_int_equal(record(f, "hang", 50 * USEC_PER_MSEC), -ETIMEDOUT);
        assert_string_equal(f->message, "Podman's client did not end in time");
}

static void can_be_freed_at_any_time(void **state) {
        Fixture *f = *state;
        const char *const argv[] = { f->podman, "run", "--fake=self", "x", NULL };

        for (int turns = 0; turns < 12; turns++) {
                assert_int_equal(spec_recorder_new(&f->recorder, f->event, argv, f->directory,
                                                   USEC_PER_SEC * 20, on_done, f),
                                 0);
                for (int i = 0; i < turns && f->recorder; i++)
                        assert_true(sd_event_run(f->event, USEC_PER_SEC) >= 0);
                if (f->n_calls > 0)
                        break; /* it was done before */
                f->recorder = spec_recorder_free(f->recorder);
                assert_int_equal(count_files(f->home), 0);
                assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        }
}

static void refuses_what_is_no_podman_run(void **state) {
        Fixture *f = *state;
        const char *const not_podman[] = { "/bin/sh", "run", "x", NULL };
        const char *const relative[] = { "podman", "run", "x", NULL };
        const char *const not_run[] = { f->podman, "system", "service", NULL };
        const char *const global[] = { f->podman, "--root=/x", "run", "x", NULL };
        const char *const no_image[] = { f->podman, "run", NULL };
        const char *const missing[] = { "/nonexistent/podman", "run", "x", NULL };
        const char *const nothing[] = { NULL };
        const char *const *bad[] = { not_podman, relative, not_run, global, no_image, nothing };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(spec_recorder_new(&f->recorder, f->event, bad[i], f->directory,
                                                   USEC_PER_SEC, on_done, f),
                                 -EINVAL);
        assert_int_equal(spec_recorder_new(&f->recorder, f->event, missing, f->directory,
                                           USEC_PER_SEC, on_done, f),
                         -ENOENT);
        assert_null(f->recorder);
}

static void leaves_out_what_means_something_to_units_only(_unused_ void **state) {
        static const struct {
                const char *const in[12];
                const char *const out[12];
        } cases[] = {
                { { "/p/podman", "run", "x" },                                                 { "x" }              },
                { { "/p/podman", "run", "-d", "--detach", "--rm", "--replace", "x" },          { "x" }              },
                { { "/p/podman", "run", "--cidfile", "a", "--cidfile=b", "x" },                { "x" }              },
                { { "/p/podman", "run", "--sdnotify", "healthy", "--sdnotify=x", "x" },        { "x" }              },
                { { "/p/podman", "run", "--cgroups=split", "--cgroups", "split", "x" },        { "x" }              },
                { { "/p/podman", "run", "--cgroups=disabled", "--cgroups", "no-conmon", "x" },
                 { "--cgroups=disabled", "--cgroups", "no-conmon", "x" }                                            },
                { { "/p/podman", "run", "--rmi", "--rm=true", "-dt", "--cidfiles=x", "x" },
                 { "--rmi", "--rm=true", "-dt", "--cidfiles=x", "x" }                                               },
                { { "/p/podman", "run", "x", "--cidfile" },                                    { "x", "--cidfile" } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ const char **command = NULL;
                size_t n = 0;

                assert_int_equal(recorder_command_new(cases[i].in, "unix:///s", &command), 0);
                assert_string_equal(command[0], "/p/podman");
                assert_string_equal(command[1], "--remote");
                assert_string_equal(command[2], "--url");
                assert_string_equal(command[3], "unix:///s");
                assert_string_equal(command[4], "create");
                for (n = 0; cases[i].out[n]; n++)
                        assert_string_equal(command[5 + n], cases[i].out[n]);
                assert_null(command[5 + n]);
        }
}

int main(int argc, char *argv[]) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(keeps_what_the_client_would_create, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(gives_the_client_four_variables, set_up, tear_down),
                cmocka_unit_test_setup_teardown(takes_a_request_that_comes_in_pieces, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(says_what_the_client_did, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ends_a_client_that_does_not_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(can_be_freed_at_any_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(refuses_what_is_no_podman_run, set_up, tear_down),
                cmocka_unit_test(leaves_out_what_means_something_to_units_only),
        };
        int r = fake_client_main(argc, argv);

        if (r >= 0)
                return r;
        (void)alarm(100);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
