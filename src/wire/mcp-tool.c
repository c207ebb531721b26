/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The texts are for models: what a tool is for and when, what is kept and what dies, what is not to
 * be had, so that a model need not find out by failing. They hold for any profile and any machine;
 * what differs is in profile_list. The output schemas demand only what is always there and allow
 * more, because a client throws away a result that does not fit. */

#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "wire/mcp-tool.h"

/* What a host may tell its user about a call. None reaches beyond the sandboxes. */
enum {
        HINT_READ_ONLY = 1 << 0,
        HINT_DESTRUCTIVE = 1 << 1, /* may change or remove what is in a sandbox */
        HINT_IDEMPOTENT = 1 << 2,
};

const char *const mcp_instructions =
        "Runs code on this machine in sandboxes: throwaway containers with their own files, with "
        "limits on memory, processes, time and disk, and without a network.\n"
        "For one program use run. To keep files and an interpreter's state (variables, imports) "
        "between calls, use sandbox_open, then sandbox_exec as often as needed, then sandbox_close. "
        "Files are written in /work, the working directory. profile_list says which languages there "
        "are and what the limits are.\n"
        "A sandbox and all that is in it ends when it is closed, when its lifetime is over or when "
        "this connection ends: take what you want to keep with file_get, or collect of run. "
        "A failed program is a result with isError, which says by which limit it was stopped if it "
        "was; packages cannot be downloaded.";

#define STRING  "{\"type\":\"string\"}"
#define INTEGER "{\"type\":\"integer\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define OBJECT  "{\"type\":\"object\"}"

#define FILES                                                                  \
        "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"  \
        "\"path\":" STRING ",\"size\":" INTEGER ",\"text\":" STRING            \
        ",\"content\":{\"type\":\"integer\",\"description\":\"Which block of " \
        "content has it\"},\"problem\":" STRING "},\"required\":[\"path\"]}}"

#define EXECUTION                                                                                       \
        "{\"type\":\"object\",\"properties\":{"                                                         \
        "\"sandbox\":" STRING ",\"profile\":" STRING ",\"image\":" STRING                               \
        ",\"status\":{\"type\":\"string\",\"description\":\"exited, or what ended it: signaled, "       \
        "timeout, oom, output_limit, cancelled, sandbox_died\"}"                                        \
        ",\"exit_code\":" INTEGER ",\"signal\":" STRING ",\"reason\":" STRING                           \
        ",\"limits_hit\":{\"type\":\"array\",\"items\":" STRING "}"                                     \
        ",\"state\":{\"type\":\"string\",\"description\":\"kept: variables are there for the "          \
        "next call; lost: they are gone; none: this profile keeps none\"}"                              \
        ",\"stdout\":" STRING ",\"stderr\":" STRING ",\"stdout_truncated\":" BOOLEAN                    \
        ",\"stderr_truncated\":" BOOLEAN                                                                \
        ",\"results\":{\"type\":\"array\",\"description\":\"What the code gave back: the value of "     \
        "an expression at its end, what it displayed, figures\",\"items\":{\"type\":\"object\","        \
        "\"description\":\"By media type; for an image, which block of content has it\"}}"              \
        ",\"results_truncated\":" BOOLEAN                                                               \
        ",\"error\":{\"type\":\"object\",\"description\":\"What the code ended by, if it was an error " \
        "of its language\",\"properties\":{\"name\":" STRING ",\"value\":" STRING                       \
        ",\"traceback\":" STRING "}}"                                                                   \
        ",\"files\":" FILES ",\"usage\":" OBJECT "},\"required\":[\"status\"]}"

#define HIDDEN_EXECUTION " stdin_open pty rows cols capture "

static const McpTool tools[] = {
        {
         .name = "run",
         .method = "run",
         .kind = MCP_TOOL_EXECUTION,
         .title = "Run code once",
         .description =
                        "Runs code (in the profile's language, Python unless you name another) or a "
                        "program (argv) in a new sandbox and removes the sandbox afterwards: nothing "
                        "is kept. files puts files into it first, collect brings back those that "
                        "match, such as [\"*.png\"]. Returns stdout, stderr, the value of "
                        "an expression at the end of the code, and how it ended; figures and images that "
                        "it displays come as images.", .output = EXECUTION,
         .hidden = HIDDEN_EXECUTION,
         },
        {
         .name = "sandbox_open",
         .method = "sandbox.open",
         .kind = MCP_TOOL_DATA,
         .title = "Open a sandbox",
         .description =
                        "Starts a sandbox that stays, and returns its id for the other tools. It keeps "
                        "files and the interpreter's state until sandbox_close, until its lifetime is "
                        "over (limits.lifetime_ms) or until this connection ends. Only this connection "
                        "can use it.", .output = "{\"type\":\"object\",\"properties\":{\"sandbox\":" STRING
                          ",\"profile\":" STRING ",\"image\":" STRING ",\"language\":" STRING
                          ",\"limits\":" OBJECT "},\"required\":[\"sandbox\"]}",
         },
        {
         .name = "sandbox_exec",
         .method = "sandbox.exec",
         .kind = MCP_TOOL_EXECUTION,
         .hints = HINT_DESTRUCTIVE,
         .title = "Run code in an open sandbox",
         .description =
                        "Runs code in the sandbox's interpreter, where variables and imports of "
                        "earlier calls are still there (state says whether they still are "
                        "afterwards; reset: true starts the interpreter afresh), or a program "
                        "(argv) beside it. Calls with code run one after another, those with argv "
                        "at once. A timeout or a cancelled call ends what this call started and "
                        "leaves the sandbox and its files.", .output = EXECUTION,
         .hidden = HIDDEN_EXECUTION,
         },
        {
         .name = "sandbox_close",
         .method = "sandbox.close",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_DESTRUCTIVE,
         .title = "Close a sandbox",
         .description = "Ends everything in the sandbox and removes it with its files.",
         .output = "{\"type\":\"object\",\"properties\":{\"sandbox\":" STRING
                          ",\"usage\":" OBJECT "}}",
         },
        {
         .name = "sandbox_list",
         .method = "sandbox.list",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_READ_ONLY,
         .title = "List open sandboxes",
         .description =
                        "The open sandboxes of this connection, what runs in them and how long "
                        "they may still live.", .output = "{\"type\":\"object\",\"properties\":{\"sandboxes\":{\"type\":\"array\","
                          "\"items\":{\"type\":\"object\",\"properties\":{\"sandbox\":" STRING
                          ",\"profile\":" STRING ",\"executions\":" INTEGER
                          ",\"remaining_ms\":" INTEGER
                          "},\"required\":[\"sandbox\"]}}},\"required\":[\"sandboxes\"]}", },
        {
         .name = "file_put",
         .method = "file.put",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
         .title = "Write a file",
         .description =
                        "Writes a file in an open sandbox, from text or base64. It replaces an older "
                        "one as a whole or not at all; with offset it writes into it instead, which "
                        "is how a large file comes in pieces.", .output = "{\"type\":\"object\",\"properties\":{\"path\":" STRING
                          ",\"size\":" INTEGER "},\"required\":[\"path\"]}",
         .hidden = " more ",
         },
        {
         .name = "file_get",
         .method = "file.get",
         .kind = MCP_TOOL_FILE,
         .hints = HINT_READ_ONLY,
         .title = "Read a file",
         .description =
                        "Reads a file of an open sandbox, or length bytes of it from offset. "
                        "Large files come in pieces: eof says whether it was the last. An image "
                        "comes as an image.", .output =
                        "{\"type\":\"object\",\"properties\":{\"path\":" STRING ",\"size\":" INTEGER
                        ",\"mode\":" STRING ",\"offset\":" INTEGER ",\"length\":" INTEGER
                        ",\"eof\":" BOOLEAN ",\"text\":" STRING
                        ",\"content\":{\"type\":\"integer\",\"description\":\"Which block of content "
                        "has it\"}},\"required\":[\"path\"]}", .hidden = " stream ",
         },
        {
         .name = "file_list",
         .method = "file.list",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_READ_ONLY,
         .title = "List files",
         .description =
                        "The files of a directory in an open sandbox, by name; /work when no path "
                        "is given. If truncated, ask again with after: the last name.", .output = "{\"type\":\"object\",\"properties\":{\"path\":" STRING
                          ",\"entries\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                          "\"properties\":{\"name\":" STRING ",\"type\":" STRING
                          ",\"size\":" INTEGER ",\"mode\":" STRING "},\"required\":[\"name\"]}}"
                          ",\"truncated\":" BOOLEAN "},\"required\":[\"entries\"]}",
         },
        {
         .name = "file_remove",
         .method = "file.remove",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_DESTRUCTIVE,
         .title = "Remove a file",
         .description = "Removes a file or an empty directory of an open sandbox; with "
                               "recursive: true, a directory with all that is in it.", .output = "{\"type\":\"object\",\"properties\":{\"path\":" STRING "}}",
         },
        {
         .name = "profile_list",
         .method = "profile.list",
         .kind = MCP_TOOL_DATA,
         .hints = HINT_READ_ONLY,
         .title = "List profiles",
         .description =
                        "The profiles that run and sandbox_open can name: their language and "
                        "what is installed, and their limits. Own limits can only be narrower.", .output = "{\"type\":\"object\",\"properties\":{\"profiles\":{\"type\":\"array\","
                          "\"items\":" OBJECT "}},\"required\":[\"profiles\"]}",
         },
};

size_t mcp_tool_count(void) {
        return ARRAY_SIZE(tools);
}

const McpTool *mcp_tool_get(size_t i) {
        return tools + i;
}

const McpTool *mcp_tool_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
                if (strcmp(tools[i].name, name) == 0)
                        return tools + i;
        return NULL;
}

/* Calls f for each hidden parameter, until it says other than 0. */
static int each_hidden(const McpTool *tool, int (*f)(const char *name, void *userdata),
                       void *userdata) {
        const char *p = tool->hidden ? tool->hidden : "";
        int r = 0;

        while (r == 0 && *(p += strspn(p, " "))) {
                size_t size = strcspn(p, " ");
                _cleanup_free_ char *name = strndup(p, size);

                if (!name)
                        return -ENOMEM;
                r = f(name, userdata);
                p += size;
        }
        return r;
}

typedef struct Search {
        json_object *arguments;
        RpcProblem *reterr;
} Search;

static int refuse_hidden(const char *name, void *userdata) {
        Search *s = userdata;
        int r;

        if (!json_object_object_get_ex(s->arguments, name, NULL))
                return 0;
        r = rpc_problem_set(s->reterr, name, "there is no such field in the tool");
        return r < 0 ? r : MCP_E_INVALID;
}

int mcp_tool_params(const McpTool *tool, json_object *arguments, json_object **ret,
                    RpcProblem *reterr) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        if (arguments) {
                r = each_hidden(tool, refuse_hidden, &(Search){ arguments, reterr });
                if (r != 0)
                        return r;
                json_object_object_foreach(arguments, name, value) {
                        /* null is a value, which json_set() takes for a failed allocation */
                        if (json_object_object_add(params, name, json_object_get(value)) < 0)
                                return -ENOMEM;
                }
        }
        if (tool->kind == MCP_TOOL_EXECUTION) {
                r = json_set_bool(params, "capture", true);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(params);
        return 0;
}

static int remove_hidden(const char *name, void *userdata) {
        json_object_object_del(userdata, name);
        return 0;
}

static int set_hints(json_object *object, unsigned hints) {
        json_object *annotations = json_object_new_object();
        int r;

        r = json_set(object, "annotations", annotations);
        if (r >= 0)
                r = json_set_bool(annotations, "readOnlyHint", hints & HINT_READ_ONLY);
        if (r >= 0)
                r = json_set_bool(annotations, "destructiveHint", hints & HINT_DESTRUCTIVE);
        if (r >= 0)
                r = json_set_bool(annotations, "idempotentHint",
                                  hints & (HINT_IDEMPOTENT | HINT_READ_ONLY));
        return r < 0 ? r : json_set_bool(annotations, "openWorldHint", false);
}

int mcp_tool_format(const McpTool *tool, json_object *input, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object(), *owned = input,
                                   *output = NULL;
        json_object *properties;
        int r;

        if (!object || !input)
                return -ENOMEM;
        r = json_set_string(object, "name", tool->name);
        if (r >= 0)
                r = json_set_string(object, "title", tool->title);
        if (r >= 0)
                r = json_set_string(object, "description", tool->description);
        if (r < 0)
                return r;
        if (json_object_object_get_ex(input, "properties", &properties)) {
                r = each_hidden(tool, remove_hidden, properties);
                if (r < 0)
                        return r;
        }
        r = json_parse(tool->output, strlen(tool->output), &output, NULL);
        if (r >= 0)
                r = json_set(object, "inputSchema", TAKE_PTR(owned));
        if (r >= 0)
                r = json_set(object, "outputSchema", TAKE_PTR(output));
        if (r >= 0)
                r = set_hints(object, tool->hints);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

int mcp_tool_list_format(McpEra era, json_object *list, json_object **ret) {
        _cleanup_json_ json_object *owned = list, *result = json_object_new_object();
        int r;

        if (!result)
                return -ENOMEM;
        r = json_set(result, "tools", TAKE_PTR(owned));
        if (r >= 0)
                r = mcp_result_may_be_kept(era, result);
        if (r >= 0)
                r = mcp_result_complete(era, result);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}
