/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Profiles from a manager, a client and a service that are all the test's (fake-*.h): what comes of good
 * ones and bad ones, what is kept, and when it is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "fake-client.h"
#include "fake-manager.h"
#include "fake-service.h"
#include "launcher/podman-json.h"
#include "launcher/profile-unit.h"
#include "launcher/profile.h"

#define ID_1     "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2     "2222222222222222222222222222222222222222222222222222222222222222"
#define DIGEST_1 "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SOURCE   "/etc/containers/systemd/cloche-x.container"

#define SPEC(more)                                                                               \
        "{\"image\":\"localhost/x:latest\",\"labels\":{\"io.cloche.language\":\"python\","       \
        "\"io.cloche.interpreter\":\"  python3   -X dev \",\"io.cloche.code-name\":\"main.py\"," \
        "\"io.cloche.timeout-sec\":\"60\",\"io.cloche.output-bytes\":\"1000\"},"                 \
        "\"mounts\":[{\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"destination\":\"/work\","        \
        "\"options\":[\"size=64m\"]}]" more "}"

typedef struct Result {
        unsigned n;
        LauncherRefusal refusal;
        Profile *profile; /* referenced */
        char detail[DETAIL_SIZE * 2];
} Result;

typedef struct Fixture {
        char directory[64];
        char podman[96];
        char spec_path[96];
        char socket_path[96];
        char fake[128]; /* the client's mode */
        sd_event *event;
        FakeManager *manager;
        sd_bus *bus;
        FakeService *service;
        PodmanApi *api;
        ProfileStore *store;
        const char *argv[16];
        FakeUnit unit;
        char answer[1024];
        bool is_silent;
        unsigned n_inspections;
        char request[256];
} Fixture;

static const char *on_request(const char *request, void *userdata) {
        Fixture *f = userdata;

        f->n_inspections++;
        (void)snprintf(f->request, sizeof(f->request), "%.*s", (int)strcspn(request, "\r"),
                       request);
        return f->is_silent ? NULL : f->answer;
}

static void set_answer(Fixture *f, const char *status, const char *body) {
        (void)snprintf(
                f->answer, sizeof(f->answer),
                "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                status, strlen(body), body);
}

static void set_image(Fixture *f, const char *id, const char *digest) {
        char body[256];

        (void)snprintf(body, sizeof(body), "{\"Id\":\"%s\",\"Digest\":\"%s\"}", id, digest);
        set_answer(f, "200 OK", body);
}

static void set_spec(Fixture *f, const char *json) {
        FILE *file = fopen(f->spec_path, "we");

        assert_non_null(file);
        assert_true(fputs(json, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void set_argv(Fixture *f, const char *const *words) {
        size_t n = 0;

        f->argv[n++] = f->podman;
        while (*words)
                f->argv[n++] = *words++;
        f->argv[n] = NULL;
}
#define SET_ARGV(f, ...) set_argv(f, (const char *const[]){ __VA_ARGS__, NULL })

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        (void)snprintf(f->directory, sizeof(f->directory), "/tmp/cloche-test-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        fake_client_install(f->directory, f->podman, sizeof(f->podman));
        (void)snprintf(f->spec_path, sizeof(f->spec_path), "%s/spec", f->directory);
        (void)snprintf(f->socket_path, sizeof(f->socket_path), "%s/podman.sock", f->directory);
        (void)snprintf(f->fake, sizeof(f->fake), "--fake=%s", f->spec_path);
        set_spec(f, SPEC(""));
        set_image(f, ID_1, DIGEST_1);
        SET_ARGV(f, "run", f->fake, "--label", "io.cloche.language=python", "localhost/x:latest");
        f->unit = (FakeUnit){ "cloche-x.service",
                              "loaded",
                              SOURCE,
                              "A description",
                              f->argv,
                              1,
                              256 * MIB,
                              64,
                              500000,
                              false };

        assert_true(sd_event_new(&f->event) >= 0);
        f->manager = fake_manager_new(f->event, &f->bus);
        f->manager->units = &f->unit;
        f->manager->n_units = 1;
        f->service = fake_service_new(f->event, f->socket_path, on_request, f);
        assert_int_equal(podman_api_new(&f->api, f->event, f->socket_path), 0);
        assert_int_equal(profile_store_new(&f->store, f->event, f->bus, f->api, f->directory, true),
                         0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        profile_store_free(f->store);
        podman_api_free(f->api);
        fake_service_free(f->service);
        sd_bus_detach_event(f->bus);
        sd_bus_close(f->bus);
        sd_bus_unref(f->bus);
        fake_manager_free(f->manager);
        sd_event_unref(f->event);
        assert_int_equal(unlink(f->podman), 0);
        assert_int_equal(unlink(f->spec_path), 0);
        assert_int_equal(rmdir(f->directory), 0); /* and nothing else was in it */
        free(f);
        return 0;
}

static void on_profile(LauncherRefusal refusal, Profile *profile, const char *detail,
                       void *userdata) {
        Result *r = userdata;

        r->n++;
        r->refusal = refusal;
        profile_unref(r->profile);
        r->profile = profile_ref(profile);
        (void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

static void result_done(Result *r) {
        r->profile = profile_unref(r->profile);
}
#define _cleanup_result_ _cleanup_(result_done)

static void wait_for(Fixture *f, const Result *r, unsigned n) {
        while (r->n < n)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(r->n, n);
}

static void settle(Fixture *f) {
        while (sd_event_run(f->event, 50 * USEC_PER_MSEC) > 0)
                ;
}

static void get(Fixture *f, Result *r) {
        unsigned n = r->n;

        assert_int_equal(profile_store_get(f->store, "x", on_profile, r, NULL), 0);
        wait_for(f, r, n + 1);
}

static void assert_refused(const Result *r, LauncherRefusal refusal, const char *words) {
        if (r->refusal != refusal || !strstr(r->detail, words))
                fail_msg("%d \"%s\", not %d \"%s\"", r->refusal, r->detail, refusal, words);
        assert_true(strlen(r->detail) < DETAIL_SIZE);
}

/* -- good profiles --------------------------------------------------------------------------- */

static void reads_everything_there_is_to_know(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;
        Profile *p;

        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
        p = r.profile;
        assert_string_equal(p->name, "x");
        assert_string_equal(p->language, "python");
        assert_string_equal(p->description, "A description");
        assert_string_equal(p->image, "localhost/x:latest");
        assert_string_equal(p->image_id, ID_1);
        assert_string_equal(p->digest, DIGEST_1);
        assert_string_equal(p->interpreter, "python3\n-X\ndev");
        assert_string_equal(p->code_name, "main.py");
        assert_int_equal(p->limits.memory_bytes, 256 * MIB);
        assert_int_equal(p->limits.tasks, 64);
        assert_int_equal(p->limits.cpu_percent, 50);
        assert_int_equal(p->limits.work_bytes, 64 * MIB);
        assert_int_equal(p->limits.timeout_usec, 60 * USEC_PER_SEC);
        assert_int_equal(p->limits.output_bytes, 1000);
        assert_string_equal(podman_json_get_string(p->spec, "image"), "localhost/x:latest");
        assert_string_equal(f->request,
                            "GET /v5.0.0/libpod/images/localhost%2Fx%3Alatest/json HTTP/1.1");
}

static void has_defaults_for_what_a_file_leaves_open(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->unit.memory_max = f->unit.cpu_quota_usec = UINT64_MAX;
        f->unit.tasks_max = FAKE_DEFAULT_TASKS_MAX;
        set_spec(f, "{\"image\":\"x\"}");
        set_image(f, ID_1, "");
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
        assert_int_equal(r.profile->limits.memory_bytes, PROFILE_MEMORY_DEFAULT);
        assert_int_equal(r.profile->limits.tasks, PROFILE_TASKS_DEFAULT);
        assert_int_equal(r.profile->limits.cpu_percent, PROFILE_CPU_PERCENT_DEFAULT);
        assert_int_equal(r.profile->limits.work_bytes, PROFILE_WORK_SIZE_DEFAULT);
        assert_int_equal(r.profile->limits.timeout_usec, PROFILE_TIMEOUT_DEFAULT);
        assert_int_equal(r.profile->limits.output_bytes, PROFILE_OUTPUT_DEFAULT);
        assert_string_equal(r.profile->interpreter, "");
        assert_string_equal(r.profile->digest, "sha256:" ID_1);
}

static void makes_one_line_of_a_description(void **state) {
        _cleanup_result_ Result r = {};
        char description[300] = "a\nb\x1b \xc3\xa4";
        Fixture *f = *state;

        memset(description + strlen(description), 'x', 200);
        f->unit.description = description;
        get(f, &r);
        assert_memory_equal(r.profile->description, "a b  \xc3\xa4xxx", 10);
        assert_int_equal(strlen(r.profile->description), sizeof(r.profile->description) - 1);
}

/* -- what is kept ---------------------------------------------------------------------------- */

static void keeps_a_profile_and_asks_for_its_image_only(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;

        get(f, &r);
        get(f, &again);
        assert_ptr_equal(r.profile, again.profile);
        assert_int_equal(f->manager->n_loads, 1);
        assert_int_equal(f->n_inspections, 2);
}

static void loads_again_when_the_image_is_another_one(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;

        get(f, &r);
        set_image(f, ID_2, DIGEST_1);
        get(f, &again);
        assert_string_equal(again.profile->image_id, ID_2);
        assert_string_equal(r.profile->image_id, ID_1); /* the old one is as it was */
        assert_int_equal(f->manager->n_loads, 2);
}

static void loads_again_after_a_reload(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;

        get(f, &r);
        f->unit.memory_max = 512 * MIB;
        fake_manager_reload(f->manager);
        settle(f);
        get(f, &again);
        assert_int_equal(again.profile->limits.memory_bytes, 512 * MIB);
        assert_int_equal(r.profile->limits.memory_bytes, 256 * MIB);
}

static void shares_a_load_among_those_who_wait(void **state) {
        _cleanup_result_ Result a = {}, b = {};
        Fixture *f = *state;

        for (int i = 0; i < 5; i++)
                assert_int_equal(
                        profile_store_get(f->store, "x", on_profile, i % 2 ? &a : &b, NULL), 0);
        wait_for(f, &a, 2);
        wait_for(f, &b, 3);
        assert_ptr_equal(a.profile, b.profile);
        assert_int_equal(f->manager->n_loads, 1);
        assert_int_equal(f->n_inspections, 1);
}

static void lets_nobody_join_a_load_from_before_a_reload(void **state) {
        _cleanup_result_ Result before = {}, after = {}, later = {};
        Fixture *f = *state;

        assert_int_equal(profile_store_get(f->store, "x", on_profile, &before, NULL), 0);
        while (f->manager->n_loads == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        for (int i = 0; i < 10; i++) /* the client is at work */
                assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
        assert_int_equal(before.n, 0);
        f->unit.memory_max = 512 * MIB;
        fake_manager_reload(f->manager);
        for (int i = 0; i < 10; i++)
                assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
        assert_int_equal(profile_store_get(f->store, "x", on_profile, &after, NULL), 0);
        wait_for(f, &before, 1);
        wait_for(f, &after, 1);
        assert_int_equal(after.profile->limits.memory_bytes, 512 * MIB);
        get(f, &later);
        assert_int_equal(later.profile->limits.memory_bytes, 512 * MIB);
}

static void keeps_a_profile_while_podman_is_away(void **state) {
        _cleanup_result_ Result r = {}, away = {}, back = {};
        Fixture *f = *state;

        get(f, &r);
        f->service = fake_service_free(f->service);
        get(f, &away);
        assert_refused(&away, LAUNCHER_REFUSAL_PODMAN, "Podman does not answer");
        assert_string_equal(away.profile->image, "localhost/x:latest");
        f->service = fake_service_new(f->event, f->socket_path, on_request, f);
        get(f, &back);
        assert_ptr_equal(back.profile, r.profile);
        assert_int_equal(f->manager->n_loads, 1);
}

/* -- refusals -------------------------------------------------------------------------------- */

static void says_what_to_do_about_a_missing_image(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        set_answer(f, "404 Not Found", "{\"cause\":\"no such image\"}");
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_IMAGE_MISSING,
                       "image localhost/x:latest is missing: build it (see README) or run \"sudo "
                       "podman pull localhost/x:latest\"");
        assert_string_equal(r.profile->image, "localhost/x:latest");
        assert_int_equal(r.profile->limits.tasks, 64);
        assert_string_equal(r.profile->digest, "");

        set_image(f, ID_1, DIGEST_1); /* built: no reload is needed */
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
}

static void says_what_podman_says(void **state) {
        static const struct {
                const char *status;
                const char *body;
                const char *words;
        } cases[] = {
                {"500 Oops", "{\"message\":\"disk on fire\"}", "disk on fire"                     },
                { "200 OK",  "{\"Id\":\"short\"}",             "Podman did not say the image's id"},
                { "200 OK",  "[]",                             "Podman did not say the image's id"},
                { "200 OK",  "oops",                           "Podman did not say the image's id"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                set_answer(f, cases[i].status, cases[i].body);
                get(f, &r);
                assert_refused(&r, LAUNCHER_REFUSAL_PODMAN, cases[i].words);
        }
}

static void knows_no_profile_without_a_unit_that_is_one(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->manager->n_units = 0;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "there is no profile \"x\"");
        f->manager->n_units = 1;

        f->argv[0] = "/usr/libexec/cloche/cloche-launcher";
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        SET_ARGV(f, "system", "service");
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        f->unit.argv = NULL;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "cloche-x.service is no profile");
        assert_int_equal(f->n_inspections, 0);
}

static void asks_nobody_about_a_name_that_is_none(void **state) {
        static const char *const names[] = { "", "../x", "X", "x.y", "-x", "x@y", "x y", "x\n" };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                ProfileRequest *request = NULL;
                _cleanup_result_ Result r = {};

                assert_int_equal(profile_store_get(f->store, names[i], on_profile, &r, &request),
                                 0);
                assert_int_equal(r.n, 1);
                assert_int_equal(r.refusal, LAUNCHER_REFUSAL_UNKNOWN_PROFILE);
                assert_null(request);
        }
        settle(f);
        assert_int_equal(f->manager->n_loads, 0);
}

static void blames_the_file_for_what_it_says(void **state) {
        static const struct {
                const char *spec;
                const char *words;
        } cases[] = {
                {SPEC(",\"privileged\":true"),
                 SOURCE ": \"privileged\" (PodmanArgs=--privileged) is "
                         "true: a profile may not set it"                                                                                },
                { SPEC(",\"volumes\":[{\"Name\":\"\xc3\xa4\\n\"}]"),                    "\"volumes\" (Volume="                           },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"1h\"}}",
                 SOURCE ": Label=io.cloche.timeout-sec=1h is no number"                                                                  },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"0\"}}",
                 "io.cloche.timeout-sec=0 is not in 1 to 86400"                                                                          },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":\"86401\"}}",
                 "is not in"                                                                                                             },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.timeout-sec\":"
                  "\"99999999999999999999999999\"}}",                  "is no number"                                   },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.output-bytes\":\"-1\"}}",
                 "is no number"                                                                                                          },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.output-bytes\":\"0\"}}",    "is not in"                                      },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.interpreter\":\"sh\"}}",
                 "needs a Label=io.cloche.code-name="                                                                                    },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.interpreter\":\"s\\u0007h\","
                  "\"io.cloche.code-name\":\"a\"}}",                   "control character"                              },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":\"../a\"}}",
                 "is no file name"                                                                                                       },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":\"a/b\"}}",
                 "is no file name"                                                                                                       },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.code-name\":"
                  "\"abcdefghijklmnopqrstuvwxyz012345\"}}",            "is no file name"                                },
                { "{\"image\":\"x\",\"labels\":{\"io.cloche.language\":\"Py thon\"}}",
                 "is no name"                                                                                                            },
                { "{\"image\":\"x\",\"mounts\":[{\"type\":\"tmpfs\",\"destination\":\"/work\","
                  "\"options\":[\"size=4k\"]}]}",                      "Tmpfs=/work has a size of less than 65536 bytes"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                set_spec(f, cases[i].spec);
                get(f, &r);
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
                {{ "--root=/x", "run", "--label", "io.cloche.a=b", "x" },
                 "\"--root=/x\" stands before podman's command (GlobalArgs="                            },
                { { "run", "--label=io.cloche.a=b", "--env=A=${HOME}", "x" },
                 "\"--env=A=${HOME}\" has a variable"                                                   },
                { { "run", "--label=io.cloche.a=b", "$HOME", "x" },           "\"$HOME\" has a variable"},
                { { "run", "--label=io.cloche.a=b", "--fake=refuse", "x" },
                 "Podman's client does not take its options: unknown flag: -- x"                        },
                { { "run", "--label=io.cloche.a=b", "--fake=pod", "x" },
                 "Podman's client asked for \"GET /libpod/pods/x/exists\""                              },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_result_ Result r = {};

                f->argv[6] = NULL;
                memcpy(f->argv + 1, cases[i].words, sizeof(cases[i].words));
                get(f, &r);
                assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, cases[i].detail);
                assert_non_null(strstr(r.detail, SOURCE));
        }
}

static void blames_the_unit_for_its_state_and_limits(void **state) {
        Fixture *f = *state;
        FakeUnit good = f->unit;
        _cleanup_result_ Result r = {};

        f->unit.load_state = "bad-setting";
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE,
                       SOURCE ": its unit is bad-setting, see \"systemctl status cloche-x\"");
        f->unit = good;
        f->unit.n_commands = 2;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_UNKNOWN_PROFILE, "is no profile");
        f->unit = good;
        f->unit.memory_max = 4096;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, SOURCE ": MemoryMax= is less than");
        f->unit = good;
        f->unit.tasks_max = 1;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "TasksMax= is less than 4");
        f->unit = good;
        f->unit.cpu_quota_usec = 9999;
        f->unit.need_reload = true;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "CPUQuota= is less than 1%");
        assert_refused(&r, LAUNCHER_REFUSAL_PROFILE, "systemctl daemon-reload");
}

static void says_when_podman_or_systemd_is_not_there(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->argv[0] = "/nonexistent/podman";
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_PODMAN,
                       "cannot run /nonexistent/podman: No such file or directory");
        f->manager->is_broken = true;
        get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INTERNAL,
                       "systemd does not tell about cloche-x.service");
}

/* -- endings --------------------------------------------------------------------------------- */

static void tells_nobody_who_has_left(void **state) {
        ProfileRequest *request[3] = {};
        _cleanup_result_ Result r = {}, left = {};
        Fixture *f = *state;

        assert_int_equal(profile_store_get(f->store, "x", on_profile, &left, &request[0]), 0);
        assert_int_equal(profile_store_get(f->store, "x", on_profile, &r, &request[1]), 0);
        assert_int_equal(profile_store_get(f->store, "x", on_profile, &left, &request[2]), 0);
        request[0] = profile_request_free(request[0]);
        while (f->n_inspections == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        request[2] = profile_request_free(request[2]);
        wait_for(f, &r, 1);
        settle(f);
        assert_int_equal(left.n, 0);
}

static void can_be_freed_at_any_stage(void **state) {
        Fixture *f = *state;

        for (int turns = 0; turns < 40; turns++) {
                _cleanup_result_ Result r = {};

                assert_int_equal(profile_store_get(f->store, "x", on_profile, &r, NULL), 0);
                for (int i = 0; i < turns && r.n == 0; i++)
                        assert_true(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
                profile_store_free(f->store);
                assert_int_equal(
                        profile_store_new(&f->store, f->event, f->bus, f->api, f->directory, true),
                        0);
        }
}

typedef struct Chain {
        Fixture *f;
        ProfileRequest *other;
        Result inner;
        unsigned n;
} Chain;

static void on_first(LauncherRefusal refusal, Profile *profile, const char *detail,
                     void *userdata) {
        Chain *c = userdata;

        (void)profile;
        (void)detail;
        assert_int_equal(refusal, LAUNCHER_REFUSAL_INVALID);
        c->n++;
        c->other = profile_request_free(c->other);
        assert_int_equal(profile_store_get(c->f->store, "x", on_profile, &c->inner, NULL), 0);
}

static void may_be_asked_from_a_callback(void **state) {
        Chain c = { .f = *state };

        assert_int_equal(profile_store_get(c.f->store, "x", on_first, &c, NULL), 0);
        assert_int_equal(profile_store_get(c.f->store, "x", on_first, &c, &c.other), 0);
        wait_for(c.f, &c.inner, 1);
        assert_int_equal(c.n, 1);
        result_done(&c.inner);
}

/* -- the list -------------------------------------------------------------------------------- */

typedef struct Names {
        unsigned n_calls;
        int error;
        char text[256];
} Names;

static void on_names(int error, char *const *names, size_t n, void *userdata) {
        Names *l = userdata;
        size_t o = 0;

        l->n_calls++;
        l->error = error;
        l->text[0] = 0;
        for (size_t i = 0; i < n; i++)
                o += (size_t)snprintf(l->text + o, sizeof(l->text) - o, "%s ", names[i]);
}

static void list(Fixture *f, Names *names) {
        unsigned n = names->n_calls;

        assert_int_equal(profile_store_list(f->store, on_names, names), 0);
        while (names->n_calls == n)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void lists_profiles_and_nothing_else(void **state) {
        Fixture *f = *state;
        const char *const service[] = { f->podman, "system", "service", NULL };
        const char *const own[] = { "/usr/libexec/cloche/cloche-launcher", NULL };
        const char *const plain[] = { f->podman, "run", "--label", "a=b", "x", NULL };
        const char *const named[] = { f->podman, "run", "x", "io.cloche.a=b", NULL };
        const FakeUnit units[] = {
                {"cloche-zoo.service",       "loaded", SOURCE, "", f->argv, 1},
                { "cloche-podman.service",   "loaded", "",     "", service, 1},
                { "cloche-launcher.service", "loaded", "",     "", own,     1},
                { "cloche-plain.service",    "loaded", SOURCE, "", plain,   1},
                { "cloche-named.service",    "loaded", SOURCE, "", named,   1},
                { "cloche-egress.service",   "loaded", "",     "", NULL,    0},
                { "cloche-.service",         "loaded", SOURCE, "", f->argv, 1},
                { "cloche-t@.service",       "loaded", SOURCE, "", f->argv, 1},
                { "cloche-UP.service",       "loaded", SOURCE, "", f->argv, 1},
                { "cloche-a-b.service",      "loaded", SOURCE, "", f->argv, 1},
        };
        Names names = {};

        f->manager->units = units;
        f->manager->n_units = ARRAY_SIZE(units);
        list(f, &names);
        assert_int_equal(names.error, 0);
        assert_string_equal(names.text, "a-b zoo ");

        f->manager->n_units = 0;
        list(f, &names);
        assert_int_equal(names.error, 0);
        assert_string_equal(names.text, "");

        f->manager->is_broken = true;
        list(f, &names);
        assert_int_equal(names.error, -EACCES);
}

static void ends_a_list_with_the_store(void **state) {
        Fixture *f = *state;
        Names names = {};

        for (int turns = 0; turns < 6; turns++) {
                assert_int_equal(profile_store_list(f->store, on_names, &names), 0);
                for (int i = 0; i < turns && names.n_calls == 0; i++)
                        assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
                profile_store_free(f->store);
                assert_int_equal(
                        profile_store_new(&f->store, f->event, f->bus, f->api, f->directory, true),
                        0);
        }
}

/* -- words ----------------------------------------------------------------------------------- */

static void does_to_words_what_systemd_would(_unused_ void **state) {
        static const struct {
                const char *in;
                const char *out; /* NULL: refused */
        } cases[] = {
                {"plain",   "plain"},
                { "a$$b",   "a$b"  },
                { "$$HOME", "$HOME"},
                { "$$$$",   "$$"   },
                { "a$b",    "a$b"  },
                { "a$",     "a$"   },
                { "$",      NULL   },
                { "$HOME",  NULL   },
                { "a${B}",  NULL   },
                { "$$${B}", NULL   },
                { "${",     NULL   },
                { "",       ""     },
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

int main(int argc, char *argv[]) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(reads_everything_there_is_to_know),
                TEST(has_defaults_for_what_a_file_leaves_open),
                TEST(makes_one_line_of_a_description),
                TEST(keeps_a_profile_and_asks_for_its_image_only),
                TEST(loads_again_when_the_image_is_another_one),
                TEST(loads_again_after_a_reload),
                TEST(shares_a_load_among_those_who_wait),
                TEST(lets_nobody_join_a_load_from_before_a_reload),
                TEST(keeps_a_profile_while_podman_is_away),
                TEST(says_what_to_do_about_a_missing_image),
                TEST(says_what_podman_says),
                TEST(knows_no_profile_without_a_unit_that_is_one),
                TEST(asks_nobody_about_a_name_that_is_none),
                TEST(blames_the_file_for_what_it_says),
                TEST(blames_the_file_for_its_command),
                TEST(blames_the_unit_for_its_state_and_limits),
                TEST(says_when_podman_or_systemd_is_not_there),
                TEST(tells_nobody_who_has_left),
                TEST(can_be_freed_at_any_stage),
                TEST(may_be_asked_from_a_callback),
                TEST(lists_profiles_and_nothing_else),
                TEST(ends_a_list_with_the_store),
                cmocka_unit_test(does_to_words_what_systemd_would),
        };
        int r = fake_client_main(argc, argv);

        if (r >= 0)
                return r;
        (void)alarm(110);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
