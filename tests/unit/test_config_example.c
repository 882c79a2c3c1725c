#include "agent/base/address.h"
#include "tests/unit/config_vip_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#define EXAMPLE_BYTES_MAX 16384

static char example[EXAMPLE_BYTES_MAX];

/* The host's name is the test's to choose. */
int gethostname(char *name, size_t bytes)
{
    snprintf(name, bytes, "host1");
    return 0;
}

/* Of the folder in the tree's top, where we started or where `make check` says that it is. */
static int examples_fd(void)
{
    static int fd = -1;
    const char *top = getenv("srcdir");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/examples", top ? top : ".");
    if (fd < 0)
        fd = open(path, O_RDONLY | O_DIRECTORY);
    return fd;
}

static char *read_example(const char *name)
{
    int fd = openat(examples_fd(), name, O_RDONLY);
    ssize_t len = read(fd, example, sizeof example - 1);
    ck_assert_msg(len > 0 && (size_t)len < sizeof example - 1, "%s: %s", name, strerror(errno));
    close(fd);
    example[len] = '\0';
    return example;
}

/* ---- every key there is ---- */

START_TEST(example_is_right_as_it_is_shipped)
{
    struct config *c = must_load(read_example("muster.conf"));
    ck_assert_str_eq(c->name, "host1");
    ck_assert_str_eq(c->cluster, "prod");
    ck_assert_uint_eq(c->tags_bytes, sizeof "rack\0r7\0role\0db");
    ck_assert_mem_eq(c->tags, "rack\0r7\0role\0db", c->tags_bytes);
    ck_assert_uint_eq(c->detect_ms, GOSSIP_DETECT_MS_DEFAULT);
    ck_assert_uint_eq(c->handlers_count + c->quorum.count + c->vips_count, 0);
    config_free(c);
}
END_TEST

/* In place of what an installation brings along, what every host has. */
static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);
    ck_assert_msg(at && strlen(to) <= strlen(from), "%s", from);
    for (; at; at = strstr(at, from)) {
        memset(at, ' ', strlen(from));
        for (const char *next = to; *next != '\0'; next++)
            *at++ = *next;
    }
}

static bool is_prose(const char *line)
{
    return line[1] == '\n' || (line[1] == ' ' && strncmp(line, "#    ", 5) != 0);
}

/* The example with all that is commented out put to use, in `example`. */
static void uncomment(void)
{
    read_example("muster.conf");
    for (char *line = example; line; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (line[0] == '#' && !is_prose(line))
            line[0] = ' ';
    }
    replace(example, "\"/etc/muster/hooks/page.sh\"", "\"/bin/true\"");
    replace(example, "\"/etc/muster/hooks/vip.sh\"", "\"/bin/true\"");
    replace(example, "\"muster\"", "\"root\"");
    replace(example, "\"nobody\"", "\"root\"");
}

START_TEST(example_is_right_with_all_that_is_commented_out)
{
    char text[ADDRESS_TEXT_BYTES];
    uncomment();
    struct config *c = must_load(example);
    ck_assert_str_eq(c->name, "db1");
    ck_assert_str_eq(address_text(c->advertise.ip, c->advertise.port, text), "10.0.0.11:7949");
    ck_assert_uint_eq(c->join_count, 3);
    ck_assert_uint_eq(c->handlers_count, 1);
    ck_assert_uint_eq(c->handlers[0].match.bytes, sizeof "role\0db");
    ck_assert_uint_eq(c->handlers[0].timeout_ms, 30000);
    ck_assert_str_eq(c->handlers[0].user, "root");
    ck_assert_str_eq(c->control_group, "root");
    ck_assert_str_eq(address_text(c->rpc.ip, c->rpc.port, text), "127.0.0.1:7373");
    ck_assert_ptr_nonnull(c->rpc_auth);
    ck_assert_uint_eq(c->quorum.count, 3);
    ck_assert_uint_eq(c->vips_count, 1);
    ck_assert(c->vips[0].fits);
    ck_assert_str_eq(c->vips[0].hook, "/bin/true");
    ck_assert_uint_eq(c->vips[0].requires_count, 1);
    config_free(c);
}
END_TEST

/* ---- examples of clusters ---- */

START_TEST(routers_share_what_belongs_together_and_the_witness_holds_nothing)
{
    static const struct {
        const char *name;
        unsigned priority;
        bool may_hold;
    } hosts[] = {{"r1", 150, true}, {"r2", 100, true}, {"witness1", 100, false}};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        options.name = hosts[i].name;
        struct config *c = must_load(read_example("router.conf"));
        const struct vip_spec *v = &c->vips[0];
        ck_assert_int_eq(vip_spec_may_hold(v), hosts[i].may_hold);
        ck_assert_uint_eq(v->priority, hosts[i].priority);
        ck_assert_uint_eq(v->addresses_count, 4);
        ck_assert_uint_eq(v->routes_count, 3);
        ck_assert_uint_eq(v->rules_count, 4);
        config_free(c);
    }
}
END_TEST

START_TEST(three_nodes_share_an_address_and_any_may_hold_it)
{
    read_example("three-nodes.conf");
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"db1", "db2", "db3"};
        options.name = names[i];
        struct config *c = must_load(example);
        ck_assert_uint_eq(c->quorum.count, 3);
        ck_assert(quorum_spec_has(&c->quorum, names[i]));
        ck_assert_uint_eq(c->vips_count, 1);
        ck_assert(vip_spec_may_hold(&c->vips[0]));
        config_free(c);
    }
}
END_TEST

START_TEST(witness_takes_the_file_of_the_two_nodes_and_never_holds_the_address)
{
    read_example("two-nodes-and-witness.conf");
    options.name = "db1";
    struct config *c = must_load(example);
    ck_assert(quorum_spec_has(&c->quorum, "db1"));
    ck_assert_uint_eq(c->vips_count, 1);
    ck_assert(vip_spec_may_hold(&c->vips[0]));
    config_free(c);
    replace(example, "{\"role=db\"}\n\n# Any", "{\"a=b\"}\n\n# Any");
    strcpy(interface_names[1], "ens3"); /* it has no eth0 */
    options.name = "witness1";
    c = must_load(example);
    ck_assert(quorum_spec_has(&c->quorum, "witness1"));
    ck_assert_uint_eq(c->vips_count, 1);
    ck_assert(!vip_spec_may_hold(&c->vips[0]));
    config_free(c);
}
END_TEST

START_TEST(hook_that_is_commented_out_is_right)
{
    static const char *const names[] = {"three-nodes.conf", "two-nodes-and-witness.conf"};
    for (size_t i = 0; i < COUNT(names); i++) {
        read_example(names[i]);
        replace(example, "#hook = \"/etc/muster/hooks/vip.sh\"", "hook = \"/bin/true\"");
        struct config *c = must_load(example);
        ck_assert_str_eq(c->vips[0].hook, "/bin/true");
        config_free(c);
    }
}
END_TEST

/* ---- examples that were damaged ---- */

/* Whatever happens to a file, it is taken, or refused with its name. */
static void assert_taken_or_refused(const char *text, size_t len)
{
    write_bytes(text, len);
    struct config *c = config_load(&options, error);
    ck_assert(!c == (error[0] != '\0'));
    ck_assert_msg(c || strncmp(error, "muster.conf:", 12) == 0, "%s", error);
    config_free(c);
}

/* Bytes from one change of the file to the next: valgrind is slow, and other builds try them all.
 */
static size_t step(void)
{
    return getenv("MUSTER_VALGRIND") ? 16 : 1;
}

START_TEST(file_truncated_at_any_byte_is_taken_or_refused)
{
    uncomment();
    size_t len = strlen(example);
    for (size_t cut = 0; cut < len; cut += step())
        assert_taken_or_refused(example, cut);
}
END_TEST

START_TEST(file_with_any_byte_replaced_is_taken_or_refused)
{
    static const char marks[] =
        "\"'{=#*\\\n$"; /* and the NUL: what means something to the parser */
    uncomment();
    size_t len = strlen(example);
    for (size_t i = 0; i < len; i += step()) {
        char before = example[i];
        example[i] = marks[i % sizeof marks];
        assert_taken_or_refused(example, len);
        example[i] = before;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config: examples");
    TCase *t = tcase_create("examples");

    if (examples_fd() < 0) {
        fprintf(stderr, "the folder examples cannot be read: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, example_is_right_as_it_is_shipped);
    tcase_add_test(t, example_is_right_with_all_that_is_commented_out);
    tcase_add_test(t, routers_share_what_belongs_together_and_the_witness_holds_nothing);
    tcase_add_test(t, three_nodes_share_an_address_and_any_may_hold_it);
    tcase_add_test(t, witness_takes_the_file_of_the_two_nodes_and_never_holds_the_address);
    tcase_add_test(t, hook_that_is_commented_out_is_right);
    tcase_add_test(t, file_truncated_at_any_byte_is_taken_or_refused);
    tcase_add_test(t, file_with_any_byte_replaced_is_taken_or_refused);
    suite_add_tcase(s, t);
    return unit_run(s);
}
