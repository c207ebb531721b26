/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "launcher/graph-root.h"

#define IMAGE(upper) "{\"GraphDriver\":{\"Name\":\"overlay\",\"Data\":{\"UpperDir\":" upper "}}}"

static void finds_the_graph_root_of_an_image(void **state _unused_) {
        static const struct {
                const char *image;
                const char *root;
        } cases[] = {
                { IMAGE("\"/var/lib/containers/storage/overlay/0a1b/diff\""),
                 "/var/lib/containers/storage"                                                     },
                { IMAGE("\"/srv/overlay/store/overlay/0a1b/diff\""),          "/srv/overlay/store" },
                { IMAGE("\"/overlay/0a1b/diff\""),                            NULL                 },
                { IMAGE("\"var/overlay/0a1b/diff\""),                         NULL                 },
                { IMAGE("\"/var/lib/btrfs/0a1b\""),                           NULL                 },
                { IMAGE("7"),                                                 NULL                 },
                { "{\"GraphDriver\":{\"Name\":\"vfs\",\"Data\":null}}",       NULL                 },
                { "{}",                                                       NULL                 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_object *image = json_tokener_parse(cases[i].image);
                _cleanup_free_ char *root = graph_root_of_image(image);

                assert_non_null(image);
                if (cases[i].root)
                        assert_string_equal(root, cases[i].root);
                else
                        assert_null(root);
                (void)json_object_put(image);
        }
}

static void makes_a_link_that_the_next_one_replaces(void **state _unused_) {
        static const char *const images[] = { IMAGE("\"/one/overlay/0a1b/diff\""),
                                              IMAGE("\"/two/overlay/0a1b/diff\"") };
        static const char *const roots[] = { "/one", "/two" };
        char directory[] = "/tmp/test-graph-root.XXXXXX", path[64];

        assert_non_null(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/" GRAPH_ROOT_NAME, directory);
        for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
                json_object *image = json_tokener_parse(images[i]);
                char root[32] = "";

                assert_int_equal(graph_root_note(directory, image), 0);
                assert_int_equal(readlink(path, root, sizeof(root) - 1), 4);
                assert_string_equal(root, roots[i]);
                (void)json_object_put(image);
        }
        assert_int_equal(graph_root_note(directory, NULL), -ENOENT);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_the_graph_root_of_an_image),
                cmocka_unit_test(makes_a_link_that_the_next_one_replaces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
