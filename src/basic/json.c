/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two passes. The first, here, decides: one walk over the bytes that accepts exactly RFC 8259 in
 * UTF-8 within our bounds, and allocates nothing. The second, json-c's tokener, builds the tree
 * from text that is already known to be good, so none of its leniencies (comments, single quotes,
 * NaN, trailing commas, saturating integers) can be reached and no peer chooses how much it
 * allocates.
 *
 * Two things are left for the tree: a member name that came twice has overwritten its first value,
 * so the tree has fewer members than the walk has counted; and a number that no double can hold has
 * become infinite.
 *
 * Trust: the text may be anything. Recursion is bounded by JSON_DEPTH_MAX. */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"

typedef struct Scanner {
        const char *p;
        const char *end;
        unsigned depth;
        size_t n_members; /* of objects */
        size_t n_values;  /* members of objects and elements of arrays */
        const char *what; /* the first thing that was wrong */
} Scanner;

static int scan_value(Scanner *s);

static int wrong(Scanner *s, const char *what) {
        s->what = what;
        return -EBADMSG;
}

static int too_much(Scanner *s, const char *what) {
        s->what = what;
        return -E2BIG;
}

static bool is_at(const Scanner *s, char c) {
        return s->p < s->end && *s->p == c;
}

static bool is_digit(const Scanner *s) {
        return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static void skip_space(Scanner *s) {
        while (is_at(s, ' ') || is_at(s, '\t') || is_at(s, '\r') || is_at(s, '\n'))
                s->p++;
}

/* The four hex digits after \u. */
static int scan_hex(Scanner *s, unsigned *ret) {
        unsigned v = 0;

        if (s->end - s->p < 4)
                return wrong(s, "a string is not closed");
        for (unsigned i = 0; i < 4; i++) {
                static const char digits[] = "0123456789abcdef";
                char c = *s->p++;
                const char *d;

                if (c >= 'A' && c <= 'F')
                        c = (char)(c - 'A' + 'a');
                d = c ? strchr(digits, c) : NULL;
                if (!d)
                        return wrong(s, "\\u needs four hexadecimal digits");
                v = v * 16 + (unsigned)(d - digits);
        }
        *ret = v;
        return 0;
}

static int scan_unicode(Scanner *s) {
        unsigned first, second;
        int r;

        r = scan_hex(s, &first);
        if (r < 0)
                return r;
        if (first == 0)
                return wrong(s, "a string has a NUL character");
        if (first < 0xd800 || first > 0xdfff)
                return 0;

        if (first > 0xdbff || s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
                return wrong(s, "a surrogate stands alone");
        s->p += 2;
        r = scan_hex(s, &second);
        if (r < 0)
                return r;
        if (second < 0xdc00 || second > 0xdfff)
                return wrong(s, "a surrogate stands alone");
        return 0;
}

static int scan_string(Scanner *s) {
        assert(is_at(s, '"'));
        s->p++;

        while (s->p < s->end) {
                size_t n;
                int r;

                if (*s->p == '"') {
                        s->p++;
                        return 0;
                }
                if ((unsigned char)*s->p < 0x20)
                        return wrong(s, "a string has a control character");
                if (*s->p != '\\') {
                        if ((unsigned char)*s->p < 0x80) {
                                s->p++;
                                continue;
                        }
                        n = utf8_character_size(s->p, (size_t)(s->end - s->p));
                        if (n == 0 || n == UTF8_INCOMPLETE)
                                return wrong(s, "a string is not UTF-8");
                        s->p += n;
                        continue;
                }

                s->p++;
                if (s->p == s->end)
                        break;
                if (*s->p == 'u') {
                        s->p++;
                        r = scan_unicode(s);
                        if (r < 0)
                                return r;
                } else if (*s->p && strchr("\"\\/bfnrt", *s->p))
                        s->p++;
                else
                        return wrong(s, "a string has an unknown escape");
        }
        return wrong(s, "a string is not closed");
}

static int scan_digits(Scanner *s) {
        if (!is_digit(s))
                return wrong(s, "a number lacks a digit");
        while (is_digit(s))
                s->p++;
        return 0;
}

static int scan_number(Scanner *s) {
        bool is_integer = true;
        int64_t v = 0;
        int r;

        if (is_at(s, '-'))
                s->p++;
        if (!is_digit(s))
                return wrong(s, "this is no value");
        if (is_at(s, '0')) {
                s->p++;
                if (is_digit(s))
                        return wrong(s, "a number begins with 0");
        }
        for (; is_digit(s); s->p++)
                if (v <= JSON_INTEGER_MAX) /* times ten still fits */
                        v = v * 10 + (*s->p - '0');

        if (is_at(s, '.')) {
                is_integer = false;
                s->p++;
                r = scan_digits(s);
                if (r < 0)
                        return r;
        }
        if (is_at(s, 'e') || is_at(s, 'E')) {
                is_integer = false;
                s->p++;
                if (is_at(s, '+') || is_at(s, '-'))
                        s->p++;
                r = scan_digits(s);
                if (r < 0)
                        return r;
        }
        if (is_integer && v > JSON_INTEGER_MAX)
                return wrong(s, "an integer is beyond 2^53-1");
        return 0;
}

static int scan_word(Scanner *s, const char *word) {
        size_t n = strlen(word);

        if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return wrong(s, "this is no value");
        s->p += n;
        return 0;
}

static int scan_member(Scanner *s) {
        int r;

        if (!is_at(s, '"'))
                return wrong(s, "a member needs a name in double quotes");
        r = scan_string(s);
        if (r < 0)
                return r;
        skip_space(s);
        if (!is_at(s, ':'))
                return wrong(s, "a member needs a colon after its name");
        s->p++;
        s->n_members++;
        return scan_value(s);
}

/* An object or an array, from its opening bracket to its closing one. */
static int scan_container(Scanner *s, char close) {
        int r;

        if (++s->depth > JSON_DEPTH_MAX)
                return too_much(s, "arrays and objects are nested too deeply");
        s->p++;
        skip_space(s);
        if (is_at(s, close)) {
                s->p++;
                s->depth--;
                return 0;
        }

        for (;;) {
                if (++s->n_values > JSON_MEMBERS_MAX)
                        return too_much(s, "objects and arrays have too many members");
                skip_space(s);
                r = close == '}' ? scan_member(s) : scan_value(s);
                if (r < 0)
                        return r;
                skip_space(s);
                if (is_at(s, close))
                        break;
                if (!is_at(s, ','))
                        return wrong(s, close == '}' ? "an object is not closed"
                                                     : "an array is not closed");
                s->p++;
        }
        s->p++;
        s->depth--;
        return 0;
}

static int scan_value(Scanner *s) {
        skip_space(s);
        if (s->p == s->end)
                return wrong(s, "a value is missing");

        switch (*s->p) {
        case '{':
                return scan_container(s, '}');
        case '[':
                return scan_container(s, ']');
        case '"':
                return scan_string(s);
        case 't':
                return scan_word(s, "true");
        case 'f':
                return scan_word(s, "false");
        case 'n':
                return scan_word(s, "null");
        default:
                return scan_number(s);
        }
}

/* Counts the members that are left in the tree; false when it holds a number without a value. */
static bool inspect(json_object *o, size_t *n_members) {
        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, name, value) {
                        (void)name;
                        (*n_members)++;
                        if (!inspect(value, n_members))
                                return false;
                }
        } else if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        if (!inspect(json_object_array_get_idx(o, i), n_members))
                                return false;
        } else if (json_object_is_type(o, json_type_double))
                return isfinite(json_object_get_double(o));
        return true;
}

static inline void cleanup_tokener(json_tokener **t) {
        if (*t)
                json_tokener_free(*t);
}

/* Text that has been scanned becomes a tree. */
static int build(const char *text, size_t size, json_object **ret) {
        _cleanup_(cleanup_tokener) json_tokener *t = NULL;
        json_object *o;

        assert(size <= INT_MAX);
        /* json-c counts a scalar inside the innermost container as one level more */
        t = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
        if (!t)
                return -ENOMEM;

        o = json_tokener_parse_ex(t, text, (int)size);
        if (json_tokener_get_error(t) == json_tokener_continue)
                o = json_tokener_parse_ex(t, "\n",
                                          1); /* a number ends where something else begins */
        if (json_tokener_get_error(t) != json_tokener_success) {
                (void)json_object_put(o);
                return -ENOMEM; /* the grammar was checked, so this is all that is left */
        }
        *ret = o;
        return 0;
}

int json_parse(const char *text, size_t size, json_object **ret, const char **reterr_what) {
        _cleanup_json_ json_object *o = NULL;
        Scanner s = { .p = text, .end = text + size };
        const char *begin, *what = NULL;
        size_t n_members = 0;
        int r;

        if (size > INT_MAX)
                r = too_much(&s, "the text is too long");
        else {
                skip_space(&s);
                begin = s.p;
                r = scan_value(&s);
                if (r >= 0) {
                        size = (size_t)(s.p - begin);
                        skip_space(&s);
                        if (s.p != s.end)
                                r = wrong(&s, "something stands after the value");
                        else
                                r = build(begin, size, &o);
                }
        }
        if (r >= 0 && !inspect(o, &n_members))
                r = wrong(&s, "a number is beyond what a double can hold");
        else if (r >= 0 && n_members != s.n_members)
                r = wrong(&s, "an object has two members of one name");
        if (r < 0) {
                what = s.what;
                if (reterr_what)
                        *reterr_what = what ? what : "out of memory";
                return r;
        }

        *ret = TAKE_PTR(o);
        return 0;
}

int json_set(json_object *object, const char *name, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, name, value) < 0) {
                (void)json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_append(json_object *array, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                (void)json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_set_string(json_object *object, const char *name, const char *value) {
        return json_set(object, name, json_object_new_string(value));
}

int json_set_uint(json_object *object, const char *name, uint64_t value) {
        return json_set(object, name, json_object_new_uint64(value));
}

int json_set_bool(json_object *object, const char *name, bool value) {
        return json_set(object, name, json_object_new_boolean(value));
}
