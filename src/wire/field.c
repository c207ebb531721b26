/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The walk goes over what the client sent, not over the table: each member must have a row, or the
 * request is refused, so that a misspelt limit is never a limit that is not there. Numbers must be
 * written as integers: 1.0 and 1e3 are doubles to JSON libraries and are refused as such.
 *
 * Trust: params is strict JSON (json.h), so its strings hold no NUL and its integers are exact; all
 * else about it is the client's. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/field.h"
#include "wire/rpc.h"

#define NAME_SHOWN_MAX 64 /* bytes of a name the client made up that are shown in a refusal */

/* Where a field stands, for a refusal: "limits." and "tasks". */
typedef struct Place {
        const char *prefix;
        const char *name;
} Place;

_printf_(3, 4) static int refuse(const Place *place, RpcProblem *reterr, const char *format, ...) {
        _cleanup_free_ char *detail = NULL, *field = NULL;
        size_t shown = utf8_cut(place->name, strlen(place->name), NAME_SHOWN_MAX);
        va_list ap;
        int n, r;

        va_start(ap, format);
        n = vasprintf(&detail, format, ap);
        va_end(ap);
        if (n < 0) {
                detail = NULL;
                return -ENOMEM;
        }
        if (asprintf(&field, "%s%.*s", place->prefix, (int)shown, place->name) < 0) {
                field = NULL;
                return -ENOMEM;
        }
        r = rpc_problem_set(reterr, field, "%s", detail);
        return r < 0 ? r : FIELD_E_INVALID;
}

static int refuse_item(const Place *place, const char *item, RpcProblem *reterr, const char *what) {
        _cleanup_free_ char *prefix = NULL;

        if (asprintf(&prefix, "%s%s", place->prefix, place->name) < 0) {
                prefix = NULL;
                return -ENOMEM;
        }
        return refuse(&(Place){ prefix, item }, reterr, "%s", what);
}

static int parse_string(const Field *f, const Place *place, json_object *value, const char **ret,
                        RpcProblem *reterr) {
        uint64_t size;

        if (!json_object_is_type(value, json_type_string))
                return refuse(place, reterr, "must be a string");
        size = (uint64_t)json_object_get_string_len(value);
        if (size < f->min || size > f->max)
                return refuse(place, reterr, "must have %" PRIu64 " to %" PRIu64 " bytes", f->min,
                              f->max);
        *ret = json_object_get_string(value);
        return 0;
}

static int parse_uint(const Field *f, const Place *place, json_object *value, uint64_t *ret,
                      RpcProblem *reterr) {
        int64_t v;

        v = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
        if (v < 0 || (uint64_t)v < f->min || (uint64_t)v > f->max)
                return refuse(place, reterr, "must be an integer from %" PRIu64 " to %" PRIu64,
                              f->min, f->max);
        *ret = (uint64_t)v;
        return 0;
}

static int parse_strings(const Field *f, const Place *place, json_object *value, json_object **ret,
                         RpcProblem *reterr) {
        size_t n;

        if (!json_object_is_type(value, json_type_array))
                return refuse(place, reterr, "must be an array of strings");
        n = json_object_array_length(value);
        if (n < f->min || n > f->max)
                return refuse(place, reterr, "must have %" PRIu64 " to %" PRIu64 " strings", f->min,
                              f->max);

        for (size_t i = 0; i < n; i++) {
                json_object *item = json_object_array_get_idx(value, i);
                char index[32];

                (void)snprintf(index, sizeof(index), "[%zu]", i);
                if (!json_object_is_type(item, json_type_string))
                        return refuse_item(place, index, reterr, "must be a string");
                if ((uint64_t)json_object_get_string_len(item) > ARG_SIZE_MAX)
                        return refuse_item(place, index, reterr, "is longer than one word may be");
        }
        *ret = value;
        return 0;
}

static bool is_env_name(const char *name) {
        static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

        return name[0] && strchr(first, name[0]) &&
               name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                 "0123456789")] == 0;
}

static int parse_env(const Field *f, const Place *place, json_object *value, json_object **ret,
                     RpcProblem *reterr) {
        size_t n;

        if (!json_object_is_type(value, json_type_object))
                return refuse(place, reterr, "must be an object of strings");
        n = (size_t)json_object_object_length(value);
        if (n < f->min || n > f->max)
                return refuse(place, reterr, "must have %" PRIu64 " to %" PRIu64 " members", f->min,
                              f->max);

        json_object_object_foreach(value, name, item) {
                _cleanup_free_ char *shown = NULL;
                const char *what = NULL;

                if (!is_env_name(name))
                        what = "must be named [A-Za-z_][A-Za-z0-9_]*";
                else if (!json_object_is_type(item, json_type_string))
                        what = "must be a string";
                else if (strlen(name) + 1 + (size_t)json_object_get_string_len(item) > ARG_SIZE_MAX)
                        what = "is longer than one variable may be";
                if (!what)
                        continue;
                if (asprintf(&shown, ".%s", name) < 0) {
                        shown = NULL;
                        return -ENOMEM;
                }
                return refuse_item(place, shown, reterr, what);
        }
        *ret = value;
        return 0;
}

static int parse_fields(const Field *fields, size_t n_fields, const char *prefix,
                        json_object *params, void *ret, RpcProblem *reterr);

static int parse_object(const Field *f, const Place *place, json_object *value, void *ret,
                        RpcProblem *reterr) {
        _cleanup_free_ char *prefix = NULL;

        if (!json_object_is_type(value, json_type_object))
                return refuse(place, reterr, "must be an object");
        if (asprintf(&prefix, "%s%s.", place->prefix, place->name) < 0) {
                prefix = NULL;
                return -ENOMEM;
        }
        return parse_fields(f->fields, f->n_fields, prefix, value, ret, reterr);
}

/* Only looked at: who uses them parses each once more, into a struct of its own. */
static int parse_objects(const Field *f, const Place *place, json_object *value, json_object **ret,
                         RpcProblem *reterr) {
        _cleanup_free_ void *scratch = calloc(1, f->size);
        size_t n;

        if (!scratch)
                return -ENOMEM;
        if (!json_object_is_type(value, json_type_array))
                return refuse(place, reterr, "must be an array of objects");
        n = json_object_array_length(value);
        if (n < f->min || n > f->max)
                return refuse(place, reterr, "must have %" PRIu64 " to %" PRIu64 " objects", f->min,
                              f->max);
        for (size_t i = 0; i < n; i++) {
                json_object *item = json_object_array_get_idx(value, i);
                char prefix[128];
                int r;

                (void)snprintf(prefix, sizeof(prefix), "%s%s[%zu].", place->prefix, place->name, i);
                if (!json_object_is_type(item, json_type_object))
                        return refuse(place, reterr, "must be an array of objects");
                r = parse_fields(f->fields, f->n_fields, prefix, item, scratch, reterr);
                if (r != 0)
                        return r;
        }
        *ret = value;
        return 0;
}

static int parse_field(const Field *f, const Place *place, json_object *value, void *ret,
                       RpcProblem *reterr) {
        switch (f->type) {
        case FIELD_STRING:
                return parse_string(f, place, value, ret, reterr);
        case FIELD_UINT:
                return parse_uint(f, place, value, ret, reterr);
        case FIELD_BOOL:
                if (!json_object_is_type(value, json_type_boolean))
                        return refuse(place, reterr, "must be true or false");
                *(bool *)ret = json_object_get_boolean(value);
                return 0;
        case FIELD_STRINGS:
                return parse_strings(f, place, value, ret, reterr);
        case FIELD_ENV:
                return parse_env(f, place, value, ret, reterr);
        case FIELD_OBJECTS:
                return parse_objects(f, place, value, ret, reterr);
        case FIELD_OBJECT:
                return parse_object(f, place, value, ret, reterr);
        case FIELD_ID:
                if (!rpc_id_is_valid(value))
                        return refuse(place, reterr,
                                      "must be the id of a request: an integer or a "
                                      "string");
                *(json_object **)ret = value;
                return 0;
        default:
                return -EINVAL; /* a table of ours is broken */
        }
}

static void *at(void *base, const Field *f) {
        return (char *)base + f->offset;
}

static void set_absent(const Field *fields, size_t n_fields, void *ret) {
        for (size_t i = 0; i < n_fields; i++) {
                const Field *f = fields + i;

                switch (f->type) {
                case FIELD_STRING:
                        *(const char **)at(ret, f) = NULL;
                        break;
                case FIELD_UINT:
                        *(uint64_t *)at(ret, f) = LIMIT_UNSET;
                        break;
                case FIELD_BOOL:
                        *(bool *)at(ret, f) = false;
                        break;
                case FIELD_STRINGS:
                case FIELD_ENV:
                case FIELD_OBJECTS:
                case FIELD_ID:
                        *(json_object **)at(ret, f) = NULL;
                        break;
                case FIELD_OBJECT:
                        set_absent(f->fields, f->n_fields, at(ret, f));
                        break;
                }
        }
}

static const Field *find(const Field *fields, size_t n_fields, const char *name) {
        for (size_t i = 0; i < n_fields; i++)
                if (strcmp(fields[i].name, name) == 0)
                        return fields + i;
        return NULL;
}

static int parse_fields(const Field *fields, size_t n_fields, const char *prefix,
                        json_object *params, void *ret, RpcProblem *reterr) {
        int r;

        json_object_object_foreach(params, name, value) {
                const Field *f = find(fields, n_fields, name);
                Place place = { prefix, name };

                if (!f)
                        return refuse(&place, reterr, "there is no such field");
                r = parse_field(f, &place, value, at(ret, f), reterr);
                if (r != 0)
                        return r;
        }

        for (size_t i = 0; i < n_fields; i++)
                if (fields[i].mandatory && !json_object_object_get_ex(params, fields[i].name, NULL))
                        return refuse(&(Place){ prefix, fields[i].name }, reterr, "is missing");
        return 0;
}

int field_parse(const Field *fields, size_t n_fields, json_object *params, void *ret,
                RpcProblem *reterr) {
        set_absent(fields, n_fields, ret);
        return parse_fields(fields, n_fields, /* prefix= */ "", params, ret, reterr);
}
