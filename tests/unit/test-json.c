/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The vectors in data/json are read one by one: y_*.json must parse and n_*.json must not. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "basic/json.h"
#include "basic/limits.h"

static int arg_dir_fd = -EBADF;

static char *read_vector(const char *name, size_t *ret_size) {
        _cleanup_close_ int fd = openat(arg_dir_fd, name, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *text;

        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        /* exactly as long as the text, so that a sanitizer sees a byte too many */
        text = malloc((size_t)st.st_size);
        assert_true(text || st.st_size == 0);
        assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
        *ret_size = (size_t)st.st_size;
        return text;
}

/* Parses every vector whose name begins so; returns how many there were. */
static size_t parse_vectors(const char *prefix, bool good) {
        DIR *dir = fdopendir(dup(arg_dir_fd));
        struct dirent *entry;
        size_t n = 0;

        assert_non_null(dir);
        rewinddir(dir);
        while ((entry = readdir(dir))) {
                _cleanup_json_ json_object *o = NULL;
                _cleanup_free_ char *text = NULL;
                const char *what = NULL;
                size_t size;
                int r;

                if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
                        continue;
                text = read_vector(entry->d_name, &size);
                r = json_parse(text, size, &o, &what);
                if ((r == 0) != good)
                        fail_msg("%s: %d (%s)", entry->d_name, r, what ? what : "-");
                if (!good && (!what || (r != -EBADMSG && r != -E2BIG)))
                        fail_msg("%s: no reason, or %d", entry->d_name, r);
                n++;
        }
        (void)closedir(dir);
        return n;
}

static void takes_every_good_vector(void **state) {
        (void)state;
        assert_true(parse_vectors("y_", true) >= 60);
}

static void refuses_every_bad_vector(void **state) {
        (void)state;
        assert_true(parse_vectors("n_", false) >= 80);
}

static json_object *parse(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

static void keeps_values_as_they_were_written(void **state) {
        _cleanup_json_ json_object *o =
                parse("{\"i\":-9007199254740991,\"d\":1.0,\"s\":\"a\\u00e9\\ud83d\\ude00\","
                      "\"t\":true,\"n\":null,\"a\":[1,2]}");

        (void)state;
        assert_true(json_object_is_type(json_object_object_get(o, "i"), json_type_int));
        assert_true(json_object_get_int64(json_object_object_get(o, "i")) == -JSON_INTEGER_MAX);
        assert_true(json_object_is_type(json_object_object_get(o, "d"), json_type_double));
        assert_string_equal(json_object_get_string(json_object_object_get(o, "s")),
                            "a\xc3\xa9\xf0\x9f\x98\x80");
        assert_true(json_object_get_boolean(json_object_object_get(o, "t")));
        assert_true(json_object_object_get_ex(o, "n", NULL));
        assert_int_equal(json_object_array_length(json_object_object_get(o, "a")), 2);
}

static void gives_null_for_the_value_null(void **state) {
        json_object *o = json_object_new_int(1), *before = o;

        (void)state;
        assert_int_equal(json_parse(" null", 5, &o, NULL), 0);
        (void)json_object_put(before);
        assert_null(o);
}

static void looks_at_nothing_behind_the_given_size(void **state) {
        _cleanup_json_ json_object *o = NULL;

        (void)state;
        assert_int_equal(json_parse("12345", 3, &o, NULL), 0);
        assert_int_equal(json_object_get_int(o), 123);
}

static void tells_too_large_from_wrong(void **state) {
        char deep[2 * (JSON_DEPTH_MAX + 1)];
        json_object *o = NULL;
        const char *what;

        (void)state;
        memset(deep, '[', sizeof(deep) / 2);
        memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
        assert_int_equal(json_parse(deep, sizeof(deep), &o, &what), -E2BIG);
        assert_int_equal(json_parse(deep + 1, sizeof(deep) - 1, &o, &what), -EBADMSG);
        assert_null(o);
        assert_int_equal(json_parse(deep + 1, sizeof(deep) - 2, &o, &what), 0);
        (void)json_object_put(o);
}

static void survives_a_million_brackets(void **state) {
        static const char *const units[] = { "[", "{\"a\":", "[[],", "{\"\":[" };
        json_object *o = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                size_t unit = strlen(units[i]), size = unit * 1000000;
                _cleanup_free_ char *text = malloc(size);

                assert_non_null(text);
                for (size_t j = 0; j < size; j += unit)
                        memcpy(text + j, units[i], unit);
                assert_int_equal(json_parse(text, size, &o, NULL), -E2BIG);
        }
}

static void takes_a_string_of_a_whole_line(void **state) {
        _cleanup_free_ char *text = malloc(LINE_SIZE_MAX);
        _cleanup_json_ json_object *o = NULL;

        (void)state;
        assert_non_null(text);
        memset(text, 'x', LINE_SIZE_MAX);
        text[0] = text[LINE_SIZE_MAX - 1] = '"';
        assert_int_equal(json_parse(text, LINE_SIZE_MAX, &o, NULL), 0);
        assert_int_equal(json_object_get_string_len(o), LINE_SIZE_MAX - 2);
}

static void builders_take_what_they_are_given(void **state) {
        _cleanup_json_ json_object *o = json_object_new_object();
        json_object *list = json_object_new_array();

        (void)state;
        assert_int_equal(json_set(o, "list", list), 0);
        assert_int_equal(json_append(list, json_object_new_int(1)), 0);
        assert_int_equal(json_append(list, NULL), -ENOMEM);
        assert_int_equal(json_set_string(o, "s", "x"), 0);
        assert_int_equal(json_set_uint(o, "u", UINT64_MAX), 0);
        assert_int_equal(json_set_bool(o, "b", true), 0);
        assert_int_equal(json_set(o, "none", NULL), -ENOMEM);
        assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
                            "{\"list\":[1],\"s\":\"x\",\"u\":18446744073709551615,\"b\":true}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_every_good_vector),
                cmocka_unit_test(refuses_every_bad_vector),
                cmocka_unit_test(keeps_values_as_they_were_written),
                cmocka_unit_test(gives_null_for_the_value_null),
                cmocka_unit_test(looks_at_nothing_behind_the_given_size),
                cmocka_unit_test(tells_too_large_from_wrong),
                cmocka_unit_test(survives_a_million_brackets),
                cmocka_unit_test(takes_a_string_of_a_whole_line),
                cmocka_unit_test(builders_take_what_they_are_given),
        };

        arg_dir_fd = open(TEST_DATA "/json", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
