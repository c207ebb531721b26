/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/sha256.h"

static void agrees_with_the_examples_of_fips_180(void **state) {
        static const struct {
                const char *text;
                const char *digest;
        } cases[] = {
                { "",                                                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc",                                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"                                                              },
                { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
                  "klmnopqrlmnopqrsmnopqrstnopqrstu",        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char digest[SHA256_HEX_SIZE];
                Sha256 s;

                sha256_init(&s);
                sha256_add(&s, cases[i].text, strlen(cases[i].text));
                sha256_finish(&s, digest);
                assert_string_equal(digest, cases[i].digest);
        }
}

static void hashes_a_million_letters(void **state) {
        char digest[SHA256_HEX_SIZE], letters[1000];
        Sha256 s;

        (void)state;
        memset(letters, 'a', sizeof(letters));
        sha256_init(&s);
        for (size_t i = 0; i < 1000; i++)
                sha256_add(&s, letters, sizeof(letters));
        sha256_finish(&s, digest);
        assert_string_equal(digest,
                            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void does_not_care_how_the_text_is_cut(void **state) {
        char text[300];

        (void)state;
        for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char)i;
        for (size_t size = 0; size <= 130; size++) {
                char whole[SHA256_HEX_SIZE], pieces[SHA256_HEX_SIZE];
                Sha256 s;

                sha256_init(&s);
                sha256_add(&s, text, size);
                sha256_finish(&s, whole);
                for (size_t step = 1; step <= 67; step += 11) {
                        sha256_init(&s);
                        for (size_t i = 0; i < size; i += step)
                                sha256_add(&s, text + i, size - i < step ? size - i : step);
                        sha256_finish(&s, pieces);
                        assert_string_equal(whole, pieces);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(agrees_with_the_examples_of_fips_180),
                cmocka_unit_test(hashes_a_million_letters),
                cmocka_unit_test(does_not_care_how_the_text_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
