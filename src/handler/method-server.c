/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client need not guess: every ceiling that it can press against stands here by a name that
 * stays, and the schema of each method is the table that its parameters are checked with. */

#include <errno.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "handler/handler.h"
#include "handler/method-server.h"
#include "handler/request.h"
#include "wire/field-schema.h"

#define PROTOCOL 1 /* changes when a client that was right becomes wrong */

const char *method_server_limit(size_t i, uint64_t *ret_value) {
        static const struct {
                const char *name;
                uint64_t value;
        } limits[] = {
                { "line_bytes",               LINE_SIZE_MAX                          },
                { "json_depth",               JSON_DEPTH_MAX                         },
                { "json_members",             JSON_MEMBERS_MAX                       },
                { "json_integer",             JSON_INTEGER_MAX                       },
                { "request_id_bytes",         REQUEST_ID_LENGTH_MAX                  },
                { "handshake_timeout_ms",     HANDSHAKE_TIMEOUT_USEC / USEC_PER_MSEC },
                { "line_timeout_ms",          LINE_TIMEOUT_USEC / USEC_PER_MSEC      },
                { "write_timeout_ms",         WRITE_TIMEOUT_USEC / USEC_PER_MSEC     },
                { "client_buffer_bytes",      CLIENT_BUFFER_MAX                      },
                { "connections",              CONNECTIONS_MAX                        },
                { "connections_per_uid",      CONNECTIONS_PER_UID_MAX                },
                { "sandboxes_per_connection", SANDBOXES_PER_CONNECTION_MAX           },
                { "requests_per_connection",  REQUESTS_PER_CONNECTION_MAX            },
                { "refusals_per_second",      REFUSALS_PER_SECOND_MAX                },
                { "argv_words",               ARGV_MAX                               },
                { "env_variables",            ARGV_MAX                               },
                { "argument_bytes",           ARG_SIZE_MAX                           },
                { "payload_bytes",            PAYLOAD_SIZE_MAX                       },
                { "stdin_buffer_bytes",       STDIN_BUFFER_MAX                       },
                { "stdin_buffers_bytes",      STDIN_BUFFERS_MAX                      },
                { "output_chunk_bytes",       OUTPUT_CHUNK_MAX                       },
                { "output_grace_ms",          OUTPUT_GRACE_USEC / USEC_PER_MSEC      },
                { "capture_bytes",            CAPTURE_SIZE_MAX                       },
                { "result_bytes",             RESULT_SIZE_MAX                        },
                { "result_forms",             RESULT_FORMS_MAX                       },
                { "results_bytes",            RESULTS_SIZE_MAX                       },
                { "results",                  RESULTS_MAX                            },
                { "error_bytes",              ERROR_SIZE_MAX                         },
                { "terminal_size",            TERMINAL_SIZE_MAX                      },
                { "interrupt_grace_ms",       INTERRUPT_GRACE_USEC / USEC_PER_MSEC   },
                { "executions_per_sandbox",   EXECUTIONS_PER_SANDBOX_MAX             },
                { "file_path_bytes",          FILE_PATH_MAX - 1                      },
                { "file_chunk_bytes",         FILE_CHUNK_MAX                         },
                { "file_entries",             FILE_ENTRIES_MAX                       },
                { "file_timeout_ms",          FILE_TIMEOUT_USEC / USEC_PER_MSEC      },
                { "run_files",                FILE_COLLECT_MAX                       },
                { "collect_bytes",            FILE_COLLECT_SIZE_MAX                  },
                { "timeout_ms_min",           TIMEOUT_MIN_USEC / USEC_PER_MSEC       },
                { "timeout_ms_max",           TIMEOUT_MAX_USEC / USEC_PER_MSEC       },
                { "memory_bytes_min",         MEMORY_MIN                             },
                { "tasks_min",                TASKS_MIN                              },
                { "cpu_percent_min",          CPU_PERCENT_MIN                        },
                { "work_bytes_min",           WORK_SIZE_MIN                          },
        };

        if (i >= ARRAY_SIZE(limits))
                return NULL;
        *ret_value = limits[i].value;
        return limits[i].name;
}

static int set_limits(json_object *info) {
        json_object *limits = json_object_new_object();
        const char *name;
        uint64_t value;
        int r;

        r = json_set(info, "limits", limits);
        for (size_t i = 0; r >= 0 && (name = method_server_limit(i, &value)); i++)
                r = json_set_uint(limits, name, value);
        return r;
}

static int append_method(json_object *list, const Method *m) {
        json_object *object = json_object_new_object(), *schema = NULL;
        int r;

        r = json_append(list, object);
        if (r >= 0)
                r = json_set_string(object, "name", m->name);
        if (r >= 0)
                r = json_set_string(object, "description", m->description);
        if (r >= 0)
                r = field_schema_format(m->fields, m->n_fields, &schema);
        return r < 0 ? r : json_set(object, "params", schema);
}

static int set_methods(json_object *info) {
        json_object *list = json_object_new_array();
        int r;

        r = json_set(info, "methods", list);
        for (size_t i = 0; r >= 0 && i < method_count(); i++)
                r = append_method(list, methods + i);
        return r;
}

int method_server_info(Handler *h, Request *request, const void *params _unused_,
                       RpcProblem *reterr _unused_) {
        const LauncherWelcome *welcome = launcher_link_welcome(h->launcher);
        _cleanup_json_ json_object *info = NULL;
        int r;

        if (!welcome->connection[0])
                return METHOD_E_LAUNCHER;
        info = json_object_new_object();
        if (!info)
                return -ENOMEM;
        r = json_set_string(info, "name", "cloche");
        if (r >= 0)
                r = json_set_string(info, "version", CLOCHE_VERSION);
        if (r >= 0)
                r = json_set_uint(info, "protocol", PROTOCOL);
        if (r >= 0)
                r = json_set_string(info, "mode", welcome->system_mode ? "system" : "user");
        if (r >= 0)
                r = json_set_string(info, "connection", welcome->connection);
        if (r >= 0)
                r = json_set_uint(info, "uid", welcome->uid);
        if (r >= 0)
                r = set_limits(info);
        if (r >= 0)
                r = set_methods(info);
        if (r < 0)
                return r;
        request_succeed(request, TAKE_PTR(info));
        return 0;
}
