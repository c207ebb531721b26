/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 as FIPS 180-4 has it, to name code in the audit. Nothing secret goes through it. Here and
 * not from a library because the one program that needs it must stay small and can open no socket
 * to the kernel's. */

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 lower-case hex digits and NUL */

typedef struct Sha256 {
        uint32_t state[8];
        uint64_t size; /* bytes so far */
        uint8_t block[64];
} Sha256;

void sha256_init(Sha256 *s);
void sha256_add(Sha256 *s, const void *data, size_t size);
/* The digest of all that was added; s can only be initialised again. */
void sha256_finish(Sha256 *s, char ret[static SHA256_HEX_SIZE]);
