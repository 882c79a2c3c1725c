/* config_scan: what a configuration's text must be before libConfuse may read it. */
#ifndef MUSTER_CONFIG_SCAN_H
#define MUSTER_CONFIG_SCAN_H

#include <stdbool.h>

/* Blanks comments out (libConfuse 3.3 counts their lines more than once, so that later errors would
 * name the wrong line) and refuses what it would take in ways that surprise: strings that are not
 * closed on their line, comments and braces that are never closed, escapes by number, and
 * "${NAME}", which it replaces from the environment: the same file must mean the same under systemd
 * and in a shell. False: *why says what is wrong and what would do, and *line where it begins. */
bool config_scan(char *text, const char **why, int *line);

#endif
