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

/* What each character stands for, plus 1; 0 for what is none. Comparing characters instead costs ten times
 * as much: no processor guesses which comparison will hold. */
static const uint8_t digits[256] = {
        ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
        ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
        ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
        ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
        ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
        ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
        ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
        ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
        ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
        ['/'] = 64,
};

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
                        uint8_t d = j < n_digits ? digits[(uint8_t)text[i + j]] : digits['A'];

                        if (d == 0)
                                return -EBADMSG;
                        v = v << 6 | (uint32_t)(d - 1);
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
