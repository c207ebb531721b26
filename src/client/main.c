/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche: the command for people and scripts. It speaks the same protocol as everybody else and
 * has no rights of its own. */

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "client/command-cp.h"
#include "client/command-images.h"
#include "client/command-info.h"
#include "client/command-mcp.h"
#include "client/command-profiles.h"
#include "client/command-run.h"
#include "client/command-shell.h"
#include "client/outcome.h"
#include "client/show.h"

static const Verb *const verbs[] = {
        &verb_run, &verb_shell, &verb_cp, &verb_mcp, &verb_profiles, &verb_images, &verb_info,
};

static const char help_head[] =
        "Usage: cloche [OPTION…] VERB …\n"
        "\n"
        "Runs code on this machine, in a sandbox that leaves nothing behind.\n"
        "\n";

/* Returns the help, to be freed, or NULL. */
static char *format_help(void) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        (void)fputs(help_head, f);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                (void)fprintf(f, "  %-18s  %s\n", verbs[i]->name, verbs[i]->summary);
        (void)fputs("\n" COMMON_HELP "\n\"cloche VERB --help\" says more about one; see also "
                    "cloche(1).\n",
                    f);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* A descriptor below 3 that we are started without would become our socket, and what is printed
 * would go there. */
static void open_standard_descriptors(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        (void)close_fd(fd);
}

static int parse_options(int argc, char **argv, AddressHints *hints, const char *help) {
        static const struct option options[] = { COMMON_OPTIONS, { 0 } };
        int c, r;

        while ((c = getopt_long(argc, argv, "+h", options, NULL)) >= 0) {
                r = command_take_common(c, hints, help);
                if (r >= 0)
                        return r;
        }
        return -1;
}

int main(int argc, char **argv) {
        AddressHints hints = {
                .environment = getenv("CLOCHE_SOCKET"),
                .runtime_dir = getenv("XDG_RUNTIME_DIR"),
                .uid = getuid(),
        };
        _cleanup_free_ char *help = NULL;
        int r;

        (void)setlocale(LC_ALL, "");
        open_standard_descriptors();
        (void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);

        help = format_help();
        if (!help)
                return OUTCOME_FAILED;
        r = parse_options(argc, argv, &hints, help);
        if (r >= 0)
                return r;
        if (optind >= argc) {
                (void)fputs(help, stderr);
                return OUTCOME_FAILED;
        }

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (strcmp(argv[optind], verbs[i]->name) == 0) {
                        char **verb_argv = argv + optind;
                        int verb_argc = argc - optind;

                        verb_argv[0] = argv[0];
                        optind = 0; /* glibc: start anew, with the verb's own options */
                        return verbs[i]->run(&hints, verb_argc, verb_argv);
                }
        show_error("there is no verb %s; \"cloche --help\" lists them", argv[optind]);
        return OUTCOME_FAILED;
}
