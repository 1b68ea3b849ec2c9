/* Loading the configuration: libconfig's tree, the walk, the build, the checks; and its errors. */
#include "policy/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config-private.h"
#include "policy/text.h"

/* "policy \"web\": " for an element of a list, "daemon.control." for groups. */
static void add_place(struct text_builder *text, const config_setting_t *setting)
{
	const config_setting_t *parent = config_setting_parent(setting);
	const char *name = config_setting_name(setting);
	const struct schema_setting *list;
	const char *title;

	if (parent == NULL)
		return;
	if (name == NULL && config_setting_is_list(parent) && config_setting_name(parent) != NULL &&
	    (list = schema_find(&schema_root, config_setting_name(parent))) != NULL &&
	    list->section != NULL) {
		text_add(text, "%s", list->section->noun);
		if (config_setting_lookup_string(setting, "name", &title) == CONFIG_TRUE)
			text_add(text, " \"%.63s\"", title);
		else
			text_add(text, " %d of %s", config_setting_index(setting) + 1, list->name);
		return;
	}
	add_place(text, parent);
	if (name == NULL)
		return;
	if (text->length > 0)
		text_add(text, config_setting_name(parent) != NULL ? "." : ": ");
	text_add(text, "%s", name);
}

static void tell(struct config_context *context, const struct problem *problem)
{
	if (context->problem_count++ == 0)
		context->first = *problem;
	if (context->report != NULL && context->problem_count <= CONFIG_PROBLEMS_MAX)
		context->report(context->report_context, problem);
}

enum err config_complain(struct config_context *context, const config_setting_t *setting,
    const char *member, const char *format, ...)
{
	const config_setting_t *at =
	    member != NULL ? config_setting_get_member(setting, member) : NULL;
	const char *file;
	struct problem problem = {.code = ERR_INVALID};
	struct text_builder text = text_into(problem.text, sizeof(problem.text));
	struct text_builder place;
	char place_text[160];
	char message[sizeof(problem.text)];
	va_list arguments;

	if (at == NULL)
		at = setting;
	else
		member = NULL;
	place = text_into(place_text, sizeof(place_text));
	add_place(&place, at);
	if (member != NULL)
		text_add(&place, "%s%s",
		    place.length == 0                 ? ""
		    : config_setting_name(at) != NULL ? "."
						      : ": ",
		    member);
	file = config_setting_source_file(at);
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	text_add(&text, "%s:", file != NULL ? file : context->path);
	if (config_setting_source_line(at) > 0)
		text_add(&text, "%u:", (unsigned)config_setting_source_line(at));
	text_add(&text, " %s: %s", place_text, message);
	tell(context, &problem);
	return ERR_INVALID;
}

enum err config_no_memory(struct config_context *context)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_NO_MEMORY, "%s: out of memory", context->path);
	tell(context, &problem);
	return ERR_NO_MEMORY;
}

static void make(struct config_context *context, config_t *config)
{
	struct config_file file = {0};

	config_walk(context, config_root_setting(config), &file);
	if (context->problem_count == 0)
		config_build(context, &file);
	if (context->problem_count == 0)
		config_check_policy(context, &file);
}

static void complain_syntax(struct config_context *context, const config_t *config)
{
	const char *file = config_error_file(config);
	struct problem problem;

	if (config_error_type(config) == CONFIG_ERR_FILE_IO)
		(void)problem_set(&problem, ERR_SYSTEM,
		    "%s: reading the file, or one that it includes, failed", context->path);
	else
		(void)problem_set(&problem, ERR_INVALID,
		    "%s:%d: %s; look for a missing quote, bracket or semicolon at the end of the "
		    "line before",
		    file != NULL ? file : context->path, config_error_line(config),
		    config_error_text(config));
	tell(context, &problem);
}

/* folder is where @include looks; NULL for the working directory. */
static enum err parse(struct config_context *context, const char *text, const char *folder,
    struct policy **out, struct problem *problem)
{
	config_t config;

	*out = NULL;
	config_init(&config);
	if (folder != NULL)
		config_set_include_dir(&config, folder);
	context->store = store_new();
	if (context->store == NULL)
		(void)config_no_memory(context);
	else if (config_read_string(&config, text) == CONFIG_TRUE)
		make(context, &config);
	else
		complain_syntax(context, &config);
	config_destroy(&config);
	if (context->problem_count == 0) {
		*out = &context->store->policy;
		return ERR_OK;
	}
	if (context->store != NULL)
		policy_release(&context->store->policy);
	if (problem != NULL)
		*problem = context->first;
	return context->first.code;
}

enum err config_parse_string(const char *name, const char *text, config_report report,
    void *context, struct policy **out, struct problem *problem)
{
	struct config_context parsing = {.path = name, .report = report, .report_context = context};

	return parse(&parsing, text, NULL, out, problem);
}

/* The whole file as a string; the caller frees it. */
static enum err read_file(const char *path, char **out, struct problem *problem)
{
	FILE *stream = fopen(path, "re");
	size_t size = 0;
	ssize_t length;
	enum err err = ERR_OK;

	if (stream == NULL && errno == ENOENT)
		return problem_set(problem, ERR_NOT_FOUND,
		    "%s: no such file; see kinkd.conf(5) for what goes into it", path);
	if (stream == NULL)
		return problem_set(problem, errno == EACCES ? ERR_DENIED : ERR_SYSTEM,
		    "%s: cannot be opened: %s", path, strerror(errno));
	errno = 0;
	length = getdelim(out, &size, '\0', stream);
	if (length < 0 && errno != 0)
		err = problem_set(
		    problem, ERR_SYSTEM, "%s: cannot be read: %s", path, strerror(errno));
	else if (length > 0 && (*out)[length - 1] == '\0')
		err = problem_set(problem, ERR_INVALID,
		    "%s: contains a NUL character; is this a text file?", path);
	else if (length < 0)
		err = problem_set(problem, ERR_INVALID,
		    "%s: the file is empty; see kinkd.conf(5) for what goes into it", path);
	(void)fclose(stream);
	return err;
}

enum err config_check(const char *path, config_report report, void *context, struct policy **out,
    struct problem *problem)
{
	struct config_context parsing = {.path = path, .report = report, .report_context = context};
	const char *slash = strrchr(path, '/');
	char *folder = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	char *text = NULL;
	struct problem unread;
	enum err err = read_file(path, &text, &unread);

	*out = NULL;
	if (err == ERR_OK) {
		err = parse(&parsing, text, folder, out, problem);
	} else {
		tell(&parsing, &unread);
		if (problem != NULL)
			*problem = unread;
	}
	free(text);
	free(folder);
	return err;
}

enum err config_load(const char *path, struct policy **out, struct problem *problem)
{
	return config_check(path, NULL, NULL, out, problem);
}
