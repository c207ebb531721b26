/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client that puts the pieces of one stream together, in the order they come, has that stream
 * byte for byte, whichever form each piece had. */

#include <errno.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "handler/notice.h"
#include "wire/rpc.h"

static int set_base64(json_object *params, const char *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = base64_encode(data, size, &text, NULL);
        return r < 0 ? r : json_set_string(params, "base64", text);
}

int notice_format_output(json_object *id, const char *stream, const char *data, size_t size,
                         bool is_text, json_object **ret) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set(params, "id", json_object_get(id));
        if (r >= 0)
                r = json_set_string(params, "stream", stream);
        if (r >= 0)
                r = is_text ? json_set(params, "text", json_object_new_string_len(data, (int)size))
                            : set_base64(params, data, size);
        return r < 0 ? r : rpc_format_notification("output", TAKE_PTR(params), ret);
}

int notice_format_ended(const char *sandbox, const char *reason, json_object **ret) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set_string(params, "sandbox", sandbox);
        if (r >= 0)
                r = json_set_string(params, "reason", reason);
        return r < 0 ? r : rpc_format_notification("sandbox_ended", TAKE_PTR(params), ret);
}
