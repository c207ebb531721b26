/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One file after another comes as a record and its bytes; each becomes an object of the answer when
 * it is whole. What is bounded here is what the guest was asked to bound: a guest that sends more
 * is not believed, and the rest of it is left out. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/collection.h"
#include "handler/file-task.h"
#include "handler/handler.h"
#include "handler/method-file.h"
#include "handler/record.h"

struct Collection {
        Sandbox *sandbox;
        Request *request;
        FileTask *task;
        json_object *files;
        json_object *current; /* the file whose bytes come; in files */
        uint64_t length;      /* … all of them */
        Buffer bytes;
        uint64_t total;
        collection_done_t done;
        void *userdata;
        int error;
};

Collection *collection_free(Collection *c) {
        if (!c)
                return NULL;
        file_task_free(c->task);
        (void)json_object_put(c->files);
        buffer_done(&c->bytes);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Collection, collection_free)

static int add_file(Collection *c, const FileRecord *record, const char *name) {
        json_object *file;
        int r;

        if (json_object_array_length(c->files) >= FILE_COLLECT_MAX)
                return 0;
        file = json_object_new_object();
        r = json_append(c->files, file);
        if (r >= 0)
                r = method_file_set_name(file, "path", name);
        if (r >= 0)
                r = json_set_uint(file, "size", record->size);
        if (r >= 0 && record->error != 0)
                r = json_set_string(file, "problem",
                                    record->error == EFBIG ? "too_large"
                                                           : strerror((int)record->error));
        if (r < 0)
                return r;
        if (record->error != 0 || record->length > FILE_COLLECT_SIZE_MAX - c->total)
                return 0;
        c->total += record->length;
        c->length = record->length;
        c->current = file;
        return 0;
}

static int finish_file(Collection *c) {
        json_object *path;
        int r = method_file_set_content(c->current, buffer_data(&c->bytes), c->bytes.size);

        if (r >= 0 && !json_object_object_get_ex(c->current, "path", &path))
                path = json_object_object_get(c->current, "path_base64");
        if (r >= 0)
                record_file(c->request->handler, AUDIT_FILE_OUT, c->request->id,
                            c->sandbox->opened.sandbox, json_object_get_string(path),
                            c->bytes.size);
        buffer_done(&c->bytes);
        c->current = NULL;
        return r;
}

static void on_record(const FileRecord *record, const char *name, void *userdata) {
        Collection *c = userdata;

        if (record->type != FILE_RECORD_FILE || c->error < 0)
                return;
        c->error = add_file(c, record, name);
        if (c->error >= 0 && c->current && c->length == 0)
                c->error = finish_file(c);
}

static void on_data(const char *data, size_t size, void *userdata) {
        Collection *c = userdata;

        if (!c->current || c->error < 0)
                return;
        c->error = buffer_append(&c->bytes, data, size);
        if (c->error >= 0 && c->bytes.size == c->length)
                c->error = finish_file(c);
}

static void on_done(int failure, const RpcProblem *problem, void *userdata) {
        _cleanup_(collection_freep) Collection *c = userdata;

        c->task = NULL;
        if (failure == 0)
                failure = c->error;
        c->done(failure == 0 ? TAKE_PTR(c->files) : NULL, failure, problem, c->userdata);
}

static const FileTaskEvents events = {
        .on_record = on_record,
        .on_data = on_data,
        .on_done = on_done,
};

int collection_new(Collection **ret, Sandbox *s, Request *request, json_object *patterns,
                   collection_done_t done, void *userdata) {
        _cleanup_(collection_freep) Collection *c = NULL;
        char files_max[16], size_max[24];
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Collection){
                .sandbox = s,
                .request = request,
                .files = json_object_new_array(),
                .done = done,
                .userdata = userdata,
        };
        if (!c->files)
                return -ENOMEM;
        (void)snprintf(files_max, sizeof(files_max), "%d", FILE_COLLECT_MAX);
        (void)snprintf(size_max, sizeof(size_max), "%llu",
                       (unsigned long long)FILE_COLLECT_SIZE_MAX);
        r = file_task_new(&c->task, s,
                          &(FileCommand){
                                  .words = { "collect", files_max, size_max },
                                  .more = patterns,
                                  .is_many = true,
        },
                          &events, c);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}
