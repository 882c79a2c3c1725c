/* handler_output: logs the output of a running script line by line, within limits. */
#ifndef MUSTER_AGENT_HANDLER_OUTPUT_H
#define MUSTER_AGENT_HANDLER_OUTPUT_H

struct event_base;
struct handler_output;

/* Makes a pipe and reads it from now on. *write_end is for the script, and the caller's to close
 * once the script has it. name: of the handler, before every line (borrowed). NULL with errno set.
 */
struct handler_output *handler_output_new(struct event_base *base, const char *name,
                                          int *write_end);

/* Logs what the pipe holds now and how many lines went unlogged, closes our end, and frees o. */
void handler_output_end(struct handler_output *o);

#endif
