#include "cli/vip.h"

#include <string.h>

enum {
    DRAIN_MS = 3000,
    DRAIN_MAX = 1024, /* addresses that are looked after */
};

static bool is_here(const struct vip *vip)
{
    return strcmp(vip->state, "out") != 0 && strcmp(vip->state, "waiting") != 0;
}

/* Remembers which were here. True: none is any more, and others have what was. */
static bool is_drained(const struct vip_list *list, bool was_here[DRAIN_MAX])
{
    bool drained = true;
    for (size_t i = 0; i < list->count && i < DRAIN_MAX; i++) {
        const struct vip *vip = &list->vips[i];
        was_here[i] |= is_here(vip);
        drained &= !is_here(vip) && (!was_here[i] || *vip->record.holder);
    }
    return drained;
}

/* The time is over: names what is still here, or held by nobody. */
static int drain_give_up(const struct cli *cli, const struct vip_list *list,
                         const bool was_here[DRAIN_MAX])
{
    bool any_here = false;
    for (size_t i = 0; i < list->count && i < DRAIN_MAX; i++) {
        const struct vip *vip = &list->vips[i];
        bool here = is_here(vip);
        any_here |= here;
        if (here || (was_here[i] && !*vip->record.holder))
            cli_say(cli, "\"%s\" %s", vip->record.name,
                    here ? "is still here" : "is held by nobody now");
    }
    return any_here ? CLI_NO : cli_done(cli, NULL, "drained");
}

int drain_run(struct cli *cli, int argc, char **argv)
{
    bool was_here[DRAIN_MAX] = {false};
    struct vip_list list;
    cli_arguments(cli, argc, argv, 0, 0);
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    if (vip_list(client, &list) == CLIENT_OK) {
        is_drained(&list, was_here);
        client_ask(client, false, "drain");
    }
    int64_t end_ms = client_now_ms() + DRAIN_MS;
    do {
        vip_pause();
        if (vip_list(client, &list) != CLIENT_OK)
            return cli_failed(cli, NULL);
        if (is_drained(&list, was_here))
            return cli_done(cli, NULL, "drained");
    } while (client_now_ms() < end_ms);
    return drain_give_up(cli, &list, was_here);
}
