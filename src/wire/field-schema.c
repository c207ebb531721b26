/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of field.c as JSON Schema 2020-12. Where the two cannot say the same (bytes of a string
 * are not characters), the schema is the wider one: it refuses nothing that field_parse() takes. */

#include <errno.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "wire/field-schema.h"

static int set_bounds(json_object *schema, const Field *f, const char *min, const char *max) {
        int r = 0;

        if (f->min > 0)
                r = json_set_uint(schema, min, f->min);
        return r < 0 ? r : json_set_uint(schema, max, f->max);
}

static int set_items(json_object *schema, const char *name) {
        json_object *items = json_object_new_object();
        int r;

        r = json_set(schema, name, items);
        return r < 0 ? r : json_set_string(items, "type", "string");
}

static int set_env(json_object *schema, const Field *f) {
        json_object *names = json_object_new_object();
        int r;

        r = json_set(schema, "propertyNames", names);
        if (r >= 0)
                r = json_set_string(names, "pattern", "^[A-Za-z_][A-Za-z0-9_]*$");
        if (r >= 0)
                r = set_items(schema, "additionalProperties");
        return r < 0 ? r : set_bounds(schema, f, "minProperties", "maxProperties");
}

static int set_objects(json_object *schema, const Field *f) {
        json_object *items = NULL;
        int r;

        r = field_schema_format(f->fields, f->n_fields, &items);
        if (r >= 0)
                r = json_set(schema, "items", items);
        return r < 0 ? r : set_bounds(schema, f, "minItems", "maxItems");
}

static int set_id(json_object *schema) {
        json_object *types = json_object_new_array();
        int r;

        r = json_set(schema, "type", types);
        if (r >= 0)
                r = json_append(types, json_object_new_string("integer"));
        if (r >= 0)
                r = json_append(types, json_object_new_string("string"));
        return r < 0 ? r : json_set_uint(schema, "maxLength", REQUEST_ID_LENGTH_MAX);
}

static const char *type_name(FieldType type) {
        switch (type) {
        case FIELD_STRING:
                return "string";
        case FIELD_UINT:
                return "integer";
        case FIELD_BOOL:
                return "boolean";
        case FIELD_STRINGS:
        case FIELD_OBJECTS:
                return "array";
        case FIELD_ENV:
        case FIELD_OBJECT:
                return "object";
        case FIELD_ID:
        default:
                return NULL; /* more than one */
        }
}

static int format_field(const Field *f, json_object **ret) {
        _cleanup_json_ json_object *schema = NULL;
        int r;

        if (f->type == FIELD_OBJECT)
                r = field_schema_format(f->fields, f->n_fields, &schema);
        else {
                schema = json_object_new_object();
                r = !schema ? -ENOMEM : 0;
                if (r >= 0 && type_name(f->type))
                        r = json_set_string(schema, "type", type_name(f->type));
        }
        if (r < 0)
                return r;

        if (f->type == FIELD_STRING)
                r = json_set_uint(schema, "maxLength", f->max);
        else if (f->type == FIELD_UINT)
                r = set_bounds(schema, f, "minimum", "maximum");
        else if (f->type == FIELD_STRINGS) {
                r = set_items(schema, "items");
                if (r >= 0)
                        r = set_bounds(schema, f, "minItems", "maxItems");
        } else if (f->type == FIELD_OBJECTS)
                r = set_objects(schema, f);
        else if (f->type == FIELD_ENV)
                r = set_env(schema, f);
        else if (f->type == FIELD_ID)
                r = set_id(schema);
        if (r >= 0)
                r = json_set_string(schema, "description", f->description);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(schema);
        return 0;
}

int field_schema_format(const Field *fields, size_t n_fields, json_object **ret) {
        _cleanup_json_ json_object *schema = json_object_new_object(), *required = NULL;
        json_object *properties;
        int r;

        if (!schema)
                return -ENOMEM;
        r = json_set_string(schema, "type", "object");
        if (r < 0)
                return r;
        properties = json_object_new_object();
        r = json_set(schema, "properties", properties);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_fields; i++) {
                json_object *property = NULL;

                r = format_field(fields + i, &property);
                if (r >= 0)
                        r = json_set(properties, fields[i].name, property);
                if (r >= 0 && fields[i].mandatory && !required) {
                        required = json_object_new_array();
                        r = required ? 0 : -ENOMEM;
                }
                if (r >= 0 && fields[i].mandatory)
                        r = json_append(required, json_object_new_string(fields[i].name));
                if (r < 0)
                        return r;
        }
        if (required)
                r = json_set(schema, "required", TAKE_PTR(required));
        if (r >= 0)
                r = json_set_bool(schema, "additionalProperties", false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(schema);
        return 0;
}
