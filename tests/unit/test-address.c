/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "client/address.h"

static bool there(const char *path) {
        return strcmp(path, "/run/user/1000/cloche/cloche.sock") == 0;
}

static bool nowhere(const char *path) {
        (void)path;
        return false;
}

static void takes_the_first_that_is_said(void **state) {
        static const struct {
                AddressHints hints;
                bool (*exists)(const char *path);
                const char *path;
                AddressMode mode;
        } cases[] = {
                { { .uid = 0 },                                                  there,   ADDRESS_SYSTEM_PATH,                 ADDRESS_SYSTEM },
                { { .uid = 1000 },                                               there,   "/run/user/1000/cloche/cloche.sock", ADDRESS_USER   },
                { { .uid = 1000 },                                               nowhere, ADDRESS_SYSTEM_PATH,                 ADDRESS_SYSTEM },
                { { .uid = 1000, .runtime_dir = "/x" },
                 there,                                                                   ADDRESS_SYSTEM_PATH,
                 ADDRESS_SYSTEM                                                                                                               },
                { { .uid = 1000, .mode = ADDRESS_USER, .runtime_dir = "/x" },
                 nowhere,                                                                 "/x/cloche/cloche.sock",
                 ADDRESS_USER                                                                                                                 },
                { { .uid = 1000, .mode = ADDRESS_USER, .runtime_dir = "" },
                 nowhere,                                                                 "/run/user/1000/cloche/cloche.sock",
                 ADDRESS_USER                                                                                                                 },
                { { .uid = 1000, .mode = ADDRESS_SYSTEM },
                 there,                                                                   ADDRESS_SYSTEM_PATH,
                 ADDRESS_SYSTEM                                                                                                               },
                { { .uid = 1000, .environment = "/e" },                          there,   "/e",                                ADDRESS_ANY    },
                { { .uid = 0, .environment = "" },                               there,   ADDRESS_SYSTEM_PATH,                 ADDRESS_SYSTEM },
                { { .mode = ADDRESS_SYSTEM, .environment = "/e" },
                 there,                                                                   ADDRESS_SYSTEM_PATH,
                 ADDRESS_SYSTEM                                                                                                               },
                { { .mode = ADDRESS_USER, .socket = "/s", .environment = "/e" },
                 there,                                                                   "/s",
                 ADDRESS_ANY                                                                                                                  },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_address_ Address address = { 0 };

                assert_int_equal(address_find(&cases[i].hints, cases[i].exists, &address), 0);
                assert_string_equal(address.path, cases[i].path);
                assert_int_equal(address.mode, cases[i].mode);
        }
}

static void says_what_to_do(void **state) {
        static const struct {
                AddressMode mode;
                int error;
                const char *says;
        } cases[] = {
                { ADDRESS_SYSTEM, -ENOENT,       "sudo systemctl enable --now cloche.socket"   },
                { ADDRESS_SYSTEM, -ENOENT,       "systemctl --user enable --now cloche.socket" },
                { ADDRESS_USER,   -ENOENT,       "systemctl --user enable --now cloche.socket" },
                { ADDRESS_SYSTEM, -EACCES,       "usermod --append --groups cloche"            },
                { ADDRESS_ANY,    -EACCES,       "permissions"                                 },
                { ADDRESS_SYSTEM, -ECONNREFUSED, "sudo systemctl restart cloche.socket"        },
                { ADDRESS_USER,   -ECONNREFUSED, "systemctl --user restart cloche.socket"      },
                { ADDRESS_ANY,    -ENAMETOOLONG, "File name too long"                          },
        };
        char path[] = "/the/path";

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Address address = { .path = path, .mode = cases[i].mode };
                _cleanup_free_ char *text = address_explain(&address, cases[i].error);

                assert_non_null(text);
                assert_non_null(strstr(text, path));
                if (!strstr(text, cases[i].says))
                        fail_msg("\"%s\" is not in: %s", cases[i].says, text);
        }
}

static void refuses_a_path_no_socket_can_have(void **state) {
        char path[200];

        (void)state;
        memset(path, 'x', sizeof(path));
        path[sizeof(path) - 1] = 0;
        assert_int_equal(address_connect(path), -ENAMETOOLONG);
        path[108] = 0;
        assert_int_equal(address_connect(path), -ENAMETOOLONG);
        path[107] = 0;
        assert_int_equal(address_connect(path), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_the_first_that_is_said),
                cmocka_unit_test(says_what_to_do),
                cmocka_unit_test(refuses_a_path_no_socket_can_have),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
