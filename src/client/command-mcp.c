/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cloche mcp: for hosts of MCP servers, which start a program and speak to its stdin and stdout. The
 * service speaks MCP itself, so this only carries bytes between the two and its socket and looks at
 * none of them. stdout belongs to the protocol: whatever is said to a person goes to stderr.
 *
 * Either way at most WAITING_MAX bytes wait here; a side that does not take them is not read for on
 * the other, so the one that is too fast waits in its own buffer. The end of stdin is passed on once
 * all before it is, and what the service still has to say is carried until it ends the connection.
 * stdin and stdout may be shared with other processes and stay blocking (sink.c has why that is no
 * harm).
 *
 * The connection is made with the first byte: a service gives a client little time for its first
 * line, a host may start its servers long before it needs them. Signals keep their default actions:
 * the end of this process closes the connection, and that ends everything on it. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "client/call.h"
#include "client/command-mcp.h"
#include "client/outcome.h"
#include "client/show.h"
#include "client/sink.h"

#define WAITING_MAX (64 * KIB)

static const char help[] =
        "Usage: cloche mcp [OPTION…]\n"
        "\n"
        "Serves the Model Context Protocol on stdin and stdout, for programs that start their\n"
        "MCP servers as commands. Its tools run code in sandboxes, which end with it.\n"
        "\n" COMMON_HELP;

typedef struct Bridge {
        const Address *address;
        Connection *connection; /* only held: bytes go by its descriptor */
        Buffer in;              /* from stdin, not yet taken by the service */
        Sink out;               /* to stdout */
        bool in_ended;          /* stdin has; what is in `in` is the last */
        bool in_told;           /* … and the service was told */
        bool ended;             /* the service says no more */
        bool answered;          /* it said something */
        int lost_error;         /* -errno that ended the connection, 0 at a plain end */
} Bridge;

static void bridge_done(Bridge *b) {
        (void)connection_free(b->connection);
        buffer_done(&b->in);
        sink_done(&b->out);
}

/* Returns 0 or -ENOMEM. */
static int take_input(Bridge *b) {
        char *room;
        ssize_t n;
        int r;

        r = buffer_reserve(&b->in, WAITING_MAX - b->in.size, &room);
        if (r < 0)
                return r;
        n = read(STDIN_FILENO, room, WAITING_MAX - b->in.size);
        if (n > 0)
                buffer_commit(&b->in, (size_t)n);
        else if (n == 0)
                b->in_ended = true;
        else if (errno != EINTR && errno != EAGAIN) {
                show_error("cannot read the input: %s", strerror(errno));
                b->in_ended = true;
        }
        return 0;
}

static void end(Bridge *b, int error) {
        b->ended = true;
        b->lost_error = error;
        b->in_ended = true;
        buffer_done(&b->in);
}

static void pass_input(Bridge *b) {
        ssize_t n;

        if (b->in.size > 0) {
                n = send(connection_fd(b->connection), buffer_data(&b->in), b->in.size,
                         MSG_NOSIGNAL);
                if (n >= 0)
                        buffer_consume(&b->in, (size_t)n);
                else if (errno == EPIPE || errno == ECONNRESET)
                        buffer_done(&b->in); /* reading tells the end, after the last words */
                else if (errno != EINTR && errno != EAGAIN)
                        end(b, -errno);
        }
        if (b->in_ended && b->in.size == 0 && !b->in_told && !b->ended) {
                b->in_told = true;
                (void)shutdown(connection_fd(b->connection), SHUT_WR);
        }
}

/* Returns 0 or -ENOMEM. */
static int take_output(Bridge *b) {
        char data[WAITING_MAX];
        ssize_t n;

        n = recv(connection_fd(b->connection), data, sizeof(data), 0);
        if (n > 0) {
                b->answered = true;
                return sink_add(&b->out, data, (size_t)n);
        }
        if (n == 0)
                end(b, 0);
        else if (errno != EINTR && errno != EAGAIN)
                end(b, -errno);
        return 0;
}

enum {
        POLL_STDIN,
        POLL_SERVICE,
        POLL_STDOUT,
        _POLL_MAX,
};

static void prepare(const Bridge *b, struct pollfd p[static _POLL_MAX]) {
        for (size_t i = 0; i < _POLL_MAX; i++)
                p[i] = (struct pollfd){ .fd = -1 };
        if (!b->in_ended && b->in.size < WAITING_MAX)
                p[POLL_STDIN] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        if (b->in.size > 0)
                p[POLL_SERVICE].events |= POLLOUT;
        if (b->out.pending.size == 0)
                p[POLL_SERVICE].events |= POLLIN;
        /* asked for nothing, a connection that is over would wake us again and again */
        if (!b->ended && p[POLL_SERVICE].events)
                p[POLL_SERVICE].fd = connection_fd(b->connection);
        p[POLL_STDOUT] = (struct pollfd){ .fd = STDOUT_FILENO, .events = sink_events(&b->out) };
}

/* One round. Returns 0 or -errno. */
static int dispatch(Bridge *b) {
        struct pollfd p[_POLL_MAX];
        int r;

        prepare(b, p);
        if (poll(p, _POLL_MAX, -1) < 0)
                return errno == EINTR ? 0 : -errno;

        sink_dispatch(&b->out, p[POLL_STDOUT].revents);
        if (p[POLL_STDIN].revents) {
                r = take_input(b);
                if (r < 0)
                        return r;
        }
        if ((p[POLL_SERVICE].events & POLLIN) && (p[POLL_SERVICE].revents & ~POLLOUT)) {
                r = take_output(b);
                if (r < 0)
                        return r;
        }
        pass_input(b);
        return 0;
}

/* Says what there is to say. Returns the exit code. */
static int finish(const Bridge *b) {
        if (b->out.error == -EPIPE)
                return OUTCOME_SIGNAL_BASE + SIGPIPE;
        if (b->out.error < 0) {
                show_error("cannot write the output: %s", strerror(-b->out.error));
                return OUTCOME_FAILED;
        }
        if (b->in_told && b->lost_error == 0)
                return EXIT_SUCCESS;
        if (b->answered && (b->lost_error == 0 || b->lost_error == -ECONNRESET))
                show_error("the service closed the connection\n"
                           "    what happened: %s --unit 'cloche*'",
                           b->address->mode == ADDRESS_USER ? "journalctl --user" : "journalctl");
        else
                call_show_lost(b->address, b->lost_error, b->answered);
        return OUTCOME_FAILED;
}

/* Until there is something to carry, or nobody to carry it to. */
static void wait_for_host(void) {
        struct pollfd p[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = STDOUT_FILENO },
        };

        while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
                ;
}

static int bridge(const Address *address) {
        _cleanup_(bridge_done) Bridge b = { .address = address, .out.fd = STDOUT_FILENO };
        int r = 0;

        wait_for_host();
        if (call_connect(address, &b.connection) < 0)
                return OUTCOME_FAILED;
        while (r >= 0 && b.out.error == 0 && !(b.ended && !sink_is_busy(&b.out)))
                r = dispatch(&b);
        if (r < 0) {
                show_error("cannot go on: %s", strerror(-r));
                return OUTCOME_FAILED;
        }
        return finish(&b);
}

static int parse_options(int argc, char **argv, AddressHints *hints) {
        static const struct option options[] = { COMMON_OPTIONS, { 0 } };
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                r = command_take_common(c, hints, help);
                if (r >= 0)
                        return r;
        }
        if (optind < argc) {
                show_error("there is nothing to say after the options: %s", argv[optind]);
                return OUTCOME_FAILED;
        }
        return -1;
}

static int command_mcp(AddressHints *hints, int argc, char **argv) {
        _cleanup_address_ Address address = { 0 };
        int r;

        r = parse_options(argc, argv, hints);
        if (r >= 0)
                return r;
        r = command_find_address(hints, &address);
        if (r > 0)
                return r;
        return bridge(&address);
}

const Verb verb_mcp = { "mcp", "Serve MCP on stdin and stdout, for an agent's host", command_mcp };
