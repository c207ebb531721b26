/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file.*: files in a sandbox that lives. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/method-run.h"
#include "handler/methods.h"

#define FILE_MODE_DEFAULT "0644"

typedef struct FilePutParams {
        const char *sandbox;
        RunFile file;
        uint64_t offset;
        bool more;
} FilePutParams;

typedef struct FileGetParams {
        const char *sandbox;
        const char *path;
        uint64_t offset;
        uint64_t length;
        bool stream;
} FileGetParams;

typedef struct FileListParams {
        const char *sandbox;
        const char *path;
        const char *after;
        bool recursive;
} FileListParams;

typedef struct FileRemoveParams {
        const char *sandbox;
        const char *path;
        bool recursive;
} FileRemoveParams;

int method_file_put(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_file_get(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_file_list(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_file_remove(Handler *h, Request *request, const void *params, RpcProblem *reterr);

/* The i-th of an array of files to put, checked. Returns 0, METHOD_E_PARAMS with reterr set, or
 * -ENOMEM. */
int method_file_parse(json_object *files, size_t i, RunFile *ret, RpcProblem *reterr);

/* A name or content from inside a sandbox as a member of an object: text where it is UTF-8 (without
 * NUL), base64 under "<name>_base64" or "base64" where it is not. Return 0 or -ENOMEM. */
int method_file_set_name(json_object *object, const char *member, const char *name);
int method_file_set_content(json_object *object, const char *data, size_t size);
