/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each is one file command in the sandbox; this is what it is told and what becomes of its records.
 * A stream goes to the client as it comes and is bounded by what the client takes; everything else
 * is bounded by what was asked for, and what comes beyond that is dropped. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/file-task.h"
#include "handler/handler.h"
#include "handler/method-file.h"
#include "handler/notice.h"
#include "handler/order.h"
#include "handler/record.h"
#include "handler/request.h"

/* A request for one file command. */
typedef struct FileCall {
        Request *request;
        FileTask *task;
        char sandbox[ID_SIZE];
        json_object *result;  /* as far as it is known */
        json_object *entries; /* in result, for a listing */
        uint64_t offset;
        uint64_t length; /* of what comes */
        uint64_t came;
        bool stream;
        bool is_get;
        AuditEvent event; /* _AUDIT_EVENT_MAX: none */
        Buffer bytes;
        int error;
} FileCall;

static FileCall *call_free(FileCall *c) {
        if (!c)
                return NULL;
        file_task_free(c->task);
        (void)json_object_put(c->result);
        buffer_done(&c->bytes);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(FileCall, call_free)

int method_file_set_name(json_object *object, const char *member, const char *name) {
        _cleanup_free_ char *text = NULL, *base64_member = NULL;
        int r;

        if (utf8_is_valid(name, strlen(name)))
                return json_set_string(object, member, name);
        if (asprintf(&base64_member, "%s_base64", member) < 0) {
                base64_member = NULL;
                return -ENOMEM;
        }
        r = base64_encode(name, strlen(name), &text, NULL);
        return r < 0 ? r : json_set_string(object, base64_member, text);
}

int method_file_set_content(json_object *object, const char *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (utf8_is_valid(data, size) && !memchr(data, 0, size))
                return json_set(object, "text", json_object_new_string_len(data, (int)size));
        r = base64_encode(data, size, &text, NULL);
        return r < 0 ? r : json_set_string(object, "base64", text);
}

static const char *kind_name(uint32_t kind) {
        switch ((FileKind)kind) {
        case FILE_KIND_REGULAR:
                return "file";
        case FILE_KIND_DIRECTORY:
                return "directory";
        case FILE_KIND_SYMLINK:
                return "symlink";
        case FILE_KIND_UNKNOWN:
        case FILE_KIND_OTHER:
        case _FILE_KIND_MAX:
        default:
                return "other";
        }
}

static int set_mode(json_object *object, uint32_t mode) {
        char text[8];

        (void)snprintf(text, sizeof(text), "%04o", mode & 07777);
        return json_set_string(object, "mode", text);
}

/* -- records ---------------------------------------------------------------------------------- */

static int add_entry(FileCall *c, const FileRecord *record, const char *name) {
        json_object *entry;
        int r;

        if (json_object_array_length(c->entries) >= FILE_ENTRIES_MAX)
                return 0;
        entry = json_object_new_object();
        r = json_append(c->entries, entry);
        if (r >= 0)
                r = method_file_set_name(entry, "name", name);
        if (r >= 0)
                r = json_set_string(entry, "type", kind_name(record->kind));
        if (r >= 0)
                r = json_set_uint(entry, "size", record->size);
        if (r >= 0)
                r = set_mode(entry, record->mode);
        if (r >= 0)
                r = json_set(entry, "mtime", json_object_new_int64(record->mtime_sec));
        return r;
}

static int describe(FileCall *c, const FileRecord *record) {
        int r;

        c->length = record->length;
        if (c->event == AUDIT_FILE_REMOVED)
                return 0;
        r = json_set_uint(c->result, "size", record->size);
        if (r < 0 || !c->is_get)
                return r;
        r = set_mode(c->result, record->mode);
        if (r >= 0)
                r = json_set(c->result, "mtime", json_object_new_int64(record->mtime_sec));
        if (r >= 0)
                r = json_set_uint(c->result, "offset", c->offset);
        if (r >= 0)
                r = json_set_uint(c->result, "length", record->length);
        if (r >= 0)
                r = json_set_bool(c->result, "eof", record->length + c->offset >= record->size);
        return r;
}

static void on_record(const FileRecord *record, const char *name, void *userdata) {
        FileCall *c = userdata;

        if (c->error < 0)
                return;
        if (record->type == FILE_RECORD_END)
                c->error = json_set_bool(c->result, "truncated", record->error == E2BIG);
        else
                c->error = c->entries ? add_entry(c, record, name) : describe(c, record);
}

static int pass_on(FileCall *c, const char *data, size_t size) {
        json_object *message = NULL;
        int r;

        r = notice_format_output(c->request->id, "file", data, size, /* is_text= */ false,
                                 &message);
        return r < 0 ? r : connection_send(c->request->handler->client, message);
}

static void on_data(const char *data, size_t size, void *userdata) {
        FileCall *c = userdata;

        c->came += size;
        if (c->error < 0 || !c->is_get)
                return;
        if (c->stream)
                c->error = pass_on(c, data, size);
        else if (c->came <= FILE_CHUNK_MAX)
                c->error = buffer_append(&c->bytes, data, size);
}

static void on_done(int failure, const RpcProblem *problem, void *userdata) {
        _cleanup_(call_freep) FileCall *c = userdata;
        Request *request = c->request;
        json_object *path;

        c->task = NULL;
        request->controls = NULL;
        if (failure == 0)
                failure = c->error;
        if (failure == 0 && c->is_get && !c->stream)
                failure = method_file_set_content(c->result, buffer_data(&c->bytes), c->bytes.size);
        if (failure != 0) {
                request_fail(request, failure, problem);
                return;
        }
        if (c->event != _AUDIT_EVENT_MAX && json_object_object_get_ex(c->result, "path", &path)) {
                json_object *size = json_object_object_get(c->result, "size");

                record_file(request->handler, c->event, request->id, c->sandbox,
                            json_object_get_string(path),
                            c->is_get ? c->came : (uint64_t)json_object_get_int64(size));
        }
        request_succeed(request, TAKE_PTR(c->result));
}

static const FileTaskEvents task_events = {
        .on_record = on_record,
        .on_data = on_data,
        .on_done = on_done,
};

/* -- controls --------------------------------------------------------------------------------- */

static void cancel(void *task) {
        FileCall *c = task;

        file_task_cancel(c->task);
}

static int add_input(void *task, Request *from, const void *data, size_t size, bool is_last) {
        FileCall *c = task;

        return file_task_add_input(c->task, from, data, size, is_last);
}

static void free_task(void *task) {
        call_free(task);
}

static const RequestControls controls = {
        .cancel = cancel,
        .add_input = add_input,
        .free = free_task,
};

/* -- the methods ------------------------------------------------------------------------------ */

/* Begins a call. settings is copied. Returns 0, a METHOD_E_… or -errno. */
static int begin(Handler *h, Request *request, const char *sandbox, const char *path,
                 const FileCommand *command, const FileCall *settings) {
        Sandbox *s = sandbox_find(h, sandbox);
        _cleanup_(call_freep) FileCall *c = NULL;
        int r;

        if (!s)
                return METHOD_E_UNKNOWN_SANDBOX;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = *settings;
        c->request = request;
        c->result = json_object_new_object();
        memcpy(c->sandbox, s->opened.sandbox, sizeof(c->sandbox));
        r = c->result ? json_set_string(c->result, "path", path) : -ENOMEM;
        if (r >= 0 && !c->is_get && c->event == _AUDIT_EVENT_MAX) {
                c->entries = json_object_new_array();
                r = json_set(c->result, "entries", c->entries);
        }
        if (r < 0)
                return r;
        r = file_task_new(&c->task, s, command, &task_events, c);
        if (r != 0)
                return r;
        request_drop_params(request);
        request->controls = &controls;
        request->task = TAKE_PTR(c);
        return 0;
}

static bool is_mode(const char *mode) {
        return strlen(mode) <= 4 && mode[0] && mode[strspn(mode, "01234567")] == 0 &&
               strtoul(mode, NULL, 8) <= FILE_MODE_MAX;
}

static int check_file(const RunFile *f, RpcProblem *reterr) {
        if (!f->text && !f->base64)
                return order_refuse(reterr, "text", "is missing: give text or base64");
        if (f->text && f->base64)
                return order_refuse(reterr, "base64", "there is text already: give one of the two");
        if (f->mode && !is_mode(f->mode))
                return order_refuse(reterr, "mode", "must be octal permissions, from 0000 to 0777");
        return 0;
}

int method_file_parse(json_object *files, size_t i, RunFile *ret, RpcProblem *reterr) {
        _cleanup_problem_ RpcProblem problem = {};
        char field[64];
        int r;

        r = field_parse(run_file_fields, n_run_file_fields, json_object_array_get_idx(files, i),
                        ret, reterr);
        if (r != 0)
                return r < 0 ? r : METHOD_E_PARAMS;
        r = check_file(ret, &problem);
        if (r <= 0)
                return r;
        (void)snprintf(field, sizeof(field), "files[%zu].%s", i, problem.field);
        return order_refuse(reterr, field, problem.detail);
}

int method_file_put(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const FilePutParams *p = params;
        _cleanup_free_ void *decoded = NULL;
        char offset[24];
        FileCommand command = {
                .words = { "put", p->file.path, p->file.mode ? p->file.mode : FILE_MODE_DEFAULT },
                .input_open = p->more && !h->client_ended,
                .is_long = true,
        };
        int r;

        r = check_file(&p->file, reterr);
        if (r == 0)
                r = order_decode(p->file.text, p->file.base64, "base64", &command.input,
                                 &command.input_size, &decoded, reterr);
        if (r != 0)
                return r;
        if (p->offset != LIMIT_UNSET) {
                (void)snprintf(offset, sizeof(offset), "%llu", (unsigned long long)p->offset);
                command.words[3] = offset;
        }
        return begin(h, request, p->sandbox, p->file.path, &command,
                     &(FileCall){ .event = AUDIT_FILE_IN });
}

int method_file_get(Handler *h, Request *request, const void *params, RpcProblem *reterr _unused_) {
        const FileGetParams *p = params;
        uint64_t max = p->stream ? JSON_INTEGER_MAX : FILE_CHUNK_MAX;
        char offset[24], length[24];
        FileCommand command = {
                .words = { "get", p->path, offset, length },
                .is_long = p->stream,
        };
        FileCall settings = {
                .is_get = true,
                .stream = p->stream,
                .offset = p->offset == LIMIT_UNSET ? 0 : p->offset,
                .event = AUDIT_FILE_OUT,
        };

        (void)snprintf(offset, sizeof(offset), "%llu", (unsigned long long)settings.offset);
        (void)snprintf(length, sizeof(length), "%llu",
                       (unsigned long long)(p->length < max ? p->length : max));
        return begin(h, request, p->sandbox, p->path, &command, &settings);
}

int method_file_list(Handler *h, Request *request, const void *params,
                     RpcProblem *reterr _unused_) {
        const FileListParams *p = params;
        char max[16];
        const char *path = p->path ? p->path : ".";
        FileCommand command = {
                .words = { "list", path, p->after ? p->after : "", max,
                          p->recursive ? "deep" : NULL },
        };

        (void)snprintf(max, sizeof(max), "%d", FILE_ENTRIES_MAX);
        return begin(h, request, p->sandbox, path, &command,
                     &(FileCall){ .event = _AUDIT_EVENT_MAX });
}

int method_file_remove(Handler *h, Request *request, const void *params,
                       RpcProblem *reterr _unused_) {
        const FileRemoveParams *p = params;
        FileCommand command = {
                .words = { "remove", p->path, p->recursive ? "deep" : NULL }
        };

        return begin(h, request, p->sandbox, p->path, &command,
                     &(FileCall){ .event = AUDIT_FILE_REMOVED });
}
