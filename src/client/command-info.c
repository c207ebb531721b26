/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche info: what the service says of itself. Limits are shown as they are named on the wire,
 * because that is where a reader meets them. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/json.h"
#include "client/command-info.h"
#include "client/outcome.h"
#include "client/session.h"
#include "client/show.h"

static const char help[] =
        "Usage: cloche info [OPTION…]\n"
        "\n"
        "Shows what the service is, which methods it has and how much it takes.\n"
        "\n"
        "      --json          Print the service's answer\n" COMMON_HELP;

static void show_methods(json_object *methods) {
        size_t n = json_object_is_type(methods, json_type_array) ? json_object_array_length(methods)
                                                                 : 0;

        for (size_t i = 0; i < n; i++) {
                json_object *method = json_object_array_get_idx(methods, i);

                (void)fputs(i == 0 ? "   Methods: " : " ", stdout);
                show_text(stdout, json_object_is_type(method, json_type_object)
                                          ? show_string_of(method, "name")
                                          : json_object_get_string(method));
        }
        if (n > 0)
                (void)fputc('\n', stdout);
}

static void show_limits(json_object *limits) {
        size_t width = 0;

        if (!json_object_is_type(limits, json_type_object))
                return;
        (void)puts("    Limits:");
        json_object_object_foreach(limits, measured, unused) {
                size_t n = show_width(measured);

                (void)unused;
                width = n > width ? n : width;
        }
        json_object_object_foreach(limits, name, value) {
                (void)fputs("      ", stdout);
                show_text(stdout, name);
                (void)printf("%*s  ", (int)(width - show_width(name)), "");
                show_text(stdout, json_object_get_string(value));
                (void)fputc('\n', stdout);
        }
}

static void show(const Address *address, json_object *info) {
        json_object *member = NULL;

        (void)fputs("   Version: ", stdout);
        show_text(stdout, show_string_of(info, "version"));
        (void)printf("\n  Protocol: %" PRIu64 "\n      Mode: ", show_number_of(info, "protocol"));
        show_text(stdout, show_string_of(info, "mode"));
        (void)printf("\n    Socket: %s\n  Your uid: %" PRIu64 "\n", address->path,
                     show_number_of(info, "uid"));
        (void)json_object_object_get_ex(info, "methods", &member);
        show_methods(member);
        (void)json_object_object_get_ex(info, "limits", &member);
        show_limits(member);
}

static int command_info(AddressHints *hints, int argc, char **argv) {
        _cleanup_address_ Address address = { 0 };
        _cleanup_json_ json_object *info = NULL;
        bool json;
        int r;

        r = command_parse_plain(argc, argv, hints, help, &json);
        if (r >= 0)
                return r;
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        if (session_ask(&address, "server.info", &info) < 0)
                return OUTCOME_FAILED;
        if (json)
                r = show_json(info);
        else {
                show(&address, info);
                r = show_done();
        }
        return r < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

const Verb verb_info = { "info", "What the service is and how much it takes", command_info };
