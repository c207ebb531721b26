/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything about an envelope is decided before a method is looked for. The id is taken first, so
 * that a refusal can carry it: a client must be able to tell which of its requests was refused. An
 * answer (a message with result or error) is refused like any unknown member: the server asks
 * nothing. Trust: the line may be anything. */

#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/rpc.h"

void rpc_request_done(RpcRequest *r) {
        (void)json_object_put(r->id);
        (void)json_object_put(r->method);
        (void)json_object_put(r->params);
        *r = (RpcRequest){};
}

bool rpc_id_is_valid(json_object *id) {
        if (json_object_is_type(id, json_type_int))
                return true;
        return json_object_is_type(id, json_type_string) &&
               json_object_get_string_len(id) <= REQUEST_ID_LENGTH_MAX;
}

bool rpc_id_is_equal(json_object *a, json_object *b) {
        return json_object_equal(a, b) != 0;
}

static int invalid(RpcProblem *reterr, const char *detail) {
        int r = rpc_problem_set(reterr, /* field= */ NULL, "%s", detail);

        return r < 0 ? r : RPC_E_INVALID;
}

static int check_envelope(json_object *message, RpcProblem *reterr) {
        json_object *version = json_object_object_get(message, "jsonrpc");
        json_object *params;

        json_object_object_foreach(message, name, value) {
                (void)value;
                if (strcmp(name, "jsonrpc") != 0 && strcmp(name, "id") != 0 &&
                    strcmp(name, "method") != 0 && strcmp(name, "params") != 0)
                        return invalid(reterr, "only jsonrpc, id, method and params may stand in a "
                                               "request");
        }

        if (!json_object_is_type(version, json_type_string) ||
            strcmp(json_object_get_string(version), "2.0") != 0)
                return invalid(reterr, "jsonrpc must be \"2.0\"");
        if (!json_object_is_type(json_object_object_get(message, "method"), json_type_string))
                return invalid(reterr, "method must be a string");
        if (json_object_object_get_ex(message, "params", &params) &&
            !json_object_is_type(params, json_type_object))
                return invalid(reterr, "params must be an object");
        return 0;
}

int rpc_request_parse(const char *line, size_t size, RpcRequest *ret, RpcProblem *reterr) {
        _cleanup_json_ json_object *message = NULL;
        json_object *id = NULL, *params = NULL;
        const char *what;
        int r;

        *ret = (RpcRequest){};

        r = json_parse(line, size, &message, &what);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                r = rpc_problem_set(reterr, /* field= */ NULL, "%s", what);
                return r < 0 ? r : RPC_E_PARSE;
        }

        if (json_object_is_type(message, json_type_array))
                return invalid(reterr, "batches are not supported: send each request on its own "
                                       "line");
        if (!json_object_is_type(message, json_type_object))
                return invalid(reterr, "a request is an object");

        if (json_object_object_get_ex(message, "id", &id)) {
                if (!rpc_id_is_valid(id))
                        return invalid(reterr, "id must be an integer or a string of at most 128 "
                                               "bytes");
                ret->id = json_object_get(id);
        }
        r = check_envelope(message, reterr);
        if (r != 0)
                return r;

        ret->method = json_object_get(json_object_object_get(message, "method"));
        params = json_object_object_get(message, "params");
        ret->params = params ? json_object_get(params) : json_object_new_object();
        return ret->params ? 0 : -ENOMEM;
}

/* An object with jsonrpc in it. */
static json_object *new_message(void) {
        json_object *m = json_object_new_object();

        if (m && json_set_string(m, "jsonrpc", "2.0") < 0) {
                (void)json_object_put(m);
                return NULL;
        }
        return m;
}

/* id: null is a value of its own, which json_set() takes for a failed allocation. */
static int set_id(json_object *message, json_object *id) {
        return json_object_object_add(message, "id", json_object_get(id)) < 0 ? -ENOMEM : 0;
}

int rpc_format_result(json_object *id, json_object *result, json_object **ret) {
        _cleanup_json_ json_object *owned = result, *m = new_message();
        int r;

        if (!m)
                return -ENOMEM;
        r = set_id(m, id);
        if (r >= 0)
                r = json_set(m, "result", TAKE_PTR(owned));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static int set_data(json_object *object, RpcError error, const RpcProblem *problem,
                    const char *journal) {
        json_object *data = json_object_new_object();
        int r;

        r = json_set(object, "data", data);
        if (r >= 0)
                r = json_set_string(data, "reason", rpc_error_reason(error));
        if (r >= 0 && problem && problem->field)
                r = json_set_string(data, "field", problem->field);
        if (r >= 0 && problem && problem->detail)
                r = json_set_string(data, "detail", problem->detail);
        if (r >= 0 && journal)
                r = json_set_string(data, "journal", journal);
        return r;
}

int rpc_format_error(json_object *id, RpcError error, const RpcProblem *problem,
                     const char *journal, json_object **ret) {
        _cleanup_json_ json_object *m = new_message();
        json_object *object;
        int r;

        if (!m)
                return -ENOMEM;
        r = set_id(m, id);
        if (r < 0)
                return r;
        object = json_object_new_object();
        r = json_set(m, "error", object);
        if (r >= 0)
                r = json_set(object, "code", json_object_new_int(rpc_error_code(error)));
        if (r >= 0)
                r = json_set_string(object, "message", rpc_error_message(error));
        if (r >= 0)
                r = set_data(object, error, problem, journal);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int rpc_format_notification(const char *method, json_object *params, json_object **ret) {
        _cleanup_json_ json_object *owned = params, *m = new_message();
        int r;

        if (!m)
                return -ENOMEM;
        r = json_set_string(m, "method", method);
        if (r >= 0)
                r = json_set(m, "params", TAKE_PTR(owned));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}
