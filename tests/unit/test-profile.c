/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes of a good profile, what is kept of it, and when it is not. */

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
#include "launcher/podman-json.h"
#include "profile-fixture.h"

/* -- good profiles --------------------------------------------------------------------------- */

static void reads_everything_there_is_to_know(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;
        Profile *p;

        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
        p = r.profile;
        assert_string_equal(p->name, "x");
        assert_string_equal(p->language, "python");
        assert_string_equal(p->description, "A description");
        assert_string_equal(p->image, "localhost/x:latest");
        assert_string_equal(p->image_id, ID_1);
        assert_string_equal(p->digest, DIGEST_1);
        assert_string_equal(p->interpreter, "python3\n-X\ndev");
        assert_string_equal(p->driver, "python3\n/driver");
        assert_string_equal(p->code_name, "main.py");
        assert_int_equal(p->limits.memory_bytes, 256 * MIB);
        assert_int_equal(p->limits.tasks, 64);
        assert_int_equal(p->limits.cpu_percent, 50);
        assert_int_equal(p->limits.work_bytes, 64 * MIB);
        assert_int_equal(p->limits.timeout_usec, 60 * USEC_PER_SEC);
        assert_int_equal(p->limits.lifetime_usec, 600 * USEC_PER_SEC);
        assert_int_equal(p->limits.output_bytes, 1000);
        assert_int_equal(p->warm_low, 1);
        assert_int_equal(p->warm_high, 3);
        assert_string_equal(p->preload, "a\nb");
        assert_string_equal(podman_json_get_string(p->spec, "image"), "localhost/x:latest");
        assert_string_equal(f->request,
                            "GET /v5.0.0/libpod/images/localhost%2Fx%3Alatest/json HTTP/1.1");
}

static void has_defaults_for_what_a_file_leaves_open(void **state) {
        _cleanup_result_ Result r = {};
        Fixture *f = *state;

        f->unit.memory_max = f->unit.cpu_quota_usec = UINT64_MAX;
        f->unit.tasks_max = FAKE_DEFAULT_TASKS_MAX;
        profile_set_spec(f, "{\"image\":\"x\"}");
        profile_set_image(f, ID_1, "");
        profile_get(f, &r);
        assert_refused(&r, LAUNCHER_REFUSAL_INVALID, "");
        assert_int_equal(r.profile->limits.memory_bytes, PROFILE_MEMORY_DEFAULT);
        assert_int_equal(r.profile->limits.tasks, PROFILE_TASKS_DEFAULT);
        assert_int_equal(r.profile->limits.cpu_percent, PROFILE_CPU_PERCENT_DEFAULT);
        assert_int_equal(r.profile->limits.work_bytes, PROFILE_WORK_SIZE_DEFAULT);
        assert_int_equal(r.profile->limits.timeout_usec, PROFILE_TIMEOUT_DEFAULT);
        assert_int_equal(r.profile->limits.lifetime_usec, PROFILE_LIFETIME_DEFAULT);
        assert_int_equal(r.profile->limits.output_bytes, PROFILE_OUTPUT_DEFAULT);
        assert_int_equal(r.profile->warm_high, 0);
        assert_string_equal(r.profile->interpreter, "");
        assert_string_equal(r.profile->driver, "");
        assert_string_equal(r.profile->digest, "sha256:" ID_1);
}

static void makes_one_line_of_a_description(void **state) {
        _cleanup_result_ Result r = {};
        char description[300] = "a\nb\x1b \xc3\xa4";
        Fixture *f = *state;

        memset(description + strlen(description), 'x', 200);
        f->unit.description = description;
        profile_get(f, &r);
        assert_memory_equal(r.profile->description, "a b  \xc3\xa4xxx", 10);
        assert_int_equal(strlen(r.profile->description), sizeof(r.profile->description) - 1);
}

/* -- what is kept ---------------------------------------------------------------------------- */

static void keeps_a_profile_and_asks_for_its_image_only(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;

        profile_get(f, &r);
        profile_get(f, &again);
        assert_ptr_equal(r.profile, again.profile);
        assert_int_equal(f->manager->n_loads, 1);
        assert_int_equal(f->n_inspections, 2);
}

static void loads_again_when_the_image_is_another_one(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;

        profile_get(f, &r);
        profile_set_image(f, ID_2, DIGEST_1);
        profile_get(f, &again);
        assert_string_equal(again.profile->image_id, ID_2);
        assert_string_equal(r.profile->image_id, ID_1); /* the old one is as it was */
        assert_int_equal(f->manager->n_loads, 2);
}

static void count_call(void *userdata) {
        ++*(unsigned *)userdata;
}

static void loads_again_after_a_reload(void **state) {
        _cleanup_result_ Result r = {}, again = {};
        Fixture *f = *state;
        unsigned n_reloads = 0;

        profile_get(f, &r);
        profile_store_watch(f->store, count_call, &n_reloads);
        f->unit.memory_max = 512 * MIB;
        fake_manager_reload(f->manager);
        profile_settle(f);
        assert_int_equal(n_reloads, 1); /* not at its begin as well */
        profile_get(f, &again);
        assert_int_equal(again.profile->limits.memory_bytes, 512 * MIB);
        assert_int_equal(r.profile->limits.memory_bytes, 256 * MIB);
}

static void shares_a_load_among_those_who_wait(void **state) {
        _cleanup_result_ Result a = {}, b = {};
        Fixture *f = *state;

        assert_false(profile_store_is_busy(f->store));
        for (int i = 0; i < 5; i++)
                assert_int_equal(profile_store_get(f->store, "x", profile_keep_result,
                                                   i % 2 ? &a : &b, NULL),
                                 0);
        assert_true(profile_store_is_busy(f->store));
        profile_wait_for(f, &a, 2);
        profile_wait_for(f, &b, 3);
        assert_false(profile_store_is_busy(f->store));
        assert_ptr_equal(a.profile, b.profile);
        assert_int_equal(f->manager->n_loads, 1);
        assert_int_equal(f->n_inspections, 1);
}

static void lets_nobody_join_a_load_from_before_a_reload(void **state) {
        _cleanup_result_ Result before = {}, after = {}, later = {};
        Fixture *f = *state;

        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &before, NULL), 0);
        while (f->manager->n_loads == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        for (int i = 0; i < 10; i++) /* the client is at work */
                assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
        assert_int_equal(before.n, 0);
        f->unit.memory_max = 512 * MIB;
        fake_manager_reload(f->manager);
        for (int i = 0; i < 10; i++)
                assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &after, NULL), 0);
        profile_wait_for(f, &before, 1);
        profile_wait_for(f, &after, 1);
        assert_int_equal(after.profile->limits.memory_bytes, 512 * MIB);
        profile_get(f, &later);
        assert_int_equal(later.profile->limits.memory_bytes, 512 * MIB);
}

static void keeps_a_profile_while_podman_is_away(void **state) {
        _cleanup_result_ Result r = {}, away = {}, back = {};
        Fixture *f = *state;

        profile_get(f, &r);
        f->service = fake_service_free(f->service);
        profile_get(f, &away);
        assert_refused(&away, LAUNCHER_REFUSAL_PODMAN, "Podman does not answer");
        assert_string_equal(away.profile->image, "localhost/x:latest");
        f->service = fake_service_new(f->event, f->socket_path, profile_on_request, f);
        profile_get(f, &back);
        assert_ptr_equal(back.profile, r.profile);
        assert_int_equal(f->manager->n_loads, 1);
}

/* -- endings --------------------------------------------------------------------------------- */

static void tells_nobody_who_has_left(void **state) {
        ProfileRequest *request[3] = {};
        _cleanup_result_ Result r = {}, left = {};
        Fixture *f = *state;

        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &left, &request[0]),
                         0);
        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &r, &request[1]), 0);
        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &left, &request[2]),
                         0);
        request[0] = profile_request_free(request[0]);
        while (f->n_inspections == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        request[2] = profile_request_free(request[2]);
        profile_wait_for(f, &r, 1);
        profile_settle(f);
        assert_int_equal(left.n, 0);
}

static void can_be_freed_at_any_stage(void **state) {
        Fixture *f = *state;

        for (int turns = 0; turns < 40; turns++) {
                _cleanup_result_ Result r = {};

                assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, &r, NULL),
                                 0);
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
        assert_int_equal(profile_store_get(c->f->store, "x", profile_keep_result, &c->inner, NULL),
                         0);
}

static void may_be_asked_from_a_callback(void **state) {
        Chain c = { .f = *state };

        assert_int_equal(profile_store_get(c.f->store, "x", on_first, &c, NULL), 0);
        assert_int_equal(profile_store_get(c.f->store, "x", on_first, &c, &c.other), 0);
        profile_wait_for(c.f, &c.inner, 1);
        assert_int_equal(c.n, 1);
        profile_result_done(&c.inner);
}

int main(int argc, char *argv[]) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, profile_set_up, profile_tear_down)
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
                TEST(tells_nobody_who_has_left),
                TEST(can_be_freed_at_any_stage),
                TEST(may_be_asked_from_a_callback),
        };
        int r = fake_client_main(argc, argv);

        if (r >= 0)
                return r;
        (void)alarm(110);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
