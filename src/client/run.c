/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One request does nearly everything: run takes files along and brings files back. A sandbox of our
 * own is for what does not fit into that: files of any size, a name at which cloche cp finds it, a
 * shell that somebody works in.
 *
 * Whatever goes wrong on the way, the connection ends with us and the sandbox with it, so nothing is
 * put in order here but what is ours: the terminal, the name, half a file. */

#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "client/control-name.h"
#include "client/exec.h"
#include "client/outcome.h"
#include "client/run.h"
#include "client/show.h"

typedef struct Run {
        const RunOptions *options;
        Session session;
        Terminal terminal;
        ControlName name;
        Control *control;
        Exec exec;
        json_object *opened; /* the answer to sandbox.open */
} Run;

static void run_done(Run *r) {
        terminal_done(&r->terminal);
        exec_done(&r->exec);
        (void)control_free(r->control);
        control_name_done(&r->name);
        cleanup_json(&r->opened);
        session_done(&r->session);
}

static int tell_format(int r, const char *what) {
        if (r == -EILSEQ)
                show_error("%s is not text in UTF-8, or holds a NUL character",
                           what ? what : "a value");
        else if (r < 0)
                show_error("out of memory");
        return r;
}

/* Lends our terminal to the program, if it is to have one. */
static int set_terminal(Run *r, json_object *params) {
        int e = 0;

        if (!r->options->has_terminal)
                return 0;
        if (r->options->pass_stdin)
                e = terminal_open(&r->terminal, STDIN_FILENO);
        if (e >= 0)
                e = json_set_bool(params, "pty", true);
        if (e >= 0)
                e = terminal_format_size(&r->terminal, params);
        if (e >= 0)
                e = terminal_set_raw(&r->terminal);
        if (e < 0)
                show_error("cannot use the terminal: %s", strerror(-e));
        return e;
}

/* { path, size, directory } of each file that came back, in place of their bytes. */
static int set_files(Run *r) {
        Transfer *t = r->options->transfer;
        json_object *files;

        if (t->n_gets == 0)
                return 0;
        files = t->fetched ? json_object_get(t->fetched) : json_object_new_array();
        return json_set(r->exec.result, "files", files);
}

/* Says what there is to say. Returns the exit code. */
static int finish(Run *r) {
        int e = 0, code;

        terminal_restore(&r->terminal);
        if (r->options->as_json && (r->exec.result || r->exec.error)) {
                if (r->exec.result)
                        e = set_files(r);
                if (e >= 0)
                        e = run_output_show_json(&r->exec.output, r->exec.result, r->exec.error);
                if (e < 0) {
                        show_error("cannot write the result: %s", strerror(-e));
                        return OUTCOME_FAILED;
                }
        }
        code = exec_tell(&r->exec);
        return code == 0 && r->options->transfer->has_failed ? OUTCOME_FAILED : code;
}

/* All in one request. */
static int run_at_once(Run *r) {
        _cleanup_json_ json_object *params = NULL;
        const char *what = "";
        int e;

        e = run_request_format(r->options->request, &params, &what);
        if (e < 0)
                return tell_format(e, what);
        e = transfer_format(r->options->transfer, params);
        if (e >= 0)
                e = set_terminal(r, params);
        if (e >= 0)
                e = exec_run(&r->exec, "run", params);
        if (e >= 0 && exec_has_ended_well(&r->exec)) {
                terminal_restore(&r->terminal);
                e = transfer_land(r->options->transfer, r->exec.result);
        }
        return e;
}

static const char *sandbox_of(const Run *r) {
        return show_string_of(r->opened, "sandbox");
}

static int open_sandbox(Run *r) {
        _cleanup_json_ json_object *params = NULL, *error = NULL;
        const char *what = "";
        int e;

        e = run_request_format_open(r->options->request, &params, &what);
        if (e < 0)
                return tell_format(e, what);
        e = session_call(&r->session, "sandbox.open", TAKE_PTR(params), &r->opened, &error);
        if (e >= 0 && !sandbox_of(r)[0])
                e = -EBADMSG;
        if (e < 0) {
                (void)session_tell(&r->session, e, error);
                return e;
        }
        if (r->name.fd < 0)
                return 0;
        e = control_new(&r->control, &r->session, r->name.fd, sandbox_of(r));
        r->exec.control = r->control;
        return tell_format(e, "");
}

/* What somebody works in ends with the sandbox, not after the time that a program may take. */
static int set_lifetime(const Run *r, json_object *params) {
        const uint64_t max = TIMEOUT_MAX_USEC / USEC_PER_MSEC;
        json_object *limits = NULL;
        uint64_t lifetime;

        if (!r->options->lives || r->options->request->timeout_usec != LIMIT_UNSET)
                return 0;
        (void)json_object_object_get_ex(r->opened, "limits", &limits);
        lifetime = show_number_of(limits, "lifetime_ms");
        if (lifetime == 0)
                return 0;
        return json_set_uint(params, "timeout_ms", lifetime < max ? lifetime : max);
}

static int execute(Run *r) {
        _cleanup_json_ json_object *params = NULL;
        const RunRequest *request = r->options->request;
        const char *what = "";
        int e;

        e = run_request_format_exec(request, sandbox_of(r), &params, &what);
        if (e < 0)
                return tell_format(e, what);
        e = set_terminal(r, params);
        if (e < 0)
                return e;
        e = set_lifetime(r, params);
        if (e < 0)
                return tell_format(e, "");
        return exec_run(&r->exec, "sandbox.exec", params);
}

/* Waits until it is gone: what is told afterwards is told of nothing that is left. */
static void close_sandbox(Run *r) {
        _cleanup_json_ json_object *params = json_object_new_object(), *result = NULL,
                                   *error = NULL;

        if (params && json_set_string(params, "sandbox", sandbox_of(r)) >= 0)
                (void)session_call(&r->session, "sandbox.close", TAKE_PTR(params), &result, &error);
}

static int run_in_sandbox(Run *r) {
        Copier copier = { .session = &r->session, .is_alone = true };
        int e;

        e = open_sandbox(r);
        if (e < 0)
                return e;
        copier.sandbox = sandbox_of(r);
        e = transfer_put(r->options->transfer, &copier);
        if (e < 0)
                return e;
        e = execute(r);
        if (e < 0 || !exec_has_ended_well(&r->exec))
                return e;
        terminal_restore(&r->terminal);
        if (strcmp(show_string_of(r->exec.result, "status"), "sandbox_died") == 0)
                return 0;
        e = transfer_get(r->options->transfer, &copier);
        if (e >= 0)
                close_sandbox(r);
        return e;
}

/* Whether one request can hold it all. Code is run in the same way as without files as long as that
 * can be; words run in the same way in either. */
static bool is_at_once(const RunOptions *o) {
        if (o->lives || o->name)
                return false;
        if (transfer_is_empty(o->transfer))
                return true;
        return o->request->program.has_code && transfer_fits(o->transfer);
}

int run(const RunOptions *options) {
        _cleanup_(run_done) Run r = {
                .options = options,
                .session = SESSION_NONE,
                .terminal = TERMINAL_NONE,
                .name = CONTROL_NAME_NONE,
        };
        int e;

        options->request->stdin_open = options->pass_stdin;
        exec_init(&r.exec, &(const ExecOptions){
                                   .session = &r.session,
                                   .terminal = &r.terminal,
                                   .pass_stdin = options->pass_stdin,
                                   .keep_output = options->as_json,
                           });
        if (session_open(&r.session, options->address) < 0 || session_take_signals(&r.session) < 0)
                return OUTCOME_FAILED;
        if (options->name && control_name_take(&r.name, options->name) < 0)
                return OUTCOME_FAILED;
        e = is_at_once(options) ? run_at_once(&r) : run_in_sandbox(&r);
        if (e == -EINTR && r.session.signo > 0)
                return OUTCOME_SIGNAL_BASE + r.session.signo;
        return e < 0 ? OUTCOME_FAILED : finish(&r);
}
