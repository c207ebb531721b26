/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche profiles: a table for people, as wide as its contents; a profile that cannot be used has
 * its reason on a line of its own below, since that is a whole sentence. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "client/amount.h"
#include "client/call.h"
#include "client/command-profiles.h"
#include "client/outcome.h"
#include "client/session.h"
#include "client/show.h"

static const char help[] = "Usage: cloche profiles [OPTION…]\n"
                           "\n"
                           "Shows which profiles there are, and what a run gets with each.\n"
                           "\n"
                           "      --json          Print the service's answer\n" COMMON_HELP;

enum {
        COLUMN_NAME,
        COLUMN_LANGUAGE,
        COLUMN_MEMORY,
        COLUMN_TASKS,
        COLUMN_CPUS,
        COLUMN_WORK,
        COLUMN_TIMEOUT,
        COLUMN_OUTPUT,
        COLUMN_DESCRIPTION,
        _COLUMN_MAX,
};

/* Longer words are not cut; the columns after them move. */
typedef struct Row {
        char cells[_COLUMN_MAX][160];
} Row;

static void put(char cell[static 160], const char *text) {
        (void)snprintf(cell, 160, "%s", text[0] ? text : "-");
}

static void fill(Row *row, json_object *profile) {
        json_object *limits = NULL;
        char amount[AMOUNT_SIZE];
        uint64_t cpu;

        (void)json_object_object_get_ex(profile, "limits", &limits);
        cpu = show_number_of(limits, "cpu_percent");
        put(row->cells[COLUMN_NAME], show_string_of(profile, "name"));
        put(row->cells[COLUMN_LANGUAGE], show_string_of(profile, "language"));
        put(row->cells[COLUMN_DESCRIPTION], show_string_of(profile, "description"));
        put(row->cells[COLUMN_MEMORY],
            amount_format_size(amount, show_number_of(limits, "memory_bytes")));
        (void)snprintf(row->cells[COLUMN_TASKS], sizeof(row->cells[0]), "%" PRIu64,
                       show_number_of(limits, "tasks"));
        (void)snprintf(row->cells[COLUMN_CPUS], sizeof(row->cells[0]), "%" PRIu64 ".%02" PRIu64,
                       cpu / 100, cpu % 100);
        put(row->cells[COLUMN_WORK],
            amount_format_size(amount, show_number_of(limits, "work_bytes")));
        put(row->cells[COLUMN_TIMEOUT],
            amount_format_duration(amount, show_number_of(limits, "timeout_ms") * USEC_PER_MSEC));
        put(row->cells[COLUMN_OUTPUT],
            amount_format_size(amount, show_number_of(limits, "output_bytes")));
}

static void show_row(const Row *row, const size_t widths[static _COLUMN_MAX]) {
        for (size_t i = 0; i < _COLUMN_MAX; i++) {
                show_text(stdout, row->cells[i]);
                if (i + 1 < _COLUMN_MAX)
                        (void)printf("%*s", (int)(widths[i] - show_width(row->cells[i]) + 2), "");
        }
        (void)fputc('\n', stdout);
}

static int show(json_object *profiles) {
        static const Row head = {
                {
                 [COLUMN_NAME] = "NAME",
                 [COLUMN_LANGUAGE] = "LANGUAGE",
                 [COLUMN_MEMORY] = "MEMORY",
                 [COLUMN_TASKS] = "TASKS",
                 [COLUMN_CPUS] = "CPUS",
                 [COLUMN_WORK] = "WORK",
                 [COLUMN_TIMEOUT] = "TIMEOUT",
                 [COLUMN_OUTPUT] = "OUTPUT",
                 [COLUMN_DESCRIPTION] = "DESCRIPTION",
                 }
        };
        size_t widths[_COLUMN_MAX] = { 0 }, n = json_object_array_length(profiles);
        _cleanup_free_ Row *rows = calloc(n + 1, sizeof(Row));

        if (!rows)
                return -ENOMEM;
        rows[0] = head;
        for (size_t i = 0; i < n; i++)
                fill(&rows[i + 1], json_object_array_get_idx(profiles, i));
        for (size_t i = 0; i <= n; i++)
                for (size_t k = 0; k < _COLUMN_MAX; k++) {
                        size_t width = show_width(rows[i].cells[k]);

                        widths[k] = width > widths[k] ? width : widths[k];
                }

        show_row(&rows[0], widths);
        for (size_t i = 0; i < n; i++) {
                json_object *profile = json_object_array_get_idx(profiles, i);
                const char *problem = show_string_of(profile, "problem");

                show_row(&rows[i + 1], widths);
                if (problem[0]) {
                        (void)fputs("    cannot be used: ", stdout);
                        show_text(stdout, problem);
                        (void)fputc('\n', stdout);
                }
        }
        return show_done();
}

static int command_profiles(AddressHints *hints, int argc, char **argv) {
        _cleanup_address_ Address address = { 0 };
        _cleanup_json_ json_object *answer = NULL;
        json_object *profiles;
        bool json;
        int r;

        r = command_parse_plain(argc, argv, hints, help, &json);
        if (r >= 0)
                return r;
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        if (session_ask(&address, "profile.list", &answer) < 0)
                return OUTCOME_FAILED;
        if (json)
                return show_json(answer) < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;

        if (!json_object_object_get_ex(answer, "profiles", &profiles) ||
            !json_object_is_type(profiles, json_type_array)) {
                call_show_lost(&address, -EBADMSG, true);
                return OUTCOME_FAILED;
        }
        return show(profiles) < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

const Verb verb_profiles = { "profiles", "Which profiles there are", command_profiles };
