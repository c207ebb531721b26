/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file that fits into one request goes in as one. A longer one follows its request in pieces, of
 * which never more than PIECES_MAX are unanswered: the service answers when it has room for more,
 * so neither side ever holds more than that. The answer of the request itself may come at any time
 * when it is an error.
 *
 * Out of a sandbox of our own connection a file streams to its end, and what holds it up is that we
 * write before we read on. Where others use the connection as well (cloche cp), it is asked for in
 * parts of PART_SIZE, so that a slow disk here never stops what they read and that much is the most
 * that anybody keeps for us. A file that changes meanwhile is then noticed by its size and time. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "client/call.h"
#include "client/copy.h"
#include "client/landing.h"
#include "client/show.h"

#define WHOLE_MAX  FILE_CHUNK_MAX /* bytes that go in with the request itself */
#define PIECE_SIZE (256 * KIB)
#define PIECES_MAX 2
#define PART_SIZE  (4 * MIB)

int copy_format(const Copier *c, const char *path, json_object **ret) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = c->sandbox ? json_set_string(params, "sandbox", c->sandbox) : 0;
        if (r >= 0)
                r = json_set_string(params, "path", path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(params);
        return 0;
}

/* Reads until size bytes are there or the end is. Returns how many, -EINTR after a signal (fd may be
 * a pipe that nothing comes from) or -errno. */
static ssize_t read_full(Session *s, int fd, char *data, size_t size) {
        size_t have = 0;

        while (have < size) {
                struct pollfd p[] = {
                        { .fd = fd,           .events = POLLIN },
                        { .fd = s->signal_fd, .events = POLLIN }
                };
                ssize_t n;

                if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
                        return -errno;
                if (p[1].revents && session_take_signal(s))
                        return -EINTR;
                n = read(fd, data + have, size - have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        return (ssize_t)have;
}

static int set_bytes(json_object *params, const void *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r = base64_encode(data, size, &text, NULL);

        return r < 0 ? r : json_set_string(params, "base64", text);
}

static int send_put(const Copier *c, const char *path, mode_t mode, const char *data, size_t size,
                    bool more, uint64_t *ret_id) {
        _cleanup_json_ json_object *params = NULL;
        char octal[8];
        int r;

        (void)snprintf(octal, sizeof(octal), "%04o", (unsigned)mode & 0777);
        r = copy_format(c, path, &params);
        if (r >= 0)
                r = json_set_string(params, "mode", octal);
        if (r >= 0)
                r = set_bytes(params, data, size);
        if (r >= 0 && more)
                r = json_set_bool(params, "more", true);
        return r < 0 ? r : session_send(c->session, "file.put", TAKE_PTR(params), ret_id);
}

static int send_piece(const Copier *c, uint64_t put, const char *data, size_t size, bool is_last) {
        _cleanup_json_ json_object *params = json_object_new_object();
        uint64_t id;
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set_uint(params, "id", put);
        if (r >= 0)
                r = set_bytes(params, data, size);
        if (r >= 0 && is_last)
                r = json_set_bool(params, "eof", true);
        return r < 0 ? r : session_send(c->session, "exec.stdin", TAKE_PTR(params), &id);
}

/* A file on its way in, piece by piece. */
typedef struct Put {
        const Copier *copier;
        int fd;
        uint64_t id; /* of the request */
        unsigned n_unanswered;
        bool at_end;          /* nothing more is sent */
        int read_error;       /* -errno of reading fd */
        json_object *error;   /* the answer to the request, when it is one */
        json_object *refusal; /* the answer to a piece, when that is one */
} Put;

static void put_done(Put *p) {
        cleanup_json(&p->error);
        cleanup_json(&p->refusal);
}

/* The file must not come to be. */
static int cancel(Put *p) {
        _cleanup_json_ json_object *params = json_object_new_object();
        uint64_t id;
        int r;

        p->at_end = true;
        r = params ? json_set_uint(params, "id", p->id) : -ENOMEM;
        return r < 0 ? r : session_send(p->copier->session, "exec.cancel", TAKE_PTR(params), &id);
}

/* A piece was not taken. Most likely the request has failed, and says why as soon as it is asked to
 * end. */
static int give_up(Put *p, json_object *refusal) {
        if (p->refusal)
                return 0;
        p->refusal = json_object_get(refusal);
        return cancel(p);
}

/* Whether a message answers something from before this file: a file that failed may leave answers
 * behind that nobody waited for. */
static bool is_stale(const Put *p, json_object *message) {
        json_object *id;

        return json_object_object_get_ex(message, "id", &id) &&
               json_object_is_type(id, json_type_int) && json_object_get_int64(id) >= 0 &&
               (uint64_t)json_object_get_int64(id) < p->id;
}

/* Waits for an answer to anything. Returns 1 when it is the one to the request, and a good one; 0
 * when it is another; -EREMOTEIO; -errno. */
static int wait_answer(Put *p) {
        _cleanup_json_ json_object *message = NULL;
        json_object *result, *error = NULL;
        int r;

        do {
                cleanup_json(&message);
                message = NULL;
                r = session_receive(p->copier->session, &message);
                if (r < 0)
                        return r;
        } while (json_object_object_get_ex(message, "method", NULL) || is_stale(p, message));

        r = session_take_answer(message, &result, &error);
        if (!session_is_answer(message, p->id)) {
                if (p->n_unanswered > 0)
                        p->n_unanswered--;
                return r == -EREMOTEIO ? give_up(p, error) : 0;
        }
        if (r == -EREMOTEIO)
                p->error = json_object_get(error);
        if (r < 0)
                return r;
        return p->at_end && !p->refusal ? 1 : -EBADMSG;
}

/* Everything after the request. Returns 0 or -errno. */
static int put_pieces(Put *p, char *data) {
        int r = 0;

        while (r == 0) {
                while (!p->at_end && p->n_unanswered < PIECES_MAX) {
                        ssize_t n = read_full(p->copier->session, p->fd, data, PIECE_SIZE);

                        if (n < 0) {
                                p->read_error = n == -EINTR ? 0 : (int)n;
                                r = n == -EINTR ? 0 : cancel(p);
                                return r < 0 ? r : (int)n;
                        }
                        p->at_end = (size_t)n < PIECE_SIZE;
                        r = send_piece(p->copier, p->id, data, (size_t)n, p->at_end);
                        if (r < 0)
                                return r;
                        p->n_unanswered++;
                }
                r = wait_answer(p);
        }
        return r < 0 ? r : 0;
}

/* Sends all of it. data has room for WHOLE_MAX + 1 bytes. Returns 0 or -errno. */
static int put_all(Put *p, const char *path, mode_t mode, char *data) {
        ssize_t n = read_full(p->copier->session, p->fd, data, WHOLE_MAX + 1);
        int r;

        if (n < 0) {
                p->read_error = n == -EINTR ? 0 : (int)n;
                return (int)n;
        }
        p->at_end = (size_t)n <= WHOLE_MAX;
        r = send_put(p->copier, path, mode, data, (size_t)n, !p->at_end, &p->id);
        return r < 0 ? r : put_pieces(p, data);
}

int copy_put(const Copier *c, int fd, const char *local, const char *path, mode_t mode) {
        _cleanup_(put_done) Put p = { .copier = c, .fd = fd };
        _cleanup_free_ char *data = malloc(WHOLE_MAX + 1);
        int r;

        r = data ? put_all(&p, path, mode, data) : -ENOMEM;
        if (p.read_error < 0)
                show_error("cannot read %s: %s", local, strerror(-p.read_error));
        else if (r == -EREMOTEIO) {
                bool is_ours = p.refusal && strcmp(session_reason_of(p.error), "cancelled") == 0;

                show_error("%s was not copied to %s", local, path);
                call_show_error(is_ours ? p.refusal : p.error);
        } else if (r < 0)
                (void)session_tell(c->session, r, NULL);
        return r;
}

typedef struct Fetch {
        Landing landing;
        uint64_t received;
        int landing_error;   /* -errno of writing */
        uint64_t *size_left; /* as in Copier */
        json_object *mtime;
        uint64_t size;
        uint64_t mode;
        bool at_end;
} Fetch;

static void fetch_done(Fetch *f) {
        landing_done(&f->landing);
        cleanup_json(&f->mtime);
}

/* Takes the bytes in text or base64, if there are any. */
static int take_bytes(Fetch *f, json_object *object) {
        _cleanup_free_ void *data = NULL;
        json_object *value;
        const char *bytes;
        size_t size;
        int r;

        if (json_object_object_get_ex(object, "text", &value) &&
            json_object_is_type(value, json_type_string)) {
                bytes = json_object_get_string(value);
                size = (size_t)json_object_get_string_len(value);
        } else if (json_object_object_get_ex(object, "base64", &value) &&
                   json_object_is_type(value, json_type_string)) {
                r = base64_decode(json_object_get_string(value),
                                  (size_t)json_object_get_string_len(value), &data, &size);
                if (r < 0)
                        return r;
                bytes = data;
        } else
                return 0;
        if (f->size_left && size > *f->size_left)
                return -EFBIG;
        r = landing_write(&f->landing, bytes, size);
        if (r < 0)
                f->landing_error = r;
        else if (f->size_left)
                *f->size_left -= size;
        f->received += size;
        return r;
}

/* before: what had been received when the request was sent. */
static int take_result(Fetch *f, json_object *result, uint64_t before) {
        json_object *mtime = NULL, *eof = NULL;
        uint64_t size = show_number_of(result, "size");

        if (show_number_of(result, "length") != f->received - before)
                return -EBADMSG;
        (void)json_object_object_get_ex(result, "mtime", &mtime);
        if (f->mtime && (!json_object_equal(f->mtime, mtime) || f->size != size))
                return -ESTALE;
        cleanup_json(&f->mtime);
        f->mtime = json_object_get(mtime);
        f->size = size;
        f->mode = strtoul(show_string_of(result, "mode"), NULL, 8);
        (void)json_object_object_get_ex(result, "eof", &eof);
        f->at_end = json_object_get_boolean(eof);
        /* it must come nearer to its end with each answer */
        return f->at_end || f->received > before ? 0 : -EBADMSG;
}

/* Sends one request and takes all that comes of it. */
static int get_piece(const Copier *c, const char *path, Fetch *f, json_object **reterr) {
        _cleanup_json_ json_object *params = NULL;
        json_object *result = NULL, *error = NULL, *member;
        uint64_t id, before = f->received;
        int r;

        r = copy_format(c, path, &params);
        if (r >= 0)
                r = json_set_bool(params, "stream", true);
        if (r >= 0 && !c->is_alone)
                r = json_set_uint(params, "offset", f->received);
        if (r >= 0 && !c->is_alone)
                r = json_set_uint(params, "length", PART_SIZE);
        if (r >= 0)
                r = session_send(c->session, "file.get", TAKE_PTR(params), &id);
        while (r >= 0) {
                _cleanup_json_ json_object *message = NULL;

                r = session_receive(c->session, &message);
                if (r < 0)
                        break;
                if (session_is_answer(message, id)) {
                        r = session_take_answer(message, &result, &error);
                        if (r == -EREMOTEIO)
                                *reterr = json_object_get(error);
                        return r < 0 ? r : take_result(f, result, before);
                }
                if (json_object_object_get_ex(message, "params", &member) &&
                    show_number_of(member, "id") == id &&
                    strcmp(show_string_of(member, "stream"), "file") == 0)
                        r = take_bytes(f, member);
        }
        return r;
}

void copy_show_landing(int error, const char *directory, const char *name) {
        const char *text = error == -ELOOP    ? "there is a symbolic link by that name"
                           : error == -EISDIR ? "there is a directory by that name"
                           : error == -EEXIST ? "what is there is not a regular file"
                           : error == -EINVAL ? "that is no name for a file"
                                              : strerror(-error);

        _cleanup_free_ char *shown = show_name(name);

        show_error("cannot write %s into %s: %s", shown ? shown : "a file", directory, text);
}

int copy_get(const Copier *c, const char *path, int dir_fd, const char *directory, const char *name,
             uint64_t *ret_size) {
        _cleanup_(fetch_done) Fetch f = { .landing = LANDING_NONE, .size_left = c->size_left };
        _cleanup_json_ json_object *error = NULL;
        _cleanup_free_ char *shown = NULL;
        int r;

        r = landing_open(&f.landing, dir_fd, name);
        if (r < 0) {
                copy_show_landing(r, directory, name);
                return r;
        }
        while (r >= 0 && !f.at_end)
                r = get_piece(c, path, &f, &error);
        if (r >= 0)
                r = f.landing_error = landing_commit(&f.landing, (mode_t)f.mode);
        shown = show_name(path);
        if (f.landing_error < 0)
                copy_show_landing(f.landing_error, directory, name);
        else if (r == -EREMOTEIO) {
                show_error("%s was not copied", shown ? shown : "a file");
                call_show_error(error);
        } else if (r == -ESTALE)
                show_error("%s changed while it was copied", shown ? shown : "a file");
        else if (r < 0)
                (void)session_tell(c->session, r, NULL);
        else if (ret_size)
                *ret_size = f.received;
        return r;
}
