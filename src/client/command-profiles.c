/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche profiles: a table; a profile that cannot be used has its reason on a line of its own below,
 * since that is a whole sentence. */

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
#include "client/table.h"

static const char help[] = "Usage: cloche profiles [OPTION…]\n"
                           "\n"
                           "Shows which profiles there are, and what a run gets with each.\n"
                           "\n"
                           "      --json          Print the service's answer\n" COMMON_HELP;

static const char *const head[] = { "NAME", "LANGUAGE", "MEMORY", "TASKS",      "CPUS",
                                    "WORK", "TIMEOUT",  "OUTPUT", "DESCRIPTION" };

static int add(Table *table, json_object *profile) {
        char memory[AMOUNT_SIZE], work[AMOUNT_SIZE], timeout[AMOUNT_SIZE], output[AMOUNT_SIZE];
        char tasks[24], cpus[24];
        const char *problem = show_string_of(profile, "problem");
        _cleanup_free_ char *note = NULL;
        json_object *limits = NULL;
        uint64_t cpu;
        int r;

        (void)json_object_object_get_ex(profile, "limits", &limits);
        cpu = show_number_of(limits, "cpu_percent");
        (void)snprintf(tasks, sizeof(tasks), "%" PRIu64, show_number_of(limits, "tasks"));
        (void)snprintf(cpus, sizeof(cpus), "%" PRIu64 ".%02" PRIu64, cpu / 100, cpu % 100);
        r = table_add(table,
                      (const char *const[ARRAY_SIZE(head)]){
                              show_string_of(profile, "name"), show_string_of(profile, "language"),
                              amount_format_size(memory, show_number_of(limits, "memory_bytes")),
                              tasks, cpus,
                              amount_format_size(work, show_number_of(limits, "work_bytes")),
                              amount_format_duration(timeout, show_number_of(limits, "timeout_ms") *
                                                                      USEC_PER_MSEC),
                              amount_format_size(output, show_number_of(limits, "output_bytes")),
                              show_string_of(profile, "description") });
        if (r < 0 || !problem[0])
                return r;
        if (asprintf(&note, "cannot be used: %s", problem) < 0) {
                note = NULL;
                return -ENOMEM;
        }
        return table_add_note(table, note);
}

static int show(json_object *profiles) {
        _cleanup_table_ Table table = { 0 };
        int r;

        r = table_init(&table, head, ARRAY_SIZE(head));
        for (size_t i = 0; r >= 0 && i < json_object_array_length(profiles); i++)
                r = add(&table, json_object_array_get_idx(profiles, i));
        return r < 0 ? r : table_show(&table);
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
