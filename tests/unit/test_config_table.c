/* The table of keys: each row is in the manual, in the example and in what -t prints; and what a
 * running agent cannot change is found by it. */
#include "agent/config/config_table.h"
#include "tests/unit/config_fixture.h"

#include <errno.h>
#include <limits.h>

#define TEXT_BYTES_MAX 65536
#define ROWS_MAX (CONFIG_SECTIONS * CONFIG_KEYS_MAX)

static char text[TEXT_BYTES_MAX];
static bool seen[ROWS_MAX];

/* Reads a file of the tree, where we started or where `make check` says that it is. */
static void read_tree(const char *name)
{
    const char *top = getenv("srcdir");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f, "%s: %s", path, strerror(errno));
    size_t len = fread(text, 1, sizeof text - 1, f);
    ck_assert_uint_lt(len, sizeof text - 1);
    text[len] = '\0';
    fclose(f);
}

static void see(enum config_section_id section, const char *name)
{
    const struct config_key *key = config_key_find(section, name);
    ck_assert_msg(key, "%s is described, and no key", name);
    seen[key - config_keys] = true;
}

static void assert_all_seen(const char *where)
{
    for (size_t i = 0; config_keys[i].name; i++)
        ck_assert_msg(seen[i] || config_keys[i].only_option, "%s is missing in %s",
                      config_keys[i].name, where);
}

static enum config_section_id section_named(const char *name, enum config_section_id otherwise)
{
    for (unsigned s = CONFIG_TOP + 1; s < CONFIG_SECTIONS; s++)
        if (strcmp(config_sections[s].name, name) == 0)
            return s;
    return otherwise;
}

START_TEST(every_key_has_its_paragraph_in_the_manual)
{
    enum config_section_id section = CONFIG_TOP;
    read_tree("agent/muster.conf.5");
    *strstr(text, ".Sh SCRIPTS") = '\0';
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[64];
        int more = 0;
        if (strcmp(line, ".El") == 0)
            section = CONFIG_TOP;
        if (sscanf(line, ".It Ic %63s%n", name, &more) != 1)
            continue;
        enum config_section_id opened = section_named(name, CONFIG_TOP);
        if (section == CONFIG_TOP && opened != CONFIG_TOP) {
            section = opened;
            continue;
        }
        see(section, name);
        for (line += more; sscanf(line, " , %63s%n", name, &more) == 1; line += more)
            see(section, name);
    }
    assert_all_seen("agent/muster.conf.5");
}
END_TEST

START_TEST(every_key_has_its_line_in_the_example)
{
    enum config_section_id section = CONFIG_TOP;
    read_tree("examples/muster.conf");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[64], sign[64];
        if (line[0] == '#' && line[1] == ' ' && strncmp(line, "#    ", 5) != 0)
            continue; /* prose */
        line += strspn(line, "# ");
        if (line[0] == '}')
            section = CONFIG_TOP;
        else if (sscanf(line, "%63[a-z_] %63s", name, sign) == 2 && strcmp(sign, "=") == 0)
            see(section, name);
        else if (line[0] && line[strlen(line) - 1] == '{')
            section = section_named(name, section);
    }
    assert_all_seen("examples/muster.conf");
}
END_TEST

/* A configuration with one of each section. */
static struct config *load_all_sections(void)
{
    return must_load("handler page { on = {\"member-join\"} run = \"/bin/true\" }\n"
                     "quorum { voters = {db1} }\n"
                     "vip web { address = \"10.0.0.30/32\" interface = lo }\n"
                     "host db2 { tags = {\"a=b\"} }\n");
}

START_TEST(every_key_is_printed)
{
    struct config *c = load_all_sections();
    size_t len;
    char *printed = NULL;
    FILE *out = open_memstream(&printed, &len);
    config_print(c, out);
    fclose(out);
    for (const struct config_key *key = config_keys; key->name; key++) {
        const char *section = config_sections[key->section].name;
        const char *title = config_section_title(c, key->section, 0);
        char line[128];
        snprintf(line, sizeof line, "\n%s%s%s%s%s = ", section ? section : "", section ? "." : "",
                 title ? title : "", title ? "." : "", key->name);
        ck_assert_msg(strstr(printed, line), "%s is not printed", line + 1);
    }
    free(printed);
    config_free(c);
}
END_TEST

static char *key_text(const struct config_key *key, const void *element)
{
    char *printed = NULL;
    size_t len;
    FILE *out = open_memstream(&printed, &len);
    config_key_print(key, element, out);
    fclose(out);
    return printed;
}

START_TEST(every_default_is_within_its_limits_and_printed_as_written)
{
    struct config *c = load_all_sections();
    for (const struct config_key *key = config_keys; key->name; key++) {
        char *printed = key_text(key, config_section_element(c, key->section, 0));
        ck_assert_int_eq(printed[0], ' ');
        if (key->initial)
            ck_assert_msg(strncmp(printed + 1, key->initial, strlen(key->initial)) == 0, "%s:%s",
                          key->name, printed);
        free(printed);
    }
    config_free(c);
}
END_TEST

START_TEST(every_option_is_of_one_key)
{
    for (const struct config_key *key = config_keys; key->name; key++)
        for (const struct config_key *other = config_keys; key->option && other < key; other++)
            ck_assert(!other->option || strcmp(other->option, key->option) != 0);
}
END_TEST

START_TEST(every_key_of_a_handler_is_copied)
{
    struct config *c = must_load("handler page { on = {\"member-join\"} match = {\"role=db\"}\n"
                                 "run = \"/bin/true\" timeout = 5s user = root }\n");
    struct handler_spec copy;
    const struct config_key *key = NULL;
    ck_assert(handler_spec_copy(&copy, &c->handlers[0]));
    ck_assert_str_eq(copy.name, c->handlers[0].name);
    ck_assert_uint_eq(copy.account->uid, 0);
    while ((key = config_key_next(CONFIG_HANDLER, key))) {
        char *given = key_text(key, &c->handlers[0]), *copied = key_text(key, &copy);
        ck_assert_msg(!config_key_is_unset(key, &c->handlers[0]), "give %s here", key->name);
        ck_assert_str_eq(given, copied);
        free(given);
        free(copied);
    }
    config_free(c);
    handler_spec_free(&copy);
    ck_assert_ptr_null(copy.run);
}
END_TEST

/* ---- what a running agent cannot change ---- */

static char changes[4096];

static void on_changed(void *arg, const char *key, const char *before, const char *after)
{
    size_t len = strlen(changes);
    ck_assert_ptr_eq(arg, changes);
    snprintf(changes + len, sizeof changes - len, "%s: %s -> %s\n", key, before, after);
}

/* What the second file changes of the first that cannot change. */
static const char *changed(const char *before, const char *after)
{
    options.keep_user = true;
    struct config *running = must_load(before);
    struct config *next = must_load(after);
    changes[0] = '\0';
    config_compare_fixed(running, next, on_changed, changes);
    config_free(running);
    config_free(next);
    return changes;
}

START_TEST(fixed_key_that_differs_is_named_with_both_values)
{
    ck_assert_str_eq(changed("name = a", "name = a"), "");
    ck_assert_str_eq(changed("name = a", "name = b"), "name: a -> b\n");
    ck_assert_str_eq(
        changed("name = a\nbind = \"10.0.0.1\"\ncontrol { rpc = \"127.0.0.1\" rpc_auth = x }",
                "name = a\ncluster = prod\nadvertise = \"10.0.0.2\"\ndetect = 2s\n"
                "control { rpc_auth = y group = root }"),
        "cluster: default -> prod\n"
        "bind: 10.0.0.1:7949 -> 0.0.0.0:7949\n"
        "advertise: (found from the interfaces) -> 10.0.0.2:7949\n"
        "detect: 1.5s -> 2s\n"
        "control.group: (the process's own) -> root\n"
        "control.rpc: 127.0.0.1:7373 -> (none)\n"
        "control.rpc_auth: (set) -> (set)\n");
    ck_assert_str_eq(changed("name = a\nbind = \"0.0.0.0\"", "name = a\nbind = \"::\""),
                     "bind: 0.0.0.0:7949 -> [::]:7949\n");
}
END_TEST

START_TEST(key_that_reloads_is_not_named)
{
    ck_assert_str_eq(changed("name = a\njoin = {h1}\ntags = {\"a=b\"}",
                             "name = a\nlog_level = debug\n" HANDLER "}\n"
                             "quorum { voters = {a} version = 2 }\n"
                             "vip web { address = \"10.0.0.30/32\" interface = lo }\n"),
                     "");
}
END_TEST

START_TEST(kept_values_are_those_of_the_running_agent)
{
    options.keep_user = true;
    struct config *running = must_load("name = a\nbind = \"10.0.0.1\"\njoin = {h1}");
    struct config *next = must_load("name = b\nbind = \"::\"\ndetect = 2s\njoin = {h2}");
    config_keep_fixed(running, next);
    config_free(running);
    ck_assert_str_eq(next->name, "a");
    ck_assert(!next->bind_where.ipv6);
    ck_assert_uint_eq(next->detect_ms, 1500);
    ck_assert_str_eq(next->join[0], "h2");
    config_free(next);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config: the table of keys");
    TCase *files = tcase_create("files"), *values = tcase_create("values");
    tcase_add_test(files, every_key_has_its_paragraph_in_the_manual);
    tcase_add_test(files, every_key_has_its_line_in_the_example);
    tcase_add_test(files, every_option_is_of_one_key);
    tcase_add_checked_fixture(values, setup, teardown);
    tcase_add_test(values, every_key_is_printed);
    tcase_add_test(values, every_default_is_within_its_limits_and_printed_as_written);
    tcase_add_test(values, every_key_of_a_handler_is_copied);
    tcase_add_test(values, fixed_key_that_differs_is_named_with_both_values);
    tcase_add_test(values, key_that_reloads_is_not_named);
    tcase_add_test(values, kept_values_are_those_of_the_running_agent);
    suite_add_tcase(s, files);
    suite_add_tcase(s, values);
    return unit_run(s);
}
