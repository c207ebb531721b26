/* SPDX-License-Identifier: LGPL-2.1-or-later */

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

const char *profile_on_request(const char *request, void *userdata) {
        Fixture *f = userdata;

        f->n_inspections++;
        (void)snprintf(f->request, sizeof(f->request), "%.*s", (int)strcspn(request, "\r"),
                       request);
        return f->is_silent ? NULL : f->answer;
}

void profile_set_answer(Fixture *f, const char *status, const char *body) {
        (void)snprintf(
                f->answer, sizeof(f->answer),
                "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                status, strlen(body), body);
}

void profile_set_image(Fixture *f, const char *id, const char *digest) {
        char body[256];

        (void)snprintf(body, sizeof(body), "{\"Id\":\"%s\",\"Digest\":\"%s\"}", id, digest);
        profile_set_answer(f, "200 OK", body);
}

void profile_set_spec(Fixture *f, const char *json) {
        FILE *file = fopen(f->spec_path, "we");

        assert_non_null(file);
        assert_true(fputs(json, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

void profile_set_argv(Fixture *f, const char *const *words) {
        size_t n = 0;

        f->argv[n++] = f->podman;
        while (*words)
                f->argv[n++] = *words++;
        f->argv[n] = NULL;
}

int profile_set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        (void)snprintf(f->directory, sizeof(f->directory), "/tmp/cloche-test-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        fake_client_install(f->directory, f->podman, sizeof(f->podman));
        (void)snprintf(f->spec_path, sizeof(f->spec_path), "%s/spec", f->directory);
        (void)snprintf(f->socket_path, sizeof(f->socket_path), "%s/podman.sock", f->directory);
        (void)snprintf(f->fake, sizeof(f->fake), "--fake=%s", f->spec_path);
        profile_set_spec(f, SPEC(""));
        profile_set_image(f, ID_1, DIGEST_1);
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
        f->service = fake_service_new(f->event, f->socket_path, profile_on_request, f);
        assert_int_equal(podman_api_new(&f->api, f->event, f->socket_path), 0);
        assert_int_equal(profile_store_new(&f->store, f->event, f->bus, f->api, f->directory, true),
                         0);
        *state = f;
        return 0;
}

int profile_tear_down(void **state) {
        Fixture *f = *state;
        char client[96];

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
        (void)snprintf(client, sizeof(client), "%s/client", f->directory);
        assert_true(rmdir(client) == 0 || errno == ENOENT);
        assert_int_equal(rmdir(f->directory), 0); /* and nothing else was in it */
        free(f);
        return 0;
}

void profile_keep_result(LauncherRefusal refusal, Profile *profile, const char *detail,
                         void *userdata) {
        Result *r = userdata;

        r->n++;
        r->refusal = refusal;
        profile_unref(r->profile);
        r->profile = profile_ref(profile);
        (void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

void profile_wait_for(Fixture *f, const Result *r, unsigned n) {
        while (r->n < n)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(r->n, n);
}

void profile_settle(Fixture *f) {
        while (sd_event_run(f->event, 50 * USEC_PER_MSEC) > 0)
                ;
}

void profile_get(Fixture *f, Result *r) {
        unsigned n = r->n;

        assert_int_equal(profile_store_get(f->store, "x", profile_keep_result, r, NULL), 0);
        profile_wait_for(f, r, n + 1);
}

void assert_refused(const Result *r, LauncherRefusal refusal, const char *words) {
        if (r->refusal != refusal || !strstr(r->detail, words))
                fail_msg("%d \"%s\", not %d \"%s\"", r->refusal, r->detail, refusal, words);
        assert_true(strlen(r->detail) < DETAIL_SIZE);
}
