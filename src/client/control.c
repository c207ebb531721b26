/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client's request goes on under an id of ours, and its answer back under the client's. What a
 * client may ask for is a list: things about files of this one sandbox, and its own requests.
 *
 * Nobody here can hold up anybody else. A client that has CALLS_MAX requests unanswered, or does not
 * read what was answered, is not read from any more; so what can be queued for it is bounded by what
 * its requests bring, and one that streams a file without reading it, the only way to make that
 * much, is let go. When a client leaves, what it had begun is cancelled.
 *
 * Trust: whoever reaches the socket is our own user (or root) and could do all this to us anyway.
 * Still nothing that a client sends is passed on as it came. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/json.h"
#include "client/control.h"
#include "client/show.h"

#define CALLS_MAX     4          /* of one client */
#define ANSWERS_FULL  (1 * MIB)  /* bytes not read, at which a client is not read from */
#define ANSWERS_MAX   (64 * MIB) /* … and at which it is let go */
#define REQUESTS_FULL (1 * MIB)  /* bytes on their way to the service, at which nobody is */

typedef struct ControlCall {
        uint64_t id;       /* ours, 0: none */
        json_object *name; /* the client's id; owned */
        bool can_be_cancelled;
} ControlCall;

typedef struct ControlClient {
        Connection *connection; /* NULL: none */
        ControlCall calls[CALLS_MAX];
} ControlClient;

struct Control {
        Session *session;
        int fd;
        char *sandbox;
        ControlClient clients[CONTROL_CLIENTS_MAX];
};

int control_new(Control **ret, Session *session, int fd, const char *sandbox) {
        _cleanup_control_ Control *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->session = session;
        c->fd = fd;
        c->sandbox = strdup(sandbox);
        if (!c->sandbox)
                return -ENOMEM;
        *ret = TAKE_PTR(c);
        return 0;
}

static void call_done(ControlCall *call) {
        cleanup_json(&call->name);
        *call = (ControlCall){ 0 };
}

static void client_done(ControlClient *client) {
        for (size_t i = 0; i < CALLS_MAX; i++)
                call_done(client->calls + i);
        client->connection = connection_free(client->connection);
}

Control *control_free(Control *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                client_done(c->clients + i);
        free(c->sandbox);
        free(c);
        return NULL;
}

static bool has_room(const ControlClient *client) {
        for (size_t i = 0; i < CALLS_MAX; i++)
                if (client->calls[i].id == 0)
                        return true;
        return false;
}

/* An id of 0 finds a free place. */
static ControlCall *find_call(ControlClient *client, uint64_t id) {
        for (size_t i = 0; i < CALLS_MAX; i++)
                if (client->calls[i].id == id)
                        return client->calls + i;
        return NULL;
}

static int send_to_service(Control *c, const char *method, json_object *params, uint64_t *ret_id) {
        size_t size;

        *ret_id = ++c->session->last_id;
        return connection_request(c->session->connection, *ret_id, method, params, &size);
}

/* Lets a client go, and cancels what it had begun. Returns 0 or -ENOMEM. */
static int drop(Control *c, ControlClient *client) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < CALLS_MAX; i++) {
                _cleanup_json_ json_object *params = NULL;
                uint64_t id;

                if (client->calls[i].id == 0 || !client->calls[i].can_be_cancelled)
                        continue;
                params = json_object_new_object();
                r = params ? json_set_uint(params, "id", client->calls[i].id) : -ENOMEM;
                if (r >= 0)
                        r = send_to_service(c, "exec.cancel", TAKE_PTR(params), &id);
        }
        client_done(client);
        return r;
}

/* { jsonrpc, id, error } */
static int refuse(ControlClient *client, json_object *name, const char *message,
                  const char *reason) {
        _cleanup_json_ json_object *answer = json_object_new_object();
        json_object *error = json_object_new_object(), *data = json_object_new_object();
        int r;

        r = json_set(error, "data", data);
        if (r >= 0)
                r = json_set_string(data, "reason", reason);
        if (r >= 0)
                r = json_set_string(error, "message", message);
        if (r >= 0)
                r = json_set(error, "code", json_object_new_int(-32601));
        if (r < 0) {
                (void)json_object_put(error);
                return r;
        }
        r = answer ? json_set(answer, "error", error) : -ENOMEM;
        if (r >= 0)
                r = json_set_string(answer, "jsonrpc", "2.0");
        if (r >= 0)
                r = json_set(answer, "id", json_object_get(name));
        return r < 0 ? r : connection_send(client->connection, answer);
}

typedef enum ControlKind {
        CONTROL_NEITHER,
        CONTROL_OF_SANDBOX, /* has a member sandbox */
        CONTROL_OF_REQUEST, /* has a member id: another of the client's */
} ControlKind;

static ControlKind kind_of(const char *method) {
        static const char *const of_sandbox[] = { "file.put", "file.get", "file.list",
                                                  "file.remove" };
        static const char *const of_request[] = { "exec.stdin", "exec.cancel" };

        for (size_t i = 0; i < ARRAY_SIZE(of_sandbox); i++)
                if (strcmp(method, of_sandbox[i]) == 0)
                        return CONTROL_OF_SANDBOX;
        for (size_t i = 0; i < ARRAY_SIZE(of_request); i++)
                if (strcmp(method, of_request[i]) == 0)
                        return CONTROL_OF_REQUEST;
        return CONTROL_NEITHER;
}

/* Our id for the one in params, 0 when there is none. */
static uint64_t id_of(const ControlClient *client, json_object *params) {
        json_object *name = NULL;

        if (json_object_object_get_ex(params, "id", &name))
                for (size_t i = 0; i < CALLS_MAX; i++)
                        if (client->calls[i].id > 0 &&
                            json_object_equal(client->calls[i].name, name))
                                return client->calls[i].id;
        return 0;
}

/* Returns 0, -EPROTO when the client should be let go, or -errno. */
static int take_request(Control *c, ControlClient *client, json_object *message) {
        const char *method = show_string_of(message, "method");
        ControlKind kind = kind_of(method);
        ControlCall *call = find_call(client, 0);
        json_object *name = NULL, *params = NULL;
        uint64_t id;
        int r;

        if (!call || !json_object_object_get_ex(message, "id", &name) || !name ||
            !json_object_object_get_ex(message, "params", &params) ||
            !json_object_is_type(params, json_type_object))
                return -EPROTO;
        if (kind == CONTROL_OF_SANDBOX)
                r = json_set_string(params, "sandbox", c->sandbox);
        else if (kind == CONTROL_OF_REQUEST) {
                id = id_of(client, params);
                if (id == 0)
                        return refuse(client, name, "there is no such request", "not_running");
                r = json_set_uint(params, "id", id);
        } else
                return refuse(client, name, "only files can be copied here", "method_not_found");
        if (r >= 0)
                r = send_to_service(c, method, json_object_get(params), &id);
        if (r == -E2BIG)
                return -EPROTO;
        if (r >= 0)
                *call = (ControlCall){
                        .id = id,
                        .name = json_object_get(name),
                        .can_be_cancelled = kind == CONTROL_OF_SANDBOX,
                };
        return r;
}

static bool is_wanted(const Control *c, const ControlClient *client) {
        return has_room(client) && connection_queued(client->connection) < ANSWERS_FULL &&
               connection_queued(c->session->connection) < REQUESTS_FULL;
}

/* Takes the requests that have come, as far as there is room for them. Returns 1, 0 when the client
 * is to be let go, -errno of the service's side. */
static int serve(Control *c, ControlClient *client) {
        while (is_wanted(c, client)) {
                _cleanup_json_ json_object *message = NULL;
                int r;

                r = connection_next(client->connection, &message);
                if (r == 0)
                        break;
                if (r < 0)
                        return 0;
                r = take_request(c, client, message);
                if (r < 0)
                        return r == -EPROTO ? 0 : r;
        }
        return 1;
}

bool control_take_message(Control *c, json_object *message) {
        json_object *params = NULL, *name = NULL;
        bool is_notification = json_object_object_get_ex(message, "method", NULL);
        uint64_t id;

        (void)json_object_object_get_ex(message, "params", &params);
        id = show_number_of(is_notification ? params : message, "id");
        for (size_t i = 0; id > 0 && i < CONTROL_CLIENTS_MAX; i++) {
                ControlClient *client = c->clients + i;
                ControlCall *call = client->connection ? find_call(client, id) : NULL;

                if (!call)
                        continue;
                name = json_object_get(call->name);
                if (!is_notification)
                        call_done(call);
                if (json_set(is_notification ? params : message, "id", name) < 0 ||
                    connection_send(client->connection, message) < 0 ||
                    connection_queued(client->connection) > ANSWERS_MAX || serve(c, client) <= 0)
                        (void)drop(c, client);
                return true;
        }
        return false;
}

void control_prepare(const Control *c, struct pollfd p[static CONTROL_POLL_MAX]) {
        bool is_full = true;

        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                const ControlClient *client = c->clients + i;

                if (!client->connection) {
                        is_full = false;
                        p[i + 1] = (struct pollfd){ .fd = -1 };
                        continue;
                }
                p[i + 1] = (struct pollfd){
                        .fd = connection_fd(client->connection),
                        .events = connection_events(client->connection),
                };
                if (!is_wanted(c, client))
                        p[i + 1].events &= ~POLLIN;
        }
        p[0] = (struct pollfd){ .fd = is_full ? -1 : c->fd, .events = POLLIN };
}

/* Returns 1, 0 when the client has left or is to be let go, -errno of the service's side. */
static int dispatch_client(Control *c, ControlClient *client, short revents) {
        if (revents & POLLOUT && connection_flush(client->connection) < 0)
                return 0;
        if (!(revents & ~POLLOUT))
                return 1;
        if (connection_fill(client->connection) <= 0)
                return 0;
        return serve(c, client);
}

static int dispatch_listener(Control *c) {
        _cleanup_close_ int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return 0;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (!c->clients[i].connection)
                        return connection_new(&c->clients[i].connection, TAKE_FD(fd)) == -ENOMEM
                                       ? -ENOMEM
                                       : 0;
        return 0;
}

int control_dispatch(Control *c, const struct pollfd p[static CONTROL_POLL_MAX]) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < CONTROL_CLIENTS_MAX; i++) {
                if (!c->clients[i].connection || p[i + 1].revents == 0)
                        continue;
                r = dispatch_client(c, c->clients + i, p[i + 1].revents);
                if (r == 0)
                        r = drop(c, c->clients + i);
        }
        if (r >= 0 && p[0].revents)
                r = dispatch_listener(c);
        return r < 0 ? r : 0;
}
