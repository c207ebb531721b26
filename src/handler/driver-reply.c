/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Members that are not known are passed over, so that a driver may say more than is listened to;
 * those that are known must be right.
 *
 * Trust: none. The code that a driver runs can write to its stdout as the driver does. */

#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "handler/driver-reply.h"

static bool take_number(json_object *o, const char *name, uint32_t max, uint32_t *ret) {
        json_object *value;
        int64_t n;

        if (!json_object_object_get_ex(o, name, &value) ||
            !json_object_is_type(value, json_type_int))
                return false;
        n = json_object_get_int64(value);
        if (n < 0 || n > max)
                return false;
        *ret = (uint32_t)n;
        return true;
}

static bool are_strings(json_object *o) {
        if (!json_object_is_type(o, json_type_object))
                return false;
        json_object_object_foreach(o, name, value) {
                (void)name;
                if (!json_object_is_type(value, json_type_string))
                        return false;
        }
        return true;
}

/* Copies a string member, cut at a character. Returns 0, -EBADMSG or -ENOMEM. */
static int copy_string(json_object *to, json_object *from, const char *name) {
        json_object *value;
        const char *text;
        size_t size;

        if (!json_object_object_get_ex(from, name, &value) ||
            !json_object_is_type(value, json_type_string))
                return -EBADMSG;
        text = json_object_get_string(value);
        size = utf8_cut(text, (size_t)json_object_get_string_len(value), ERROR_SIZE_MAX);
        return json_set(to, name, json_object_new_string_len(text, (int)size));
}

static int take_error(json_object *error, json_object **ret) {
        static const char *const names[] = { "name", "value", "traceback" };
        _cleanup_json_ json_object *copy = json_object_new_object();
        int r = copy ? 0 : -ENOMEM;

        if (!json_object_is_type(error, json_type_object))
                return -EBADMSG;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(names); i++)
                r = copy_string(copy, error, names[i]);
        if (r >= 0)
                *ret = TAKE_PTR(copy);
        return r;
}

static int take_done(json_object *o, DriverReply *reply) {
        json_object *error;
        uint32_t code;

        reply->kind = DRIVER_REPLY_DONE;
        if (!take_number(o, "exit_code", UINT8_MAX, &code))
                return -EBADMSG;
        reply->exit_code = (uint8_t)code;
        return json_object_object_get_ex(o, "error", &error) ? take_error(error, &reply->error) : 0;
}

static int take_result(json_object *o, DriverReply *reply) {
        json_object *data;

        reply->kind = DRIVER_REPLY_RESULT;
        if (!json_object_object_get_ex(o, "data", &data) || !are_strings(data) ||
            json_object_object_length(data) > RESULT_FORMS_MAX ||
            !json_object_object_get_ex(data, "text/plain", NULL))
                return -EBADMSG;
        reply->data = json_object_get(data);
        return 0;
}

int driver_reply_parse(const char *line, size_t size, DriverReply *ret) {
        _cleanup_json_ json_object *o = NULL;
        DriverReply reply = {};
        int r;

        r = json_parse(line, size, &o, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        if (json_object_object_get_ex(o, "ready", NULL))
                reply.kind = DRIVER_REPLY_READY;
        else if (take_number(o, "result", UINT32_MAX, &reply.run))
                r = take_result(o, &reply);
        else if (take_number(o, "done", UINT32_MAX, &reply.run))
                r = take_done(o, &reply);
        else
                r = -EBADMSG;
        if (r >= 0)
                *ret = reply;
        return r;
}

void driver_reply_done(DriverReply *r) {
        (void)json_object_put(r->data);
        (void)json_object_put(r->error);
        r->data = r->error = NULL;
}
