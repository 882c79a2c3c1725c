/* config_scan: what a configuration's text must be before libConfuse may read it. */
#ifndef MUSTER_CONFIG_SCAN_H
#define MUSTER_CONFIG_SCAN_H

#include <stdbool.h>

/* Does what libConfuse 3.3 has no switch for:
 * - "${NAME}" is refused. libConfuse would put the environment's value there, and one file must
 * mean the same under systemd and in a shell. '${NAME}' stays as it is.
 * - Escapes by number are refused: "\0" would end a value early.
 * - Comments are blanked out. libConfuse counts the lines of block comments once too often, and
 *   takes no comment inside a list.
 * - Strings, comments and braces that are not closed are refused where they begin, and not where
 *   the file ends.
 * Functions and includes need no care: none is registered. False: *why says what is wrong and what
 * would do, and *line where it begins. */
bool config_scan(char *text, const char **why, int *line);

#endif
