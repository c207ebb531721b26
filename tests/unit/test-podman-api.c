/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The API's client against a server in the same event loop that answers as Podman's service does,
 * and as it does not (fake-service.h). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "fake-service.h"
#include "launcher/podman-api.h"
#include "launcher/podman-json.h"

#define TIMEOUT (20 * USEC_PER_SEC)

#define JSON(status, length, body)                                                         \
        "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " length \
        "\r\n\r\n" body

typedef struct Fixture {
        char directory[64];
        char path[96];
        sd_event *event;
        FakeService *service;
        PodmanApi *api;
        const char *answer;
        char request[65536];
        unsigned n_requests;

        unsigned n_answers;
        int error;
        long status;
        json_object *body;
        char message[1024];

        PodmanRequest *other; /* to be freed from a callback */
} Fixture;

static const char *answer(const char *request, void *userdata) {
        Fixture *f = userdata;

        f->n_requests++;
        (void)snprintf(f->request, sizeof(f->request), "%s", request);
        return f->answer;
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        (void)snprintf(f->directory, sizeof(f->directory), "/tmp/cloche-test-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        (void)snprintf(f->path, sizeof(f->path), "%s/podman.sock", f->directory);
        assert_true(sd_event_new(&f->event) >= 0);
        f->service = fake_service_new(f->event, f->path, answer, f);
        assert_int_equal(podman_api_new(&f->api, f->event, f->path), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        podman_api_free(f->api);
        fake_service_free(f->service);
        json_object_put(f->body);
        sd_event_unref(f->event);
        assert_int_equal(rmdir(f->directory), 0);
        free(f);
        return 0;
}

static void on_answer(const PodmanAnswer *a, void *userdata) {
        Fixture *f = userdata;

        f->n_answers++;
        f->error = a->error;
        f->status = a->status;
        json_object_put(f->body);
        f->body = json_object_get(a->body);
        (void)snprintf(f->message, sizeof(f->message), "%s", a->message);
}

static void wait_for(Fixture *f, unsigned n_answers) {
        while (f->n_answers < n_answers)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(f->n_answers, n_answers);
}

/* Runs the loop until nothing happens for a moment. */
static void settle(Fixture *f) {
        while (sd_event_run(f->event, 50 * USEC_PER_MSEC) > 0)
                ;
}

static int inspect(Fixture *f, const char *image) {
        return podman_api_inspect_image(f->api, image, TIMEOUT, on_answer, f, NULL);
}

static void assert_request(const Fixture *f, const char *line) {
        if (strncmp(f->request, line, strlen(line)) != 0)
                fail_msg("%.*s is not %s", (int)strcspn(f->request, "\r"), f->request, line);
}

static void creates_a_container(void **state) {
        _cleanup_json_ json_object *spec = json_tokener_parse("{\"image\":\"x/y\",\"env\":{}}");
        Fixture *f = *state;

        f->answer = JSON("201 Created", "14", "{\"Id\":\"0123\"}\n");
        assert_int_equal(podman_api_create(f->api, spec, TIMEOUT, on_answer, f, NULL), 0);
        assert_int_equal(json_object_object_add(spec, "late", NULL), 0); /* written at once */
        wait_for(f, 1);
        assert_int_equal(f->error, 0);
        assert_int_equal(f->status, 201);
        assert_string_equal(podman_json_get_string(f->body, "Id"), "0123");
        assert_request(f, "POST /v5.0.0/libpod/containers/create HTTP/1.1\r\n");
        assert_non_null(strstr(f->request, "\r\nContent-Type: application/json\r\n"));
        assert_null(strstr(f->request, "Expect"));
        assert_string_equal(strstr(f->request, "\r\n\r\n") + 4, "{\"image\":\"x\\/y\",\"env\":{}}");
}

static void starts_and_removes_a_container(void **state) {
        Fixture *f = *state;

        f->answer = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_int_equal(podman_api_start(f->api, "cloche-1", TIMEOUT, on_answer, f, NULL), 0);
        wait_for(f, 1);
        assert_int_equal(f->status, 204);
        assert_null(f->body);
        assert_string_equal(f->message, "HTTP status 204");
        assert_request(f, "POST /v5.0.0/libpod/containers/cloche-1/start HTTP/1.1\r\n");

        assert_int_equal(podman_api_remove(f->api, "cloche-1", TIMEOUT, on_answer, f, NULL), 0);
        wait_for(f, 2);
        assert_request(f, "DELETE /v5.0.0/libpod/containers/cloche-1"
                          "?force=true&timeout=0&v=true&ignore=true HTTP/1.1\r\n");
}

static void lists_by_label(void **state) {
        Fixture *f = *state;

        f->answer = JSON("200 OK", "20", "[{\"Id\":\"a\"},{\"b\":1}]");
        assert_int_equal(podman_api_list(f->api, "io.cloche=\"x\"", TIMEOUT, on_answer, f, NULL),
                         0);
        wait_for(f, 1);
        assert_int_equal(json_object_array_length(f->body), 2);
        assert_request(f, "GET /v5.0.0/libpod/containers/json?all=true&filters="
                          "%7B%22label%22%3A%5B%22io.cloche%3D%5C%22x%5C%22%22%5D%7D HTTP/1.1\r\n");
}

static void escapes_names_in_paths(void **state) {
        Fixture *f = *state;

        f->answer = JSON("200 OK", "2", "{}");
        assert_int_equal(inspect(f, "localhost/a:b?c#d/../e f"), 0);
        wait_for(f, 1);
        assert_request(f, "GET /v5.0.0/libpod/images/localhost%2Fa%3Ab%3Fc%23d%2F..%2Fe%20f/json "
                          "HTTP/1.1\r\n");
}

static void gives_podmans_own_words(void **state) {
        static const struct {
                const char *answer;
                long status;
                const char *message;
        } cases[] = {
                { JSON("500 Internal Server Error", "33",
                 "{\"cause\":\"c\",\"message\":\"c: \\n m\"} "),
                 500,                                                                  "c:   m"          },
                { JSON("404 Not Found",             "13", "{\"cause\":\"c\"}"),   404, "c"               },
                { JSON("409 Conflict",              "2",  "{}"),                  409, "HTTP status 409" },
                { JSON("500 x",                     "4",  "oops"),                500, "HTTP status 500" },
                { JSON("200 OK",                    "15", "{\"message\":\"m\"}"), 200, "HTTP status 200" },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                f->answer = cases[i].answer;
                assert_int_equal(inspect(f, "x"), 0);
                wait_for(f, (unsigned)i + 1);
                assert_int_equal(f->error, 0);
                assert_int_equal(f->status, cases[i].status);
                assert_string_equal(f->message, cases[i].message);
        }
}

static void reads_no_body_that_is_not_said_to_be_json(void **state) {
        static const char *const answers[] = {
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                JSON("200 OK", "3", "{}x"),
                JSON("200 OK", "4", "true"),
                JSON("200 OK", "1", "{"),
                JSON("200 OK", "10", "{\"a\":\"\xff\"}\n"),
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                f->answer = answers[i];
                assert_int_equal(inspect(f, "x"), 0);
                wait_for(f, (unsigned)i + 1);
                assert_int_equal(f->error, 0);
                assert_int_equal(f->status, 200);
                assert_null(f->body);
        }
}

static void follows_nothing(void **state) {
        Fixture *f = *state;

        f->answer =
                "HTTP/1.1 302 Found\r\nLocation: http://d/elsewhere\r\nContent-Length: 0\r\n\r\n";
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 1);
        settle(f);
        assert_int_equal(f->status, 302);
        assert_int_equal(f->n_requests, 1);
}

static void uses_no_proxy_of_the_environment(void **state) {
        Fixture *f = *state;

        assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
        assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
        f->answer = JSON("200 OK", "2", "{}");
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 1);
        assert_int_equal(f->error, 0);
        assert_int_equal(unsetenv("http_proxy"), 0);
        assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void ends_when_its_time_is_over(void **state) {
        Fixture *f = *state;

        f->answer = NULL;
        assert_int_equal(podman_api_start(f->api, "x", 50 * USEC_PER_MSEC, on_answer, f, NULL), 0);
        wait_for(f, 1);
        assert_int_equal(f->error, -ETIMEDOUT);
        assert_int_equal(f->status, 0);
        assert_true(f->message[0] != 0);
}

static void tells_a_killed_service_from_none(void **state) {
        Fixture *f = *state;

        f->answer = NULL;
        assert_int_equal(inspect(f, "x"), 0);
        while (f->n_requests == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        fake_service_kill_connections(f->service);
        wait_for(f, 1);
        assert_int_equal(f->error, -ECONNRESET);

        f->answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 2);
        assert_int_equal(f->error, -ECONNRESET);
        assert_null(f->body);

        f->service = fake_service_free(f->service);
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 3);
        assert_int_equal(f->error, -ECONNREFUSED);
        assert_int_equal(f->n_requests, 2); /* nothing was sent twice */
}

static void reads_no_more_than_its_limit(void **state) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
        _cleanup_free_ char *text = malloc(sizeof(head) + PODMAN_RESPONSE_MAX + 1);
        Fixture *f = *state;

        memcpy(text, head, sizeof(head));
        memset(text + sizeof(head) - 1, ' ', PODMAN_RESPONSE_MAX + 1);
        text[sizeof(head) - 1 + PODMAN_RESPONSE_MAX + 1] = 0;
        f->answer = text;
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 1);
        assert_int_equal(f->error, -EMSGSIZE);

        text[sizeof(head) - 1] = '[';
        text[sizeof(head) - 1 + PODMAN_RESPONSE_MAX - 1] = ']';
        text[sizeof(head) - 1 + PODMAN_RESPONSE_MAX] = 0;
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 2);
        assert_int_equal(f->error, 0);
        assert_non_null(f->body);
}

static void runs_requests_side_by_side_each_on_its_own_connection(void **state) {
        Fixture *f = *state;

        f->answer = NULL;
        for (int i = 0; i < 20; i++)
                assert_int_equal(inspect(f, "x"), 0);
        while (f->n_requests < 20)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(fake_service_connections(f->service), 20);
        fake_service_kill_connections(f->service);
        wait_for(f, 20);

        f->answer = JSON("200 OK", "2", "{}");
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 21);
        assert_int_equal(inspect(f, "x"), 0);
        wait_for(f, 22);
        assert_int_equal(fake_service_connections(f->service), 22);
}

static uint64_t now(void) {
        struct timespec t;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* curl leaves the beginning to a timer, and timers may be late. */
static void begins_at_once(void **state) {
        uint64_t best = UINT64_MAX;
        Fixture *f = *state;

        f->answer = JSON("200 OK", "2", "{}");
        for (unsigned i = 1; i <= 20; i++) {
                uint64_t begin = now(), usec;

                assert_int_equal(inspect(f, "x"), 0);
                wait_for(f, i);
                usec = now() - begin;
                best = usec < best ? usec : best;
        }
        assert_true(best < 20 * USEC_PER_MSEC);
}

static void answers_nothing_that_was_freed(void **state) {
        PodmanRequest *r[3] = {};
        Fixture *f = *state;

        f->answer = JSON("200 OK", "2", "{}");
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(podman_api_start(f->api, "x", TIMEOUT, on_answer, f, &r[i]), 0);
        r[0] = podman_request_free(r[0]); /* before it was sent */
        while (f->n_requests < 1)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        r[1] = podman_request_free(r[1]);
        r[2] = podman_request_free(r[2]);
        settle(f);
        assert_int_equal(f->n_answers, 0);

        assert_int_equal(inspect(f, "x"), 0);
        f->api = podman_api_free(f->api);
        settle(f);
        assert_int_equal(f->n_answers, 0);
}

static void free_other(const PodmanAnswer *a, void *userdata) {
        Fixture *f = userdata;

        on_answer(a, f);
        f->other = podman_request_free(f->other);
        assert_int_equal(inspect(f, "x"), 0);
}

static void free_api(const PodmanAnswer *a, void *userdata) {
        Fixture *f = userdata;

        on_answer(a, f);
        f->api = podman_api_free(f->api);
}

static void may_be_changed_from_a_callback(void **state) {
        Fixture *f = *state;

        f->answer = JSON("200 OK", "2", "{}");
        assert_int_equal(podman_api_start(f->api, "x", TIMEOUT, free_other, f, NULL), 0);
        assert_int_equal(podman_api_start(f->api, "y", TIMEOUT, on_answer, f, &f->other), 0);
        wait_for(f, 2);
        settle(f);
        assert_int_equal(f->n_answers, 2); /* the one that freed and the one that it made */

        for (int i = 0; i < 5; i++)
                assert_int_equal(podman_api_start(f->api, "x", TIMEOUT, free_api, f, NULL), 0);
        settle(f);
        assert_int_equal(f->n_answers, 3);
        assert_null(f->api);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(creates_a_container),
                TEST(starts_and_removes_a_container),
                TEST(lists_by_label),
                TEST(escapes_names_in_paths),
                TEST(gives_podmans_own_words),
                TEST(reads_no_body_that_is_not_said_to_be_json),
                TEST(follows_nothing),
                TEST(uses_no_proxy_of_the_environment),
                TEST(ends_when_its_time_is_over),
                TEST(tells_a_killed_service_from_none),
                TEST(reads_no_more_than_its_limit),
                TEST(runs_requests_side_by_side_each_on_its_own_connection),
                TEST(begins_at_once),
                TEST(answers_nothing_that_was_freed),
                TEST(may_be_changed_from_a_callback),
        };

        (void)alarm(100);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
