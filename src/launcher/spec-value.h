/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the values of single SpecGenerator fields may be. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "basic/cleanup.h"

/* Whether a value says nothing: null, false, 0, "", [], {}. */
bool spec_value_is_empty(json_object *value);

/* Writes a problem and returns -EPERM. */
_printf_(3, 4) int spec_refuse(char *problem, size_t problem_size, const char *format, ...);

/* Each returns 0, or -EPERM with what is wrong in problem. */
int spec_value_check_namespace(json_object *value, char *problem, size_t problem_size);
int spec_value_check_network(json_object *value, char *problem, size_t problem_size);
int spec_value_check_mappings(json_object *value, char *problem, size_t problem_size);
int spec_value_check_image(json_object *value, char *problem, size_t problem_size);
int spec_value_check_env(json_object *value, char *problem, size_t problem_size);
int spec_value_check_labels(json_object *value, char *problem, size_t problem_size);
int spec_value_check_mounts(json_object *value, char *problem, size_t problem_size);
int spec_value_check_paths(json_object *value, char *problem, size_t problem_size);
int spec_value_check_work_dir(json_object *value, char *problem, size_t problem_size);
int spec_value_check_timezone(json_object *value, char *problem, size_t problem_size);
int spec_value_check_shm_size(json_object *value, char *problem, size_t problem_size);
int spec_value_check_health(json_object *value, char *problem, size_t problem_size);
int spec_value_check_log(json_object *value, char *problem, size_t problem_size);
