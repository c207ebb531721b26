/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each encoding is accepted in one form only, so that two texts never mean the same bytes. */

#include <errno.h>
#include <stdint.h>

#include "basic/base64.h"
#include "basic/cleanup.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const void *data, size_t size, char **ret, size_t *ret_size) {
        const uint8_t *p = data;
        char *text, *o;

        if (size > SIZE_MAX / 2)
                return -ENOMEM;
        text = o = malloc((size + 2) / 3 * 4 + 1);
        if (!text)
                return -ENOMEM;

        for (; size >= 3; size -= 3, p += 3) {
                *o++ = alphabet[p[0] >> 2];
                *o++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
                *o++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
                *o++ = alphabet[p[2] & 63];
        }
        if (size > 0) {
                uint8_t second = size == 2 ? p[1] : 0;

                *o++ = alphabet[p[0] >> 2];
                *o++ = alphabet[(p[0] & 3) << 4 | second >> 4];
                *o++ = size == 2 ? alphabet[(second & 15) << 2] : '=';
                *o++ = '=';
        }
        *o = 0;

        *ret = text;
        if (ret_size)
                *ret_size = (size_t)(o - text);
        return 0;
}

static int digit(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t size, void **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t n_padding = 0, n = 0;

        if (size % 4 != 0)
                return -EBADMSG;
        while (n_padding < 2 && n_padding < size && text[size - 1 - n_padding] == '=')
                n_padding++;
        data = malloc(size / 4 * 3 + 1);
        if (!data)
                return -ENOMEM;

        for (size_t i = 0; i < size; i += 4) {
                size_t n_digits = i + 4 == size ? 4 - n_padding : 4;
                uint32_t v = 0;

                for (size_t j = 0; j < 4; j++) {
                        int d = j < n_digits ? digit(text[i + j]) : 0;

                        if (d < 0)
                                return -EBADMSG;
                        v = v << 6 | (uint32_t)d;
                }
                if ((n_digits == 2 && (v & 0xffff)) || (n_digits == 3 && (v & 0xff)))
                        return -EBADMSG;
                for (size_t j = 0; j + 1 < n_digits; j++)
                        data[n++] = (uint8_t)(v >> (16 - 8 * j));
        }

        *ret = TAKE_PTR(data);
        *ret_size = n;
        return 0;
}
