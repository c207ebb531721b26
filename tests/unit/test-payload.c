/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/payload.h"

#define EXEC 7

static json_object *parse(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

/* Packs, checks the frame that goes with it, and compares the bytes. */
static void expect(const Payload *p, const void *bytes, size_t size, GuestStart *ret_start) {
        _cleanup_close_ int fd = -EBADF;
        char data[512];
        GuestFrame f, checked;

        fd = payload_pack(p, EXEC, ret_start);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, data, sizeof(data)), size);
        assert_memory_equal(data, bytes, size);
        assert_int_equal(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);

        f.start = *ret_start;
        f.header = (GuestHeader){ GUEST_FRAME_START, GUEST_PROTOCOL_VERSION, 1 };
        assert_int_equal(guest_frame_parse(&f.start, sizeof(f.start), GUEST_FROM_HOST, &checked),
                         0);
        assert_int_equal(size, ret_start->strings_size + ret_start->code_size);
}
#define EXPECT(p, bytes, start) expect(p, bytes, sizeof(bytes) - 1, start)

static void packs_an_argv_and_its_environment(void **state) {
        _cleanup_json_ json_object *argv = parse("[\"sh\",\"\",\"-c\"]"),
                                   *env = parse("{\"A\":\"1\",\"B\":\"\"}");
        const Payload p = { .argv = argv, .env = env };
        GuestStart start;

        (void)state;
        EXPECT(&p, "sh\0\0-c\0A=1\0B=\0", &start);
        assert_int_equal(start.n_argv, 3);
        assert_int_equal(start.n_env, 2);
        assert_int_equal(start.code, GUEST_CODE_NONE);
        assert_string_equal(start.code_name, "");
}

static void packs_code_behind_the_interpreter_and_its_path(void **state) {
        const Payload p = { .words = "/usr/bin/python3\n-u",
                            .takes_code_path = true,
                            .code = "print(1)\n",
                            .code_name = "main.py" };
        GuestStart start;

        (void)state;
        EXPECT(&p, "/usr/bin/python3\0-u\0/run/cloche/7/main.py\0print(1)\n", &start);
        assert_int_equal(start.n_argv, 3);
        assert_int_equal(start.code, GUEST_CODE_HERE);
        assert_int_equal(start.code_size, 9);
        assert_string_equal(start.code_name, "main.py");
}

static void a_variable_of_the_program_comes_behind_the_sandboxs(void **state) {
        _cleanup_json_ json_object *env = parse("{\"A\":\"2\"}"), *outer = parse("{\"A\":\"1\"}");
        const Payload p = { .words = "env", .sandbox_env = outer, .env = env };
        GuestStart start;

        (void)state;
        EXPECT(&p, "env\0A=1\0A=2\0", &start);
        assert_int_equal(start.n_env, 2);
}

static void packs_a_directory_behind_the_environment(void **state) {
        _cleanup_json_ json_object *env = parse("{\"A\":\"1\"}");
        const Payload p = { .words = "pwd", .env = env, .cwd = "/tmp" };
        GuestStart start;

        (void)state;
        EXPECT(&p, "pwd\0A=1\0/tmp\0", &start);
        assert_int_equal(start.has_cwd, 1);
}

static void a_stand_in_has_code_that_is_not_among_its_words(void **state) {
        const Payload p = { .words = "guest\nstand-in", .code = "1", .code_name = "main" };
        GuestStart start;

        (void)state;
        EXPECT(&p,
               "guest\0stand-in\0"
               "1",
               &start);
        assert_int_equal(start.n_argv, 2);
        assert_int_equal(start.code, GUEST_CODE_HERE);
}

static void code_that_comes_later_is_named_and_packed_by_itself(void **state) {
        const Payload p = { .words = GUEST_STAND_IN_WORDS,
                            .has_code_later = true,
                            .code_name = "main" };
        _cleanup_close_ int fd = -EBADF;
        GuestStart start;
        char text[16];
        GuestFrame f;

        (void)state;
        EXPECT(&p, "/.cloche/guest\0stand-in\0.\0", &start);
        assert_int_equal(start.code, GUEST_CODE_LATER);
        assert_int_equal(start.code_size, 0);
        assert_string_equal(start.code_name, "main");

        fd = payload_pack_code("print(1)", 7, &f);
        assert_true(fd >= 0);
        assert_int_equal(f.header.type, GUEST_FRAME_CODE);
        assert_int_equal(f.header.exec, 7);
        assert_int_equal(f.code.code_size, 8);
        assert_int_equal(read(fd, text, sizeof(text)), 8);
        assert_memory_equal(text, "print(1)", 8);
}

static void an_empty_program_is_a_program_too(void **state) {
        const Payload p = {
                .words = "sh", .takes_code_path = true, .code = "", .code_name = "main"
        };
        GuestStart start;

        (void)state;
        EXPECT(&p, "sh\0/run/cloche/7/main\0", &start);
        assert_int_equal(start.code, GUEST_CODE_HERE);
        assert_int_equal(start.code_size, 0);
}

static void takes_the_longest_code_there_can_be(void **state) {
        _cleanup_free_ char *code = malloc(LINE_SIZE_MAX + 2);
        Payload p = { .words = "sh", .takes_code_path = true, .code = code, .code_name = "main" };
        _cleanup_close_ int fd = -EBADF;
        GuestStart start;
        struct stat st;

        (void)state;
        memset(code, 'c', LINE_SIZE_MAX + 1);
        code[LINE_SIZE_MAX + 1] = 0;
        assert_int_equal(payload_pack(&p, EXEC, &start), -E2BIG);
        p.code = code + 1;
        fd = payload_pack(&p, EXEC, &start);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, start.strings_size + LINE_SIZE_MAX);
}

static void refuses_more_words_than_the_guest_takes(void **state) {
        _cleanup_json_ json_object *argv = json_object_new_array();
        const Payload p = { .argv = argv };
        GuestStart start;

        (void)state;
        for (size_t i = 0; i <= ARGV_MAX; i++)
                assert_int_equal(json_append(argv, json_object_new_string("")), 0);
        assert_int_equal(payload_pack(&p, EXEC, &start), -E2BIG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(packs_an_argv_and_its_environment),
                cmocka_unit_test(packs_code_behind_the_interpreter_and_its_path),
                cmocka_unit_test(a_variable_of_the_program_comes_behind_the_sandboxs),
                cmocka_unit_test(packs_a_directory_behind_the_environment),
                cmocka_unit_test(a_stand_in_has_code_that_is_not_among_its_words),
                cmocka_unit_test(code_that_comes_later_is_named_and_packed_by_itself),
                cmocka_unit_test(an_empty_program_is_a_program_too),
                cmocka_unit_test(takes_the_longest_code_there_can_be),
                cmocka_unit_test(refuses_more_words_than_the_guest_takes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
