/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything but the text is left to the service to judge: a limit or a name it refuses comes back
 * as an error that says why, and two judges would not always agree. Text must be UTF-8, though, or
 * there would be no JSON to send. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "client/run-request.h"

void run_request_done(RunRequest *r) {
        program_done(&r->program);
        cleanup_json(&r->env);
        r->env = NULL;
}

int run_request_add_env(RunRequest *r, const char *assignment) {
        const char *equals = strchr(assignment, '='), *value;
        _cleanup_free_ char *name = NULL;

        name = equals ? strndup(assignment, (size_t)(equals - assignment)) : strdup(assignment);
        if (!name)
                return -ENOMEM;
        if (!name[0])
                return -EINVAL;
        value = equals ? equals + 1 : getenv(name);
        if (!value)
                return -ENOENT;

        if (!r->env)
                r->env = json_object_new_object();
        if (!r->env)
                return -ENOMEM;
        return json_set_string(r->env, name, value);
}

static int set_text(json_object *params, const char *name, const char *text, size_t size,
                    const char **reterr_what) {
        if (!utf8_is_valid(text, size) || memchr(text, 0, size)) {
                *reterr_what = name;
                return -EILSEQ;
        }
        return json_set(params, name, json_object_new_string_len(text, (int)size));
}

static int set_argv(json_object *params, const Program *program, const char **reterr_what) {
        _cleanup_json_ json_object *argv = json_object_new_array();
        int r;

        if (!argv)
                return -ENOMEM;
        for (size_t i = 0; i < program->n_argv; i++) {
                const char *word = program->argv[i];

                if (!utf8_is_valid(word, strlen(word))) {
                        *reterr_what = "argv";
                        return -EILSEQ;
                }
                r = json_append(argv, json_object_new_string(word));
                if (r < 0)
                        return r;
        }
        return json_set(params, "argv", TAKE_PTR(argv));
}

static int set_env(json_object *params, json_object *env, const char **reterr_what) {
        if (!env)
                return 0;
        json_object_object_foreach(env, name, value) {
                if (!utf8_is_valid(name, strlen(name)) ||
                    !utf8_is_valid(json_object_get_string(value),
                                   (size_t)json_object_get_string_len(value))) {
                        *reterr_what = "env";
                        return -EILSEQ;
                }
        }
        return json_set(params, "env", json_object_get(env));
}

/* output: whether the limit of output belongs here. */
static int set_limits(json_object *params, const RunRequest *request, bool output) {
        const struct {
                const char *name;
                uint64_t value;
        } limits[] = {
                { "memory_bytes", request->memory_bytes                        },
                { "tasks",        request->tasks                               },
                { "cpu_percent",  request->cpu_percent                         },
                { "work_bytes",   request->work_bytes                          },
                { "output_bytes", output ? request->output_bytes : LIMIT_UNSET },
        };
        _cleanup_json_ json_object *object = NULL;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                if (limits[i].value == LIMIT_UNSET)
                        continue;
                if (!object)
                        object = json_object_new_object();
                if (!object)
                        return -ENOMEM;
                r = json_set_uint(object, limits[i].name, limits[i].value);
                if (r < 0)
                        return r;
        }
        return object ? json_set(params, "limits", TAKE_PTR(object)) : 0;
}

/* The program and what it is started with. */
static int set_program(json_object *params, const RunRequest *request, const char **reterr_what) {
        const Program *program = &request->program;
        int r;

        r = program->has_code ? set_text(params, "code", buffer_data(&program->code),
                                         program->code.size, reterr_what)
                              : set_argv(params, program, reterr_what);
        if (r >= 0 && request->cwd)
                r = set_text(params, "cwd", request->cwd, strlen(request->cwd), reterr_what);
        if (r >= 0 && request->timeout_usec != LIMIT_UNSET)
                r = json_set_uint(params, "timeout_ms", request->timeout_usec / USEC_PER_MSEC);
        if (r >= 0 && request->stdin_open)
                r = json_set_bool(params, "stdin_open", true);
        return r;
}

static int set_profile(json_object *params, const RunRequest *request, const char **reterr_what) {
        const char *profile = request->program.profile;

        return set_text(params, "profile", profile, strlen(profile), reterr_what);
}

int run_request_format(const RunRequest *request, json_object **ret, const char **reterr_what) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = set_profile(params, request, reterr_what);
        if (r >= 0)
                r = set_program(params, request, reterr_what);
        if (r >= 0)
                r = set_env(params, request->env, reterr_what);
        if (r >= 0)
                r = set_limits(params, request, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(params);
        return 0;
}

int run_request_format_open(const RunRequest *request, json_object **ret,
                            const char **reterr_what) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = set_profile(params, request, reterr_what);
        if (r >= 0)
                r = set_env(params, request->env, reterr_what);
        if (r >= 0)
                r = set_limits(params, request, false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(params);
        return 0;
}

int run_request_format_exec(const RunRequest *request, const char *sandbox, json_object **ret,
                            const char **reterr_what) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set_string(params, "sandbox", sandbox);
        if (r >= 0)
                r = set_program(params, request, reterr_what);
        if (r >= 0 && request->output_bytes != LIMIT_UNSET)
                r = json_set_uint(params, "output_bytes", request->output_bytes);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(params);
        return 0;
}
