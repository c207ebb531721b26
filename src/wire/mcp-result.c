/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first block of content is text that reads like a terminal: what the program printed, and in
 * brackets what a model must know besides. Behind it come images and files. A result's image is the
 * program's word, so it becomes an image only if it is base64 at all: a client throws away the whole
 * result otherwise.
 *
 * Trust: the result is the handler's and of known shape, but what stands in its strings is whatever a
 * program in a sandbox printed, named or gave back, NUL characters included. What is missing or of
 * another type is passed over. */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "wire/mcp-result.h"

typedef struct Content {
        json_object *blocks; /* an array, borrowed from the result */
        size_t size;         /* of the data in them */
        size_t n_left_out;
        const char *sandbox; /* "" where there is none */
} Content;

/* -- what is in a result ---------------------------------------------------------------------- */

static json_object *get(json_object *object, const char *name, enum json_type type) {
        json_object *value = NULL;

        (void)json_object_object_get_ex(object, name, &value);
        return json_object_is_type(value, type) ? value : NULL;
}

static const char *get_string(json_object *object, const char *name) {
        json_object *value = get(object, name, json_type_string);

        return value ? json_object_get_string(value) : "";
}

static bool is_true(json_object *object, const char *name) {
        return json_object_get_boolean(get(object, name, json_type_boolean));
}

static int64_t get_number(json_object *object, const char *name) {
        return json_object_get_int64(get(object, name, json_type_int));
}

static bool has_failed(json_object *result) {
        return strcmp(get_string(result, "status"), "exited") != 0 ||
               get_number(result, "exit_code") != 0;
}

/* An image that models and people can be shown, by its media type; NULL when it is none. */
static const char *image_type(const char *name) {
        static const char *const types[] = { "image/png", "image/jpeg", "image/gif", "image/webp" };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(types[i], name) == 0)
                        return types[i];
        return NULL;
}

/* … by its first bytes, in base64. */
static const char *image_type_of(const char *base64) {
        if (strncmp(base64, "iVBORw0KGgo", 11) == 0)
                return "image/png";
        if (strncmp(base64, "/9j/", 4) == 0)
                return "image/jpeg";
        if (strncmp(base64, "R0lGOD", 6) == 0)
                return "image/gif";
        if (strncmp(base64, "UklGR", 5) == 0 && strlen(base64) > 16 &&
            strncmp(base64 + 12, "RUJQ", 4) == 0)
                return "image/webp";
        return NULL;
}

/* -- blocks ----------------------------------------------------------------------------------- */

/* Appends an empty block of this type, to be filled. Returns 0 or -ENOMEM. */
static int append_block(Content *c, const char *type, json_object **ret) {
        json_object *block = json_object_new_object();
        int r;

        r = json_append(c->blocks, block);
        if (r >= 0)
                r = json_set_string(block, "type", type);
        *ret = block;
        return r;
}

static int append_text(Content *c, const char *text, size_t size) {
        json_object *block;
        int r;

        r = append_block(c, "text", &block);
        if (r < 0)
                return r;
        c->size += size;
        return json_set(block, "text", json_object_new_string_len(text, (int)size));
}

/* Whether there is room for so much. Counts what there is not. */
static bool has_room(Content *c, size_t size) {
        if (c->size + size <= MCP_CONTENT_SIZE_MAX) {
                c->size += size;
                return true;
        }
        c->n_left_out++;
        return false;
}

/* Returns 1, 0 when it does not fit, -ENOMEM. */
static int append_image(Content *c, const char *type, json_object *base64) {
        json_object *block;
        int r;

        if (!has_room(c, (size_t)json_object_get_string_len(base64)))
                return 0;
        r = append_block(c, "image", &block);
        if (r >= 0)
                r = json_set(block, "data", json_object_get(base64));
        if (r >= 0)
                r = json_set_string(block, "mimeType", type);
        return r < 0 ? r : 1;
}

/* "cloche://SANDBOX/work/a%20b" */
static int format_uri(const Content *c, const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        (void)fprintf(f, "cloche://%s%s", c->sandbox, path[0] == '/' ? "" : "/");
        for (const char *p = path; *p; p++)
                (void)fprintf(f,
                              isascii(*p) && (isalnum(*p) || strchr("/-._~", *p)) ? "%c" : "%%%02X",
                              (unsigned char)*p);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

/* data is text, or base64 where is_blob. Returns 1, 0 when it does not fit, -ENOMEM. */
static int append_resource(Content *c, const char *path, json_object *data, bool is_blob) {
        size_t size = (size_t)json_object_get_string_len(data);
        _cleanup_free_ char *uri = NULL;
        json_object *block, *resource;
        int r;

        /* text stands in structuredContent as well */
        if (!has_room(c, is_blob ? size : 2 * size))
                return 0;
        r = format_uri(c, path, &uri);
        if (r >= 0)
                r = append_block(c, "resource", &block);
        if (r < 0)
                return r;
        resource = json_object_new_object();
        r = json_set(block, "resource", resource);
        if (r >= 0)
                r = json_set_string(resource, "uri", uri);
        if (r >= 0)
                r = json_set_string(resource, "mimeType",
                                    is_blob ? "application/octet-stream" : "text/plain");
        if (r >= 0)
                r = json_set(resource, is_blob ? "blob" : "text", json_object_get(data));
        return r < 0 ? r : 1;
}

/* The number of the block that was appended last, as a member in place of what went into it. */
static int set_block(const Content *c, json_object *object, const char *name) {
        return json_set_uint(object, name, json_object_array_length(c->blocks) - 1);
}

static int append_left_out(Content *c) {
        _cleanup_free_ char *text = NULL;
        int n;

        if (c->n_left_out == 0)
                return 0;
        n = asprintf(&text, "[%zu too large to be sent: read them in pieces with file_get]",
                     c->n_left_out);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return append_text(c, text, (size_t)n);
}

/* -- an execution ----------------------------------------------------------------------------- */

static void write_string(FILE *f, json_object *string) {
        (void)fwrite(json_object_get_string(string), 1, (size_t)json_object_get_string_len(string),
                     f);
}

/* A stream, ending in a newline if there is anything. */
static bool write_stream(FILE *f, json_object *result, const char *name, const char *head) {
        json_object *text = get(result, name, json_type_string);
        int size = json_object_get_string_len(text);

        if (!text || size == 0)
                return false;
        (void)fputs(head, f);
        write_string(f, text);
        if (json_object_get_string(text)[size - 1] != '\n')
                (void)fputc('\n', f);
        return true;
}

/* What code gave back that is no image. */
static bool write_results(FILE *f, json_object *result) {
        json_object *results = get(result, "results", json_type_array);
        bool written = false;

        for (size_t i = 0; results && i < json_object_array_length(results); i++) {
                json_object *forms = json_object_array_get_idx(results, i);
                bool has_image = false;

                if (!json_object_is_type(forms, json_type_object))
                        continue;
                json_object_object_foreach(forms, type, value) {
                        (void)value;
                        has_image = has_image || image_type(type);
                }
                if (!has_image && write_stream(f, forms, "text/plain", ""))
                        written = true;
        }
        return written;
}

static void write_end(FILE *f, json_object *result) {
        json_object *limits = get(result, "limits_hit", json_type_array);
        const char *status = get_string(result, "status"), *reason = get_string(result, "reason");

        if (strcmp(status, "exited") == 0)
                (void)fprintf(f, "[exit code %" PRId64, get_number(result, "exit_code"));
        else if (strcmp(status, "signaled") == 0)
                (void)fprintf(f, "[killed by %s", get_string(result, "signal"));
        else
                (void)fprintf(f, "[stopped: %s", status);
        if (reason[0])
                (void)fprintf(f, ": %s", reason);
        for (size_t i = 0; limits && i < json_object_array_length(limits); i++)
                (void)fprintf(f, "%s%s", i == 0 ? "; limit hit: " : ", ",
                              json_object_get_string(json_object_array_get_idx(limits, i)));
        if (strcmp(get_string(result, "state"), "lost") == 0)
                (void)fputs("; the interpreter's variables and imports are lost", f);
        (void)fputs("]\n", f);
}

static void write_problems(FILE *f, json_object *result) {
        json_object *files = get(result, "files", json_type_array);

        for (size_t i = 0; files && i < json_object_array_length(files); i++) {
                json_object *file = json_object_array_get_idx(files, i);

                if (get_string(file, "problem")[0])
                        (void)fprintf(f, "[%s: %s]\n", get_string(file, "path"),
                                      get_string(file, "problem"));
        }
}

static void write_execution(FILE *f, json_object *result) {
        json_object *limits = get(result, "limits_hit", json_type_array);
        bool written;

        written = write_stream(f, result, "stdout", "");
        written = write_stream(f, result, "stderr", "stderr:\n") || written;
        written = write_results(f, result) || written;
        if (is_true(result, "stdout_truncated") || is_true(result, "stderr_truncated"))
                (void)fputs("[the middle of the output is left out]\n", f);
        if (is_true(result, "results_truncated"))
                (void)fputs("[the last results are left out]\n", f);
        write_problems(f, result);
        if (!written || has_failed(result) || (limits && json_object_array_length(limits) > 0) ||
            strcmp(get_string(result, "state"), "lost") == 0)
                write_end(f, result);
}

static bool is_base64(json_object *string) {
        _cleanup_free_ void *data = NULL;
        size_t size;

        return base64_decode(json_object_get_string(string),
                             (size_t)json_object_get_string_len(string), &data, &size) >= 0;
}

static int append_result(Content *c, json_object *forms) {
        _cleanup_json_ json_object *shown = json_object_new_object();
        int r;

        if (!shown)
                return -ENOMEM;
        json_object_object_foreach(forms, type, value) {
                const char *image = image_type(type);

                if (!image || !json_object_is_type(value, json_type_string) || !is_base64(value))
                        continue;
                r = append_image(c, image, value);
                if (r > 0)
                        r = set_block(c, shown, type);
                else if (r == 0)
                        r = json_set_string(shown, type, "");
                if (r < 0)
                        return r;
        }
        json_object_object_foreach(shown, shown_type, block) {
                if (json_object_object_add(forms, shown_type, json_object_get(block)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* A file that is in the result: in content, and if it is no text only there. */
static int append_file(Content *c, json_object *file) {
        json_object *base64 = get(file, "base64", json_type_string),
                    *text = get(file, "text", json_type_string);
        const char *path = get_string(file, "path"), *type;
        int r;

        if (!base64 && !text)
                return 0;
        type = base64 ? image_type_of(json_object_get_string(base64)) : NULL;
        r = type ? append_image(c, type, base64)
                 : append_resource(c, path, base64 ? base64 : text, base64);
        if (r < 0)
                return r;
        if (base64 || r == 0)
                json_object_object_del(file, base64 ? "base64" : "text");
        return r > 0 ? set_block(c, file, "content") : 0;
}

static int append_each(Content *c, json_object *result, const char *name,
                       int (*append)(Content *c, json_object *item)) {
        json_object *items = get(result, name, json_type_array);
        int r = 0;

        for (size_t i = 0; r >= 0 && items && i < json_object_array_length(items); i++) {
                json_object *item = json_object_array_get_idx(items, i);

                if (json_object_is_type(item, json_type_object))
                        r = append(c, item);
        }
        return r;
}

static int append_written(Content *c, json_object *result,
                          void (*write)(FILE *f, json_object *result)) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        write(f, result);
        if (fclose(f) != 0)
                return -ENOMEM;
        return append_text(c, text, size);
}

static int append_execution(Content *c, json_object *result) {
        int r;

        r = append_written(c, result, write_execution);
        if (r >= 0)
                r = append_each(c, result, "results", append_result);
        if (r >= 0)
                r = append_each(c, result, "files", append_file);
        return r;
}

/* -- others ----------------------------------------------------------------------------------- */

static void write_range(FILE *f, json_object *result) {
        int64_t begin = get_number(result, "offset"), end = begin + get_number(result, "length");

        (void)fprintf(f, "[bytes %" PRId64 " to %" PRId64 " of %" PRId64, begin, end,
                      get_number(result, "size"));
        if (!is_true(result, "eof"))
                (void)fprintf(f, "; go on with offset %" PRId64, end);
        (void)fputs("]\n", f);
}

static int append_content_of_file(Content *c, json_object *result) {
        json_object *text = get(result, "text", json_type_string);
        bool is_whole = is_true(result, "eof") && get_number(result, "offset") == 0;
        int r;

        if (text)
                r = append_text(c, json_object_get_string(text),
                                (size_t)json_object_get_string_len(text));
        else
                r = append_file(c, result);
        return r < 0 || is_whole ? r : append_written(c, result, write_range);
}

static int append_data(Content *c, json_object *result) {
        size_t size;
        const char *text = json_object_to_json_string_length(
                result, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

        return text ? append_text(c, text, size) : -ENOMEM;
}

/* -- the whole -------------------------------------------------------------------------------- */

/* A result with an empty content. */
static int new_call_result(json_object **ret, Content *ret_content) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        *ret_content = (Content){ .blocks = json_object_new_array(), .sandbox = "" };
        r = json_set(object, "content", ret_content->blocks);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

int mcp_result_format(const McpTool *tool, McpEra era, json_object *result, json_object **ret) {
        _cleanup_json_ json_object *owned = result, *object = NULL;
        Content c;
        int r;

        if (!result)
                return -ENOMEM;
        r = new_call_result(&object, &c);
        if (r < 0)
                return r;
        c.sandbox = get_string(result, "sandbox");
        if (tool->kind == MCP_TOOL_EXECUTION)
                r = append_execution(&c, result);
        else if (tool->kind == MCP_TOOL_FILE)
                r = append_content_of_file(&c, result);
        else
                r = append_data(&c, result);
        if (r >= 0)
                r = append_left_out(&c);
        if (r >= 0)
                r = json_set_bool(object, "isError",
                                  tool->kind == MCP_TOOL_EXECUTION && has_failed(result));
        if (r >= 0)
                r = json_set(object, "structuredContent", TAKE_PTR(owned));
        if (r >= 0)
                r = mcp_result_complete(era, object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

int mcp_result_format_error(McpEra era, RpcError error, const RpcProblem *problem,
                            const char *journal, json_object **ret) {
        _cleanup_json_ json_object *object = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        Content c;
        FILE *f;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void)fprintf(f, "%s (%s)", rpc_error_message(error), rpc_error_reason(error));
        if (problem && problem->field)
                (void)fprintf(f, "\n%s", problem->field);
        if (problem && problem->detail)
                (void)fprintf(f, "%s%s", problem->field ? ": " : "\n", problem->detail);
        if (journal)
                (void)fprintf(f, "\njournal: %s", journal);
        if (fclose(f) != 0)
                return -ENOMEM;

        r = new_call_result(&object, &c);
        if (r >= 0)
                r = append_text(&c, text, size);
        if (r >= 0)
                r = json_set_bool(object, "isError", true);
        if (r >= 0)
                r = mcp_result_complete(era, object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}
