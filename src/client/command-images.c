/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche images: shows, makes and tries the images of profiles. The first word says what is to be done;
 * an option of something else is a mistake that is told, not passed over. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command-images.h"
#include "client/images-check.h"
#include "client/images-list.h"
#include "client/images-make.h"
#include "client/outcome.h"
#include "client/show.h"

static const char help[] =
        "Usage: cloche images [OPTION…] [list]\n"
        "       cloche images [OPTION…] build [PROFILE…]\n"
        "       cloche images [OPTION…] pull PROFILE…\n"
        "       cloche images [OPTION…] pull --image IMAGE [PROFILE…]\n"
        "       cloche images [OPTION…] --check [PROFILE…]\n"
        "\n"
        "Shows the image of each profile, builds or pulls images, and checks that a profile has\n"
        "what it promises. Without a PROFILE, all that can be built, or checked, are.\n"
        "\n"
        "      --base IMAGE    Build on this image (ARG BASE of the Containerfile)\n"
        "      --no-cache      Build every step anew\n"
        "      --pull          Look for a newer base image first\n"
        "      --image IMAGE   Pull this image, and name it as the profiles do\n"
        "      --check         Run the profiles' checks, as anybody's programs\n"
        "      --contexts DIR  Where the folders to build and check from are, one a profile\n"
        "      --json          Print one JSON object; with list and --check\n" COMMON_HELP "\n"
        "Exit codes: 0; 1 when a check failed; 125 when it could not be done.\n";

enum {
        OPTION_BASE = VERB_OPTION_FIRST,
        OPTION_NO_CACHE,
        OPTION_PULL,
        OPTION_IMAGE,
        OPTION_CHECK,
        OPTION_CONTEXTS,
        OPTION_JSON,
        _OPTION_END,
};

#define N_OPTIONS (_OPTION_END - VERB_OPTION_FIRST)
#define BIT(o)    (1U << ((o) - VERB_OPTION_FIRST))

typedef struct Arguments {
        ImagesBuild build;
        const char *image;
        const char *contexts;
        unsigned seen; /* BIT() of each option that was given */
        char *const *words;
        size_t n_words;
} Arguments;

static const struct option options[] = {
        { "base", required_argument, NULL, OPTION_BASE },
        { "no-cache", no_argument, NULL, OPTION_NO_CACHE },
        { "pull", no_argument, NULL, OPTION_PULL },
        { "image", required_argument, NULL, OPTION_IMAGE },
        { "check", no_argument, NULL, OPTION_CHECK },
        { "contexts", required_argument, NULL, OPTION_CONTEXTS },
        { "json", no_argument, NULL, OPTION_JSON },
        COMMON_OPTIONS,
        { 0 },
};

static int list(const Images *i, const Arguments *a) {
        return images_list(i, a->seen & BIT(OPTION_JSON)) < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

static int build(const Images *i, const Arguments *a) {
        return images_build(i, &a->build, a->words, a->n_words) < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

static int pull(const Images *i, const Arguments *a) {
        return images_pull(i, a->image, a->words, a->n_words) < 0 ? OUTCOME_FAILED : EXIT_SUCCESS;
}

static int check(const Images *i, const Arguments *a) {
        size_t n_failed;

        if (images_check(i, a->words, a->n_words, a->seen & BIT(OPTION_JSON), &n_failed) < 0)
                return OUTCOME_FAILED;
        return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

typedef struct Form {
        const char *name; /* the first word; NULL: it is told by an option */
        unsigned options; /* those it has */
        int (*run)(const Images *i, const Arguments *a);
} Form;

static const Form form_check = { NULL, BIT(OPTION_CHECK) | BIT(OPTION_CONTEXTS) | BIT(OPTION_JSON),
                                 check };
static const Form forms[] = {
        { "list",  BIT(OPTION_JSON),                                                        list },
        { "build",
         BIT(OPTION_BASE) | BIT(OPTION_NO_CACHE) | BIT(OPTION_PULL) | BIT(OPTION_CONTEXTS),
         build                                                                                   },
        { "pull",  BIT(OPTION_IMAGE),                                                       pull },
};

/* Returns -1 to go on, or the code to exit with. */
static int take_option(int c, Arguments *a, AddressHints *hints) {
        if (c < VERB_OPTION_FIRST || c >= _OPTION_END)
                return command_take_common(c, hints, help);
        a->seen |= BIT(c);
        if (c == OPTION_BASE)
                a->build.base = optarg;
        else if (c == OPTION_IMAGE)
                a->image = optarg;
        else if (c == OPTION_CONTEXTS)
                a->contexts = optarg;
        return -1;
}

/* Whether a form has the words that it needs, and none that it has no use for; told if not. */
static bool has_its_words(const Form *form, const Arguments *a) {
        if (form->run == list && a->n_words > 0) {
                show_error("list takes no words: %s", a->words[0]);
                return false;
        }
        if (form->run == pull && a->n_words == 0 && !a->image) {
                show_error("say whose image to pull, or which: cloche images pull PROFILE, or "
                           "cloche images pull --image IMAGE PROFILE");
                return false;
        }
        return true;
}

/* Which form the words and options make, without the word that says so; NULL, told, for none. */
static const Form *find_form(Arguments *a) {
        const Form *form = NULL;
        const char *word = a->n_words > 0 ? a->words[0] : "list";

        if (a->seen & BIT(OPTION_CHECK))
                form = &form_check;
        for (size_t i = 0; !form && i < ARRAY_SIZE(forms); i++)
                if (strcmp(forms[i].name, word) == 0)
                        form = forms + i;
        if (!form) {
                show_error("there is no \"cloche images %s\"; say list, build, pull or --check",
                           word);
                return NULL;
        }
        if (form->name && a->n_words > 0) {
                a->words++;
                a->n_words--;
        }
        for (size_t i = 0; i < N_OPTIONS; i++)
                if (a->seen & ~form->options & (1U << i)) {
                        show_error("--%s says nothing to %s", options[i].name,
                                   form->name ? form->name : "--check");
                        return NULL;
                }
        return has_its_words(form, a) ? form : NULL;
}

static int command_images(AddressHints *hints, int argc, char **argv) {
        _cleanup_address_ Address address = { 0 };
        _cleanup_images_ Images images = { 0 };
        Arguments a = { 0 };
        const Form *form;
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                r = take_option(c, &a, hints);
                if (r >= 0)
                        return r;
        }
        a.words = argv + optind;
        a.n_words = (size_t)(argc - optind);
        a.build.no_cache = a.seen & BIT(OPTION_NO_CACHE);
        a.build.pull = a.seen & BIT(OPTION_PULL);
        form = find_form(&a);
        if (!form)
                return OUTCOME_FAILED;
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        if (images_init(&images, &address, a.contexts) < 0)
                return OUTCOME_FAILED;
        return form->run(&images, &a);
}

const Verb verb_images = { "images", "Show, build, pull and check the images of profiles",
                           command_images };
