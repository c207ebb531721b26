/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "launcher/image-stamp.h"

typedef struct Store {
        char root[64];
        char names[128];
        ImageStamp stamp;
} Store;

static void write_names(const Store *s, const char *text) {
        char fresh[160];
        FILE *f;

        (void)snprintf(fresh, sizeof(fresh), "%s.new", s->names);
        f = fopen(fresh, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
        assert_int_equal(rename(fresh, s->names), 0);
}

static void locate(Store *s, const char *driver) {
        _cleanup_json_ json_object *image = NULL;
        char text[256];

        (void)snprintf(
                text, sizeof(text),
                "{\"GraphDriver\":{\"Name\":\"%s\",\"Data\":{\"UpperDir\":\"%s/%s/ab/diff\"}}}",
                driver, s->root, driver);
        image = json_tokener_parse(text);
        assert_non_null(image);
        image_stamp_locate(&s->stamp, image);
}

static void ask(Store *s) {
        ImageStamp taken;

        image_stamp_take(&s->stamp, &taken);
        s->stamp = taken;
}

static int make_store(void **state) {
        static Store s;
        char directory[96];

        s = (Store){ .root = "/tmp/test-image-stamp-XXXXXX" };
        assert_non_null(mkdtemp(s.root));
        (void)snprintf(directory, sizeof(directory), "%s/overlay-images", s.root);
        assert_int_equal(mkdir(directory, 0700), 0);
        (void)snprintf(s.names, sizeof(s.names), "%s/images.json", directory);
        write_names(&s, "[]");
        locate(&s, "overlay");
        *state = &s;
        return 0;
}

static int remove_store(void **state) {
        Store *s = *state;

        (void)unlink(s->names);
        *strrchr(s->names, '/') = 0;
        (void)rmdir(s->names);
        (void)rmdir(s->root);
        return 0;
}

static void holds_while_no_name_changes(void **state) {
        Store *s = *state;

        assert_false(image_stamp_holds(&s->stamp)); /* Podman was asked before the file was known */
        ask(s);
        assert_true(image_stamp_holds(&s->stamp));
        assert_true(image_stamp_holds(&s->stamp));
        write_names(s, "[]"); /* the same text, but somebody has written it */
        assert_false(image_stamp_holds(&s->stamp));
        ask(s);
        assert_true(image_stamp_holds(&s->stamp));
        assert_int_equal(unlink(s->names), 0);
        assert_false(image_stamp_holds(&s->stamp));
        ask(s);
        assert_false(image_stamp_holds(&s->stamp));
}

static void does_not_hold_for_ever(void **state) {
        Store *s = *state;

        ask(s);
        s->stamp.asked_usec -= IMAGE_STAMP_USEC - 10 * USEC_PER_SEC;
        assert_true(image_stamp_holds(&s->stamp));
        s->stamp.asked_usec -= 10 * USEC_PER_SEC;
        assert_false(image_stamp_holds(&s->stamp));
}

static void never_holds_where_the_file_is_not_known(void **state) {
        Store *s = *state;

        locate(s, "btrfs");
        assert_string_equal(s->stamp.path, "");
        ask(s);
        assert_false(image_stamp_holds(&s->stamp));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(holds_while_no_name_changes, make_store,
                                                remove_store),
                cmocka_unit_test_setup_teardown(does_not_hold_for_ever, make_store, remove_store),
                cmocka_unit_test_setup_teardown(never_holds_where_the_file_is_not_known, make_store,
                                                remove_store),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
