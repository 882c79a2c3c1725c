/* ip_tables: names of routing tables, as iproute2 has them on this host (rt_tables). */
#ifndef MUSTER_CONFIG_IP_TABLES_H
#define MUSTER_CONFIG_IP_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#define IP_TABLES_MAIN 254 /* RT_TABLE_MAIN */

/* The number of the table of that name. False: no table has it. */
bool ip_tables_find(const char *name, uint32_t *table);

#endif
