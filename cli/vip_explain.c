#include "cli/print.h"
#include "cli/vip.h"

#include <inttypes.h>

/* A host beside an address: one that waits for it, or a voter. */
struct vip_host {
    const char *name, *note;
    uint64_t priority;
};

#define VIP_HOST(field, type, is_optional)                                                         \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct vip_host, field),                  \
        .optional = is_optional                                                                    \
    }
static const struct fields_entry host_entries[] = {
    VIP_HOST(name, FIELDS_TEXT, false),
    VIP_HOST(note, FIELDS_TEXT, true),
    VIP_HOST(priority, FIELDS_UNSIGNED, true),
};
static const struct fields host_fields = FIELDS(host_entries);

static bool host_at(const msgpack_object *list, size_t i, msgpack_zone *zone, struct vip_host *host)
{
    msgpack_object_array array;
    *host = (struct vip_host){.name = "", .note = ""};
    return fields_array(list, &array) && i < array.size &&
           !fields_read(&array.ptr[i], &host_fields, zone, host);
}

/* A row for each text of a list. */
static void print_parts(const char *name, const msgpack_object *list)
{
    msgpack_object_array array;
    if (!list || !fields_array(list, &array))
        return;
    for (uint32_t i = 0; i < array.size; i++)
        if (array.ptr[i].type == MSGPACK_OBJECT_STR)
            print_row(i == 0 ? name : "", "%.*s", (int)array.ptr[i].via.str.size,
                      array.ptr[i].via.str.ptr);
}

static void print_holder(const struct vip *vip)
{
    const struct vip_record *r = &vip->record;
    print_row("holder", "%s, epoch %" PRIu64, *r->holder ? r->holder : "nobody", r->epoch);
    if (*vip->since)
        print_row("since", "%s%s%s", vip->since, *vip->why ? ": " : "", vip->why);
}

static void vip_explain_print(const struct vip *vip, msgpack_zone *zone)
{
    const struct vip_record *r = &vip->record;
    struct vip_host host;
    print_row("vip", "%s", r->name);
    print_row("address", "%s on %s", r->address, r->interface);
    msgpack_object_array addresses;
    if (vip->addresses && fields_array(vip->addresses, &addresses) && addresses.size > 1)
        print_parts("addresses", vip->addresses);
    print_parts("routes", vip->routes);
    print_parts("rules", vip->rules);
    print_parts("track", vip->track);
    print_holder(vip);
    print_row("here", "%s%s%s", vip->state, *vip->obstacle ? ": " : "", vip->obstacle);
    if (*vip->failure)
        print_row("failure", "%s", vip->failure);
    if (vip->left_ms)
        print_row("lease", "%" PRIu64 " ms, %" PRIu64 " ms left, priority %" PRIu64, vip->lease_ms,
                  vip->left_ms, vip->priority);
    else
        print_row("lease", "%" PRIu64 " ms, not held here, priority %" PRIu64, vip->lease_ms,
                  vip->priority);
    print_row("fence", vip->gate ? "the kernel ends it by itself" : "none in this kernel");
    print_row("quorum", "%s, list version %" PRIu64,
              vip->quorum ? "enough voters are alive and agree"
                          : "too few voters are alive and agree",
              vip->version);
    for (size_t i = 0; host_at(vip->waiting, i, zone, &host); i++)
        print_row(i == 0 ? "waiting" : "", "%s, priority %" PRIu64, host.name, host.priority);
    for (size_t i = 0; host_at(vip->voters, i, zone, &host); i++)
        print_row(i == 0 ? "voters" : "", "%s: %s", host.name, host.note);
}

int vip_explain_run(struct cli *cli, char **arguments)
{
    struct vip vip;
    if (vip_ask(&cli->client, arguments[0], &vip) != CLIENT_OK)
        return cli_failed(cli, arguments[0]);
    if (cli->json)
        return cli_print_answer(cli);
    vip_explain_print(&vip, cli->client.body.zone);
    return CLI_YES;
}
