/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "launcher/turn.h"

enum { BOB = 1000, EVE = 1001 };

static bool waits(const Sandbox *s) {
        return s->state == SANDBOX_QUEUED;
}

static bool goes_on(const Sandbox *s) {
        return s->state == SANDBOX_CREATE;
}

/* all[0] is the youngest, as in a launcher. */
static void line_up(Manager *m, Sandbox *all, size_t n) {
        *m = (Manager){ .sandboxes = all };
        for (size_t i = 0; i + 1 < n; i++)
                all[i].next = &all[i + 1];
}

static void is_nobodys_when_nobody_waits(_unused_ void **state) {
        Sandbox all[] = {
                { .uid = BOB, .state = SANDBOX_CREATE },
                { .uid = BOB, .state = SANDBOX_OPEN   }
        };
        Manager m = {};

        assert_null(turn_next(&m, waits, goes_on, 4));
        line_up(&m, all, ARRAY_SIZE(all));
        assert_null(turn_next(&m, waits, goes_on, 4));
}

static void is_the_oldests_of_one_user(_unused_ void **state) {
        Sandbox all[] = {
                { .uid = BOB },
                { .uid = BOB },
                { .uid = BOB, .state = SANDBOX_OPEN }
        };
        Manager m;

        line_up(&m, all, ARRAY_SIZE(all));
        assert_ptr_equal(turn_next(&m, waits, goes_on, 1), &all[1]);
}

static void is_the_users_of_whom_the_fewest_go_on(_unused_ void **state) {
        Sandbox all[] = {
                { .uid = EVE },
                { .uid = BOB },
                { .uid = BOB, .state = SANDBOX_CREATE },
                { .uid = BOB, .state = SANDBOX_CREATE },
                { .uid = EVE, .state = SANDBOX_CREATE }
        };
        Manager m;

        line_up(&m, all, ARRAY_SIZE(all));
        assert_ptr_equal(turn_next(&m, waits, goes_on, 4), &all[0]);
        all[4].uid = BOB;
        all[2].uid = all[3].uid = EVE;
        assert_ptr_equal(turn_next(&m, waits, goes_on, 4), &all[1]);
}

static void is_nobodys_when_as_many_go_on_as_may(_unused_ void **state) {
        Sandbox all[] = {
                { .uid = EVE },
                { .uid = BOB, .state = SANDBOX_CREATE },
                { .uid = BOB, .state = SANDBOX_CREATE }
        };
        Manager m;

        line_up(&m, all, ARRAY_SIZE(all));
        assert_null(turn_next(&m, waits, goes_on, 2));
        assert_null(turn_next(&m, waits, goes_on, 1));
        all[2].state = SANDBOX_OPEN;
        assert_ptr_equal(turn_next(&m, waits, goes_on, 2), &all[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(is_nobodys_when_nobody_waits),
                cmocka_unit_test(is_the_oldests_of_one_user),
                cmocka_unit_test(is_the_users_of_whom_the_fewest_go_on),
                cmocka_unit_test(is_nobodys_when_as_many_go_on_as_may),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
