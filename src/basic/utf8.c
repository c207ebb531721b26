/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of RFC 3629: the second byte's range depends on the first, which is what keeps out
 * overlong forms (e0, f0), surrogates (ed) and what lies above U+10FFFF (f4). */

#include <stdint.h>
#include <string.h>

#include "basic/utf8.h"

size_t utf8_character_size(const char *text, size_t size) {
        const uint8_t *p = (const uint8_t *)text;
        uint8_t low = 0x80, high = 0xbf;
        size_t n;

        if (p[0] < 0x80)
                return 1;
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;
        n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;

        for (size_t i = 1; i < n; i++) {
                if (i == size)
                        return UTF8_INCOMPLETE;
                if (p[i] < low || p[i] > high)
                        return 0;
                low = 0x80;
                high = 0xbf;
        }
        return n;
}

bool utf8_is_valid(const char *text, size_t size) {
        while (size > 0) {
                size_t n = utf8_character_size(text, size);

                if (n == 0 || n == UTF8_INCOMPLETE)
                        return false;
                text += n;
                size -= n;
        }
        return true;
}

size_t utf8_incomplete_tail(const char *text, size_t size) {
        for (size_t n = 1; n <= 3 && n <= size; n++) {
                uint8_t c = (uint8_t)text[size - n];

                if (c >= 0xc0) /* the byte that begins a character */
                        return utf8_character_size(text + size - n, n) == UTF8_INCOMPLETE ? n : 0;
                if (c < 0x80)
                        return 0;
        }
        return 0;
}

size_t utf8_cut(const char *text, size_t size, size_t max) {
        if (size <= max)
                return size;
        while (max > 0 && ((uint8_t)text[max] & 0xc0) == 0x80)
                max--;
        return max;
}

char *utf8_scrub(char *text) {
        size_t size = strlen(text);

        for (char *p = text; size > 0;) {
                size_t n = utf8_character_size(p, size);

                if (n == 0 || n == UTF8_INCOMPLETE) {
                        *p = '?';
                        n = 1;
                }
                p += n;
                size -= n;
        }
        return text;
}
