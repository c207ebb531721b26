/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which units are profiles. */

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
                { "cloche-zoo.service",      "loaded", SOURCE, "", f->argv, 1 },
                { "cloche-podman.service",   "loaded", "",     "", service, 1 },
                { "cloche-launcher.service", "loaded", "",     "", own,     1 },
                { "cloche-plain.service",    "loaded", SOURCE, "", plain,   1 },
                { "cloche-named.service",    "loaded", SOURCE, "", named,   1 },
                { "cloche-egress.service",   "loaded", "",     "", NULL,    0 },
                { "cloche-.service",         "loaded", SOURCE, "", f->argv, 1 },
                { "cloche-t@.service",       "loaded", SOURCE, "", f->argv, 1 },
                { "cloche-UP.service",       "loaded", SOURCE, "", f->argv, 1 },
                { "cloche-a-b.service",      "loaded", SOURCE, "", f->argv, 1 },
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

int main(int argc, char *argv[]) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, profile_set_up, profile_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(lists_profiles_and_nothing_else),
                TEST(ends_a_list_with_the_store),
        };
        int r = fake_client_main(argc, argv);

        if (r >= 0)
                return r;
        (void)alarm(110);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
