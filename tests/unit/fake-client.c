/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocking and simple: it ends with a status that says which step was not answered as it should be.
 */

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "fake-client.h"

#define CREATE "POST /v5.4.2/libpod/containers/create HTTP/1.1\r\nHost: d\r\n"

void fake_client_install(const char *directory, char *path, unsigned long size) {
        int n = snprintf(path, size, "%s/podman", directory);
        char self[512];
        ssize_t l = readlink("/proc/self/exe", self, sizeof(self) - 1);

        assert(n > 0 && (unsigned long)n < size && l > 0);
        self[l] = 0;
        assert(symlink(self, path) == 0);
}

static int connect_to(const char *path) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
                exit(10);
        return fd;
}

static void say(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

                if (n <= 0)
                        exit(11);
                data += n;
                size -= (size_t)n;
        }
}

/* Reads an answer with its body; whether it begins with this status. */
static bool is_answered(int fd, const char *status) {
        char text[4096] = "";
        size_t n = 0;

        while (n < sizeof(text) - 1) {
                const char *head = strstr(text, "\r\n\r\n"),
                           *length = strstr(text, "Content-Length: ");
                ssize_t m;

                if (head && length && strlen(head + 4) >= strtoul(length + 16, NULL, 10))
                        break;
                m = recv(fd, text + n, sizeof(text) - 1 - n, 0);
                if (m <= 0)
                        return false;
                n += (size_t)m;
                text[n] = 0;
        }
        return strncmp(text, status, strlen(status)) == 0;
}

static void ask(int fd, const char *request, const char *status) {
        say(fd, request, strlen(request));
        if (!is_answered(fd, status))
                exit(12);
}

static void greet(int fd) {
        ask(fd, "GET /v5.4.2/libpod/_ping HTTP/1.1\r\nHost: d\r\n\r\n", "HTTP/1.1 200");
        ask(fd,
            "POST /v5.4.2/libpod/images/pull?reference=x HTTP/1.1\r\nHost: d\r\n"
            "Content-Length: 0\r\n\r\n",
            "HTTP/1.1 200");
}

static void create(int fd, const char *body, size_t piece) {
        _cleanup_free_ char *request = NULL;
        int n = asprintf(&request, CREATE "Content-Length: %zu\r\n\r\n%s", strlen(body), body);

        if (n < 0)
                exit(13);
        for (size_t i = 0; i < (size_t)n; i += piece) {
                size_t left = (size_t)n - i;

                say(fd, request + i, left < piece ? left : piece);
                if (piece < 100)
                        (void)usleep(200);
        }
}

static char *describe_self(char *argv[]) {
        _cleanup_json_ json_object *o = json_object_new_object();
        json_object *words = json_object_new_array(), *env = json_object_new_array();

        for (char **p = argv; *p; p++)
                json_object_array_add(words, json_object_new_string(*p));
        for (char **p = environ; *p; p++)
                json_object_array_add(env, json_object_new_string(*p));
        json_object_object_add(o, "argv", words);
        json_object_object_add(o, "env", env);
        return strdup(json_object_to_json_string(o));
}

static char *read_file(const char *path) {
        char *text = calloc(1, 65536);
        FILE *f = fopen(path, "re");

        if (!text || !f || fread(text, 1, 65535, f) == 0)
                exit(14);
        (void)fclose(f);
        return text;
}

static int refuse(void) {
        (void)fputs("Error: unknown flag: --\tx\nSee 'podman create --help'\n", stderr);
        return 125;
}

static int misbehave(const char *mode, int fd) {
        if (strcmp(mode, "pod") == 0) {
                ask(fd, "GET /v5.4.2/libpod/pods/x/exists?a=b HTTP/1.1\r\nHost: d\r\n\r\n",
                    "HTTP/1.1 404");
                return 125;
        }
        if (strcmp(mode, "huge") == 0)
                say(fd, CREATE "Content-Length: 1048577\r\n\r\n", sizeof(CREATE) + 26);
        else if (strcmp(mode, "garbage") == 0)
                create(fd, "{\"image\":", 4096);
        else if (strcmp(mode, "chunked") == 0)
                say(fd, CREATE "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                    sizeof(CREATE) + 44);
        else if (strcmp(mode, "twice") == 0) {
                create(fd, "{\"image\":\"x\"}", 4096);
                if (!is_answered(fd, "HTTP/1.1 201"))
                        return 15;
                create(fd, "{\"image\":\"y\"}", 4096);
        } else
                return 16;
        return is_answered(fd, "HTTP/1.1 201") ? 0 : 125;
}

static int run(const char *mode, const char *path, char *argv[]) {
        _cleanup_free_ char *body = NULL;
        int fd;

        fd = connect_to(path);
        greet(fd);
        if (mode[0] == '/')
                body = read_file(mode);
        else if (strcmp(mode, "self") == 0 || strcmp(mode, "pieces") == 0)
                body = describe_self(argv);
        if (!body)
                return misbehave(mode, fd);
        create(fd, body, strcmp(mode, "pieces") == 0 ? 7 : 4096);
        return is_answered(fd, "HTTP/1.1 201") ? 0 : 17;
}

static int run_without_asking(const char *mode, const char *path) {
        struct rlimit no_core = {};

        if (strcmp(mode, "hang") == 0)
                for (;;)
                        (void)pause();
        if (strcmp(mode, "flood") == 0)
                for (size_t i = 0; i < 16384; i++)
                        (void)fprintf(stderr, "%063zu\n", i);
        if (strcmp(mode, "abort") == 0) {
                (void)setrlimit(RLIMIT_CORE, &no_core);
                (void)kill(getpid(), SIGKILL);
        }
        if (strcmp(mode, "crowd") == 0) {
                for (size_t i = 0; i < 100; i++)
                        (void)connect_to(path);
                return 125;
        }
        return strcmp(mode, "quiet") == 0 ? 0 : refuse();
}

int fake_client_main(int argc, char *argv[]) {
        static const char *const askless[] = {
                "hang", "flood", "abort", "crowd", "quiet", "refuse"
        };
        const char *name = strrchr(argv[0], '/'), *mode = "self", *path = "";

        if (!name || strcmp(name, "/podman") != 0)
                return -1;
        for (int i = argc - 1; i > 0; i--) {
                if (strncmp(argv[i], "--fake=", 7) == 0)
                        mode = argv[i] + 7;
                if (strncmp(argv[i], "unix://", 7) == 0)
                        path = argv[i] + 7;
        }
        for (size_t i = 0; i < ARRAY_SIZE(askless); i++)
                if (strcmp(mode, askless[i]) == 0)
                        return run_without_asking(mode, path);
        return run(mode, path, argv);
}
