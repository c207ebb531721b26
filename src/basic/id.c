/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "basic/id.h"

int id_new(char ret[static ID_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        uint8_t random[(ID_SIZE - 1) / 2];
        ssize_t n = getrandom(random, sizeof(random), 0);

        if (n < 0)
                return -errno;
        if ((size_t)n != sizeof(random))
                return -EIO;

        for (size_t i = 0; i < sizeof(random); i++) {
                ret[2 * i] = digits[random[i] >> 4];
                ret[2 * i + 1] = digits[random[i] & 0xf];
        }
        ret[ID_SIZE - 1] = 0;
        return 0;
}

bool id_is_valid(const char *s) {
        return strnlen(s, ID_SIZE) == ID_SIZE - 1 && strspn(s, "0123456789abcdef") == ID_SIZE - 1;
}
