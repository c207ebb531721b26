/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Results of our methods on their way to an MCP client: the first byte chooses the tool and the era,
 * the rest is the result as JSON, whose strings are what programs in a sandbox printed, named and
 * displayed. A client throws away a whole result for one block that is not as MCP has it, so every
 * block is looked at. */

#include <assert.h>
#include <string.h>

#include "basic/json.h"
#include "wire/mcp-result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(json_object *object, const char *name) {
        json_object *value = json_object_object_get(object, name);

        assert(json_object_is_type(value, json_type_string));
        return json_object_get_string(value);
}

static void check_block(json_object *block) {
        const char *type = text_of(block, "type");
        json_object *resource;

        if (strcmp(type, "text") == 0)
                (void)text_of(block, "text");
        else if (strcmp(type, "image") == 0) {
                (void)text_of(block, "data");
                assert(strncmp(text_of(block, "mimeType"), "image/", 6) == 0);
        } else {
                assert(strcmp(type, "resource") == 0);
                resource = json_object_object_get(block, "resource");
                assert(strncmp(text_of(resource, "uri"), "cloche://", 9) == 0);
                (void)text_of(resource, "mimeType");
                (void)text_of(resource,
                              json_object_object_get_ex(resource, "text", NULL) ? "text" : "blob");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ json_object *result = NULL;
        json_object *own = NULL, *content;
        const McpTool *tool;
        McpEra era;

        if (size == 0 || json_parse((const char *)data + 1, size - 1, &own, NULL) != 0)
                return 0;
        if (!json_object_is_type(own, json_type_object)) {
                (void)json_object_put(own);
                return 0;
        }
        tool = mcp_tool_get((data[0] >> 1) % mcp_tool_count());
        era = data[0] & 1 ? MCP_ERA_STATELESS : MCP_ERA_SESSION;
        assert(mcp_result_format(tool, era, own, &result) == 0);

        content = json_object_object_get(result, "content");
        assert(json_object_is_type(content, json_type_array));
        assert(json_object_array_length(content) > 0);
        for (size_t i = 0; i < json_object_array_length(content); i++)
                check_block(json_object_array_get_idx(content, i));
        assert(json_object_is_type(json_object_object_get(result, "isError"), json_type_boolean));
        assert(json_object_is_type(json_object_object_get(result, "structuredContent"),
                                   json_type_object));
        assert(json_object_object_get_ex(result, "resultType", NULL) == (era == MCP_ERA_STATELESS));
        return 0;
}
