/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layout is wire/guest-frame.h's: argv, env, directory, code, nothing between
 * them. Strings come from
 * strict JSON or from the launcher and hold no NUL, so each ends where it seems to. The seals let
 * the guest map it without fear that it changes; they matter to the guest, not to us. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "wire/payload.h"

static int add_string(Buffer *b, const char *s, size_t size) {
        int r = buffer_append(b, s, size);

        return r < 0 ? r : buffer_append(b, "", 1);
}

static int add_argv(Buffer *b, json_object *argv, uint32_t *ret_n) {
        size_t n = json_object_array_length(argv);
        int r;

        for (size_t i = 0; i < n; i++) {
                const char *word = json_object_get_string(json_object_array_get_idx(argv, i));

                r = add_string(b, word, strlen(word));
                if (r < 0)
                        return r;
        }
        *ret_n = (uint32_t)n;
        return 0;
}

/* The words, and the path that the guest will give the code. */
static int add_words(Buffer *b, const Payload *p, uint32_t exec, uint32_t *ret_n) {
        _cleanup_free_ char *path = NULL;
        uint32_t n = 0;
        int r;

        for (const char *word = p->words; *word;) {
                size_t size = strcspn(word, "\n");

                r = add_string(b, word, size);
                if (r < 0)
                        return r;
                n++;
                word += size;
                word += strspn(word, "\n");
        }
        *ret_n = n;
        if (!p->takes_code_path)
                return 0;

        if (asprintf(&path, "%s/%u/%s", GUEST_CODE_DIR, exec, p->code_name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        *ret_n = n + 1;
        return add_string(b, path, strlen(path));
}

static int add_env(Buffer *b, json_object *env, uint32_t *ret_n) {
        uint32_t n = 0;
        int r;

        if (!env)
                return 0;
        json_object_object_foreach(env, name, value) {
                const char *text = json_object_get_string(value);

                r = buffer_append(b, name, strlen(name));
                if (r >= 0)
                        r = buffer_append(b, "=", 1);
                if (r >= 0)
                        r = add_string(b, text, strlen(text));
                if (r < 0)
                        return r;
                n++;
        }
        *ret_n += n;
        return 0;
}

static int add_code(Buffer *b, const Payload *p, GuestStart *start) {
        size_t size = p->code ? strlen(p->code) : 0;

        if (size > LINE_SIZE_MAX || strlen(p->code_name) >= sizeof(start->code_name))
                return -E2BIG;
        start->code_size = (uint32_t)size;
        start->code = p->code ? GUEST_CODE_HERE : GUEST_CODE_LATER;
        memcpy(start->code_name, p->code_name, strlen(p->code_name));
        return buffer_append(b, p->code, size);
}

int payload_pack(const Payload *p, uint32_t exec, GuestStart *ret_start) {
        _cleanup_(buffer_done) Buffer b = {};
        GuestStart start = {};
        int r;

        r = p->argv ? add_argv(&b, p->argv, &start.n_argv) : add_words(&b, p, exec, &start.n_argv);
        if (r >= 0)
                r = add_env(&b, p->sandbox_env, &start.n_env);
        if (r >= 0)
                r = add_env(&b, p->env, &start.n_env);
        if (r >= 0 && p->cwd) {
                start.has_cwd = 1;
                r = add_string(&b, p->cwd, strlen(p->cwd));
        }
        start.strings_size = (uint32_t)b.size;
        if (r >= 0 && (p->code || p->has_code_later))
                r = add_code(&b, p, &start);
        if (r < 0)
                return r;
        if (b.size > PAYLOAD_SIZE_MAX || start.n_argv > ARGV_MAX || start.n_env > ARGV_MAX)
                return -E2BIG;

        r = fd_new_sealed("cloche-payload", buffer_data(&b), b.size);
        if (r >= 0)
                *ret_start = start;
        return r;
}

int payload_pack_code(const char *code, uint32_t exec, GuestFrame *ret_frame) {
        size_t size = strlen(code);
        int r;

        if (size > LINE_SIZE_MAX)
                return -E2BIG;
        r = fd_new_sealed("cloche-code", code, size);
        if (r < 0)
                return r;
        guest_frame_init(ret_frame, GUEST_FRAME_CODE, exec);
        ret_frame->code.code_size = (uint32_t)size;
        return r;
}
