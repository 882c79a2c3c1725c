/* config_vip_fixture: what floating addresses need in a configuration, and a host's interfaces. */
#ifndef MUSTER_CONFIG_VIP_FIXTURE_H
#define MUSTER_CONFIG_VIP_FIXTURE_H

#include "tests/unit/config_fixture.h"

#include <net/if.h>

#define QUORUM "quorum { voters = {db1, db2, witness1} }\n"
#define VIP "vip web { address = \"10.0.0.30/32\" interface = eth0 "

static char interface_names[64][IFNAMSIZ] = {"lo", "eth0", "eth1"};

/* What interfaces there are is the test's to choose. */
struct if_nameindex *if_nameindex(void)
{
    static struct if_nameindex all[COUNT(interface_names) + 1];
    for (unsigned i = 0; i < COUNT(interface_names) && interface_names[i][0] != '\0'; i++)
        all[i] = (struct if_nameindex){i + 1, interface_names[i]};
    return all;
}

unsigned if_nametoindex(const char *name)
{
    for (unsigned i = 0; i < COUNT(interface_names); i++)
        if (strcmp(interface_names[i], name) == 0)
            return i + 1;
    return 0;
}

void if_freenameindex(struct if_nameindex *all)
{
    (void)all;
}

#endif
