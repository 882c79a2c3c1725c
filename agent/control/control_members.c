#include "agent/base/text.h"
#include "agent/control/control_command.h"
#include "agent/control/pattern.h"
#include "agent/events/record.h"

#include <stdio.h>
#include <string.h>

#define TAG_PATTERNS_MAX 16
#define PATTERNS_MAX (2 + TAG_PATTERNS_MAX) /* and the status, and the name */
#define SHOWN_BYTES 64                      /* of an expression, in an error about it */

/* The longest that one request may hold up the loop, besides one match more at its own limits
 * (pattern.h). A usual filter over GOSSIP_MEMBERS_MAX takes a tenth of this time. */
#define FILTER_US_MAX 100000

/* Serf's versions of protocols that are not ours; its clients only show them. */
#define PROTOCOL_VERSION 1

/* ---- one member ---- */

void control_members_put_tags(struct rpc_out *out, const char *key,
                              const struct gossip_profile *profile)
{
    fields_put_tags(out, key, &(struct fields_tags){profile->tags, profile->tags_bytes});
}

/* Serf's fields and no others, in Serf's order: some clients fail at what they do not know. */
void control_members_put_serf(struct rpc_out *out, const struct gossip_member *member)
{
    const struct gossip_profile *p = member->profile;
    rpc_map_begin(out, NULL);
    rpc_put_bytes(out, "Addr", p->addr.ip, sizeof p->addr.ip);
    rpc_put_unsigned(out, "DelegateCur", PROTOCOL_VERSION);
    rpc_put_unsigned(out, "DelegateMax", PROTOCOL_VERSION);
    rpc_put_unsigned(out, "DelegateMin", PROTOCOL_VERSION);
    rpc_put_text(out, "Name", p->name);
    rpc_put_unsigned(out, "Port", p->addr.port);
    rpc_put_unsigned(out, "ProtocolCur", PROTOCOL_VERSION);
    rpc_put_unsigned(out, "ProtocolMax", PROTOCOL_VERSION);
    rpc_put_unsigned(out, "ProtocolMin", PROTOCOL_VERSION);
    rpc_put_text(out, "Status", gossip_status_text(member->status));
    control_members_put_tags(out, "Tags", p);
    rpc_end(out);
}

void control_members_put(struct rpc_out *out, const char *key, const struct gossip_member *member)
{
    struct record_member text;
    fields_put(out, key, &member_fields, record_member(&text, member));
}

/* ---- filters ---- */

/* Which of a member's texts a pattern is for. tag: only for SUBJECT_TAG. */
enum subject { SUBJECT_STATUS, SUBJECT_NAME, SUBJECT_TAG };

struct condition {
    enum subject subject;
    char tag[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    struct pattern pattern;
};

/* All must fit. */
struct filter {
    struct condition conditions[PATTERNS_MAX];
    size_t count;
};

static void filter_free(struct filter *f)
{
    while (f->count > 0)
        pattern_free(&f->conditions[--f->count].pattern);
}

/* Takes one more condition. NULL: all well; else the error to answer with. */
static const char *filter_add(struct filter *f, struct control_request *r, enum subject subject,
                              struct rpc_text expression)
{
    char text[PATTERN_BYTES_MAX + 2], shown[SHOWN_BYTES], why[PATTERN_ERROR_BYTES];
    size_t len = expression.len < sizeof text ? expression.len : sizeof text - 1;
    memcpy(text, expression.bytes, len);
    text[len] = '\0';
    if (strlen(text) < len)
        return CONTROL_MALFORMED;
    f->conditions[f->count].subject = subject;
    if (pattern_compile(&f->conditions[f->count].pattern, text, why)) {
        f->count++;
        return NULL;
    }
    text_escape(shown, sizeof shown, text);
    snprintf(r->error, sizeof r->error, "invalid regular expression: \"%s\": %s", shown, why);
    return r->error;
}

static const char *filter_add_tags(struct filter *f, struct control_request *r)
{
    msgpack_object_map tags = {0};
    if (!rpc_get_map(r->body, "Tags", &tags))
        return CONTROL_MALFORMED;
    if (tags.size > TAG_PATTERNS_MAX)
        return "too many tags";
    const char *wrong = NULL;
    for (uint32_t i = 0; i < tags.size && !wrong; i++) {
        char *tag = f->conditions[f->count].tag;
        struct rpc_text expression;
        if (rpc_as_string(&tags.ptr[i].key, tag, sizeof f->conditions[0].tag) &&
            rpc_as_text(&tags.ptr[i].val, &expression))
            wrong = filter_add(f, r, SUBJECT_TAG, expression);
        else
            wrong = CONTROL_MALFORMED;
    }
    return wrong;
}

/* NULL: all well; else the error to answer with. Either way to be freed. */
static const char *filter_read(struct filter *f, struct control_request *r)
{
    struct rpc_text status = {"", 0}, name = {"", 0};
    const char *wrong = NULL;
    if (!rpc_get_text(r->body, "Status", &status) || !rpc_get_text(r->body, "Name", &name))
        return CONTROL_MALFORMED;
    if (status.len > 0)
        wrong = filter_add(f, r, SUBJECT_STATUS, status);
    if (name.len > 0 && !wrong)
        wrong = filter_add(f, r, SUBJECT_NAME, name);
    return wrong ? wrong : filter_add_tags(f, r);
}

static const char *subject_text(const struct condition *condition,
                                const struct gossip_member *member)
{
    const struct gossip_profile *p = member->profile;
    const char *value;
    switch (condition->subject) {
    case SUBJECT_STATUS:
        return gossip_status_text(member->status);
    case SUBJECT_NAME:
        return p->name;
    default:
        value = fields_tag(&(struct fields_tags){p->tags, p->tags_bytes}, condition->tag);
        return value ? value : ""; /* as Serf has it */
    }
}

/* The first condition that does not hold decides. Too costly too: the time until_us is over. */
static enum pattern_result filter_match(const struct filter *f, const struct gossip_member *member,
                                        int64_t until_us)
{
    enum pattern_result result = PATTERN_MATCHES;
    for (size_t i = 0; i < f->count && result == PATTERN_MATCHES; i++) {
        const struct condition *condition = &f->conditions[i];
        if (host_now_us() > until_us)
            return PATTERN_TOO_COSTLY;
        result = pattern_match(&condition->pattern, subject_text(condition, member));
    }
    return result;
}

/* ---- the commands ---- */

static const char *members_answer(struct control_request *r, const struct filter *f)
{
    int64_t until_us = host_now_us() + FILTER_US_MAX;
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    struct gossip_member member;
    size_t cursor = 0;
    rpc_map_begin(out, NULL);
    rpc_array_begin(out, "Members");
    while (gossip_next_member(host_view(r->parts->host), &cursor, &member)) {
        enum pattern_result result = filter_match(f, &member, until_us);
        if (result == PATTERN_TOO_COSTLY)
            return "invalid regular expression: it takes too long";
        if (result == PATTERN_DIFFERS)
            continue;
        control_members_put_serf(out, &member);
    }
    rpc_end(out);
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

const char *control_members_all(struct control_request *r)
{
    const struct filter everybody = {.count = 0};
    return members_answer(r, &everybody);
}

const char *control_members_filtered(struct control_request *r)
{
    struct filter f = {.count = 0};
    const char *wrong = filter_read(&f, r);
    const char *error = wrong ? wrong : members_answer(r, &f);
    filter_free(&f);
    return error;
}

const char *control_members_view(struct control_request *r)
{
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    struct gossip_member member;
    size_t cursor = 0;
    rpc_map_begin(out, NULL);
    rpc_array_begin(out, "members");
    while (gossip_next_member(host_view(r->parts->host), &cursor, &member))
        control_members_put(out, NULL, &member);
    rpc_end(out);
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}
