/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose fault it was decides the code: a program that ended, however it ended, gives its own, and
 * what Cloche did to it gives one that shells and other tools already use for the same thing. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "client/amount.h"
#include "client/outcome.h"
#include "client/show.h"

static bool is(json_object *result, const char *status) {
        return strcmp(show_string_of(result, "status"), status) == 0;
}

/* The number of a signal by the name in a result; 0 for a name this machine does not have. */
static int signal_of(json_object *result) {
        const char *name = show_string_of(result, "signal");
        int offset;

        for (int signo = 1; signo < SIGRTMIN; signo++) {
                const char *abbreviation = sigabbrev_np(signo);

                if (abbreviation && strncmp(name, "SIG", 3) == 0 &&
                    strcmp(name + 3, abbreviation) == 0)
                        return signo;
        }
        if (sscanf(name, "SIGRTMIN+%d", &offset) == 1 && offset >= 0 &&
            offset <= SIGRTMAX - SIGRTMIN)
                return SIGRTMIN + offset;
        return 0;
}

int outcome_exit_code(json_object *result) {
        if (is(result, "exited"))
                return (int)(show_number_of(result, "exit_code") & 0xff);
        if (is(result, "signaled"))
                return OUTCOME_SIGNAL_BASE + signal_of(result);
        if (is(result, "timeout"))
                return OUTCOME_TIMEOUT;
        if (is(result, "oom"))
                return OUTCOME_OOM;
        if (is(result, "output_limit"))
                return OUTCOME_OUTPUT_LIMIT;
        if (is(result, "cancelled"))
                return OUTCOME_CANCELLED;
        return OUTCOME_FAILED;
}

static void write_status(FILE *f, json_object *result) {
        json_object *usage = NULL;
        char amount[AMOUNT_SIZE];

        if (is(result, "signaled")) {
                (void)fprintf(f, "killed by signal %s", show_string_of(result, "signal"));
                return;
        }

        if (is(result, "exited")) {
                (void)fprintf(f, "exited with code %d", outcome_exit_code(result));
                return;
        }

        (void)json_object_object_get_ex(result, "usage", &usage);
        (void)fprintf(f, "stopped: %s", show_string_of(result, "status"));
        if (is(result, "timeout"))
                (void)fprintf(f, " after %s",
                              amount_format_duration(amount, show_number_of(usage, "wall_usec")));
        else if (is(result, "oom"))
                (void)fprintf(
                        f, ", with %s of memory in use",
                        amount_format_size(amount, show_number_of(usage, "memory_peak_bytes")));
        else if (is(result, "output_limit"))
                (void)fprintf(
                        f, " after %s",
                        amount_format_size(amount, show_number_of(usage, "stdout_bytes") +
                                                           show_number_of(usage, "stderr_bytes")));
}

/* Whether this limit is what the status says already. */
static bool is_said(json_object *result, const char *limit) {
        static const struct {
                const char *status;
                const char *limit;
        } pairs[] = {
                { "timeout",      "time"   },
                { "oom",          "memory" },
                { "output_limit", "output" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                if (is(result, pairs[i].status) && strcmp(limit, pairs[i].limit) == 0)
                        return true;
        return false;
}

/* "tasks, work": those that the status does not say; "" when there are none. */
static int format_limits(json_object *result, char **ret) {
        json_object *limits = NULL;
        size_t size, n = 0;
        FILE *f;

        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        if (json_object_object_get_ex(result, "limits_hit", &limits) &&
            json_object_is_type(limits, json_type_array))
                n = json_object_array_length(limits);
        for (size_t i = 0; i < n; i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(limits, i));

                if (name && !is_said(result, name))
                        (void)fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", name);
        }
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

int outcome_format(json_object *result, char **ret) {
        _cleanup_free_ char *limits = NULL, *text = NULL;
        const char *reason = show_string_of(result, "reason");
        bool is_plain = is(result, "exited") && !reason[0];
        size_t size;
        FILE *f;
        int r;

        r = format_limits(result, &limits);
        if (r < 0)
                return r;
        *ret = NULL;
        if (is_plain && !limits[0])
                return 0;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        if (!is_plain) {
                write_status(f, result);
                if (reason[0])
                        (void)fprintf(f, ": %s", reason);
        }
        if (limits[0])
                (void)fprintf(f, "%slimit hit: %s", is_plain ? "" : "; ", limits);
        if (is(result, "sandbox_died"))
                (void)fprintf(f, "\n    what happened: journalctl CLOCHE_SANDBOX=%s",
                              show_string_of(result, "sandbox"));
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
